"""The lives by which detectors are judged, and those on which they may be tuned. Frozen: see `FROZEN`.

The judged ones are not looked at while a detector is tuned; whoever tunes uses the development ones, which are other
people with other seeds in the same kinds of households. A change of anything here, or of the simulator that makes
something else of it, changes the digest that `tests/unit/evaluation/test_scenarios.py` compares with `FROZEN`: then the
figures of docs/evaluation-scenarios.md are of other lives, and every one of them has to be made anew.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from hashlib import sha256
from zoneinfo import ZoneInfo

from device_sim.day import MARKET, WALK, Habits, Outing
from device_sim.lives.household import Away, Body, Household, Outage, Person
from device_sim.lives.life import Life
from device_sim.lives.mishap import Mishap
from device_sim.lives.mishaps import PICKS, pick
from device_sim.lives.told import Told

#: Detectors learn for four weeks; only what comes after counts.
LEARNING_DAYS = 28
JUDGED_DAYS = 42
#: Emergencies of each kind.
OF_EACH_KIND = 30

#: Digest of the judged and of the development lives' samples, as `digest` makes it. Changed once, before any figure of
#: judged lives was made: a band was taken off out of reach of its gateway, so that nobody could know.
FROZEN = {
    "judged": "ee3e585013addf4f3124f3d9b437d8ed6631a16f063b09329b6c76274bde9ea3",
    "development": "c57c102198eb72c20e75ac7088a25222a47670038a7d993e3c9de01ca213f983",
}

_CHINA = ZoneInfo("Asia/Shanghai")
_CLUB = Outing((810, 850), (100, 160), 0.9, frozenset({1, 3}))
_ERRAND = Outing((615, 690), (15, 45), 0.5)
_SELDOM = Outing((560, 640), (20, 50), 0.3)
_LONG = Outing((520, 560), (240, 420), 0.6, frozenset({2, 5}))

_ORDINARY = Habits(siesta=0.4, nap=0.3, bad_night=0.06, season_min=15, weekend_min=15)
_LATE = Habits((430, 510), (1310, 1385), (0, 1, 1, 2), (_CLUB, _ERRAND), 0.1, 0.4, 0.08, 10, 40)
_EARLY = Habits((300, 350), (1170, 1230), (1, 2, 2), (MARKET, WALK), 0.7, 0.1, 0.05, 25, 0)
_SLEEPLESS = Habits((360, 450), (1230, 1320), (2, 2, 3), (replace(MARKET, chance=0.7), WALK), 0.5, 0.4, 0.25, 10, 10)
_FRAIL = Habits((420, 500), (1200, 1260), (1, 2, 3), (_SELDOM,), 0.8, 0.6, 0.1, 20, 0)
_BUSY = Habits((345, 405), (1290, 1360), (0, 0, 1), (_LONG, replace(WALK, chance=0.8), _ERRAND), 0.0, 0.2, 0.04, 10, 20)


def _kinds() -> tuple[Household, ...]:
    """The kinds of households, without names, dates, absences and outages."""
    any_day, one = date(2026, 1, 1), (Person("a", _ORDINARY),)
    plain = Household("", _CHINA, any_day, LEARNING_DAYS + JUDGED_DAYS, one)
    located = (Person("a", _ORDINARY, located=True),)
    couple = (Person("a", _ORDINARY), Person("b", _EARLY, Body(66, 96, 15, 141, 82, 36.4), located=True))
    other_couple = (Person("a", _LATE, Body(76, 95.5, 17)), Person("b", _FRAIL, measures=False, checks_in=False))
    return (
        replace(plain, people=located, guests=0.1),
        replace(plain, people=(Person("a", _LATE, Body(78, 95.5, 17, 146, 84)),), guests=0.2, flush=True),
        replace(plain, people=couple, guests=0.1),
        replace(plain, people=(Person("a", _SLEEPLESS, Body(70, 96, 16)),), chatters=True),
        replace(plain, people=(Person("a", _EARLY, Body(63, 97, 14, 128, 75)),), pet=0.3, guests=0.1),
        replace(plain, zone=ZoneInfo("Europe/Berlin"), people=located, guests=0.15, flush=True),
        replace(plain, zone=ZoneInfo("America/New_York"), people=(Person("a", _BUSY, located=True),), late=0.02),
        replace(plain, people=other_couple, guests=0.3),
        replace(plain, people=(Person("a", _FRAIL, Body(82, 94.5, 19, 151, 86, 36.3)),), guests=0.25),
        replace(plain, people=(Person("a", _BUSY, Body(60, 97.5, 14), located=True),), guests=0.05),
        replace(plain, people=(Person("a", _ORDINARY, band=False, measures=False, mat=False, checks_in=False),),
                rooms=("living_room", "hall", "bedroom"), meter=False, fridge=False),
        replace(plain, people=(Person("a", _FRAIL, measures=False, mat=False),), rooms=("living_room", "kitchen"),
                flush=True, late=0.03, twice=0.03),
    )  # fmt: skip


@dataclass(frozen=True)
class Emergency:
    """One emergency: in which household, on which local date, and what."""

    household: Household
    day: date
    mishap: Mishap


@cache
def households(which: str) -> tuple[Household, ...]:
    """All households of a set: "judged" or "development"."""
    return tuple(_household(which, number, kind) for number, kind in enumerate(_kinds()))


def _household(which: str, number: int, kind: Household) -> Household:
    chance = random.Random(f"{which}/household/{number}")
    # The zones with summer time change it in the judged weeks; the others are spread over the year.
    first = date(2026, 1, 1) + timedelta(days=chance.randrange(300))
    if kind.zone.key == "Europe/Berlin":
        first = date(2026, 3, 29) - timedelta(days=LEARNING_DAYS + chance.randrange(5, 30))
    elif kind.zone.key == "America/New_York":
        first = date(2026, 11, 1) - timedelta(days=LEARNING_DAYS + chance.randrange(5, 30))
    home = replace(kind, name=f"{which[0]}{number + 1:02d}", first=first)
    return replace(home, aways=tuple(_aways(home, chance)), outages=tuple(_outages(home, chance)),
                   dying=_dying(chance) if number % 4 == 1 else None)  # fmt: skip


def _aways(home: Household, chance: random.Random) -> Iterator[Away]:
    """A day away in the learning weeks, another later, and one longer absence: entered for half of them."""

    def at(day: int, minute: int) -> datetime:
        return datetime(home.first.year, home.first.month, home.first.day) + timedelta(days=day, minutes=minute)  # noqa: DTZ001  local

    for begin, end in ((8, 20), (LEARNING_DAYS + 3, LEARNING_DAYS + 12)):
        day = chance.randrange(begin, end)
        yield Away(
            at(day, chance.randrange(500, 580)), at(day, chance.randrange(1080, 1170)), entered=False, what="day"
        )
    day, leaves, back = (
        LEARNING_DAYS + chance.randrange(14, 32),
        chance.randrange(540, 660),
        chance.randrange(840, 1080),
    )
    what, nights, entered = chance.choice((
        ("hospital", chance.randrange(4, 9), True), ("hospital", chance.randrange(2, 4), False),
        ("holiday", chance.randrange(3, 7), True), ("weekend", 1, False),
    ))  # fmt: skip
    yield Away(at(day, leaves), at(day + nights, back), entered, what)


def _outages(home: Household, chance: random.Random) -> Iterator[Outage]:
    """The home is off line for hours, once in the learning weeks and once later; one sensor is silent for days."""
    midnight = datetime(home.first.year, home.first.month, home.first.day)  # noqa: DTZ001  local
    for begin, end in ((4, 24), (LEARNING_DAYS + 2, LEARNING_DAYS + 40)):
        begins = midnight + timedelta(days=chance.randrange(begin, end), minutes=chance.randrange(1440))
        yield Outage(begins, begins + timedelta(minutes=chance.randrange(20, 900)), "gateway")
    begins = midnight + timedelta(days=LEARNING_DAYS + chance.randrange(2, 38), minutes=chance.randrange(1440))
    yield Outage(begins, begins + timedelta(hours=chance.randrange(20, 70)), f"motion-{chance.choice(home.rooms)}")


def _dying(chance: random.Random) -> tuple[str, int]:
    return chance.choice(("door", "motion-living_room")), LEARNING_DAYS + chance.randrange(0, 10)


@cache
def emergencies(which: str) -> tuple[Emergency, ...]:
    """`OF_EACH_KIND` of each kind, over the households in turn, at random times of the judged weeks."""
    return tuple(one for kind in PICKS for one in _of_kind(which, kind))


def _of_kind(which: str, kind: str) -> Iterator[Emergency]:
    made, attempt = 0, 0
    while made < OF_EACH_KIND:
        chance = random.Random(f"{which}/{kind}/{attempt}")
        household = households(which)[attempt % len(households(which))]
        day = household.first + timedelta(days=LEARNING_DAYS + chance.randrange(JUDGED_DAYS - 1))
        mishap = pick(kind, household, day, chance)
        if mishap is not None:
            yield Emergency(household, day, mishap)
            made += 1
        attempt += 1


def digest(which: str) -> str:
    """What the lives of a set come to: every emergency, and the messages of samples of them, on any machine."""
    whole = sha256()
    for one in emergencies(which):
        whole.update(repr((one.household.name, one.day, one.mishap)).encode())
    lives = {household.name: Life(household) for household in households(which)}
    for household in households(which):
        life = lives[household.name]
        whole.update(repr(life.truths()).encode())
        for told in life.day(household.first + timedelta(days=LEARNING_DAYS)):
            whole.update(_canonical(told))
    for one in emergencies(which)[::OF_EACH_KIND]:
        for day in (one.day, one.day + timedelta(days=1)):
            for told in lives[one.household.name].day(day, one.mishap):
                whole.update(_canonical(told))
    return whole.hexdigest()


def _canonical(told: Told) -> bytes:
    times = f"{told.received_at.timestamp():.3f} {told.time.timestamp():.3f}"
    return f"{times} {told.topic} {told.id} {told.type} {told.value} {told.unit} {sorted(told.data.items())}".encode()
