"""A day in somebody's life: which room, doing what, from when to when. One seed and date always give one day.

Made-up people with ordinary days: up at about seven, meals, the market, a walk, to bed at about nine, up once or twice
at night; some with a siesta, bad nights, or a club on Tuesdays. Everybody is in bed, or away, at midnight, so that
every day can be made without the one before.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import cos, pi

DAY_S = 24 * 3600
_EVERY_DAY = frozenset(range(7))
#: Through the hall from one room to the next.
_PASSING_S = (12, 30)


class Doing(StrEnum):
    """What somebody is doing, as far as a sensor can tell."""

    ASLEEP = "asleep"
    NAP = "nap"
    QUIET = "quiet"
    BUSY = "busy"
    OUT = "out"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Stay:
    """From `begin_s` to before `end_s` (seconds of local time since midnight) in one room; None: out of the house."""

    begin_s: int
    end_s: int
    room: str | None
    doing: Doing


@dataclass(frozen=True, slots=True)
class Outing:
    """A reason to leave the house: begins in `start_min` (minutes of local time), lasts `minutes`, on `weekdays`
    (Monday 0) with this chance."""

    start_min: tuple[int, int]
    minutes: tuple[int, int]
    chance: float = 1.0
    weekdays: frozenset[int] = _EVERY_DAY


MARKET = Outing((540, 600), (60, 61))
WALK = Outing((930, 1020), (40, 41))


@dataclass(frozen=True, slots=True)
class Habits:
    """What days have in common. Ranges in minutes of local time; `siesta`, `nap`, `bad_night`: the share of days.

    `night_visits`: how often up at night, one of these by chance. `season_min`: so much later up, and earlier to bed,
    in midwinter than in spring. `weekend_min`: so much later up on Saturday and Sunday.
    """

    up_min: tuple[int, int] = (375, 450)
    to_bed_min: tuple[int, int] = (1230, 1320)
    night_visits: tuple[int, ...] = (1, 1, 2)
    outings: tuple[Outing, ...] = (MARKET, WALK)
    siesta: float = 0.0
    nap: float = 0.0
    bad_night: float = 0.0
    season_min: int = 0
    weekend_min: int = 0


def plan_day(seed: str, day: date, habits: Habits) -> tuple[Stay, ...]:
    """The day without a gap, from midnight to midnight."""
    return _merged(_Plan(seed, day, habits).stays())


class _Plan:
    def __init__(self, seed: str, day: date, habits: Habits) -> None:
        self._chance = chance = random.Random(f"{seed}/{day}")
        self._day, self._habits = day, habits
        winter = round(habits.season_min * (1 + cos(2 * pi * (day.timetuple().tm_yday - 15) / 365)) / 2)
        late = habits.weekend_min if day.weekday() >= 5 else 0
        self._bad = chance.random() < habits.bad_night
        self._up = (chance.randrange(*habits.up_min) + winter + late) * 60 + chance.randrange(60)
        if self._bad:
            self._up += chance.randrange(-40, 75) * 60
        self._to_bed = (chance.randrange(*habits.to_bed_min) - winter) * 60 + chance.randrange(60)
        self._toilet_due = 0

    def stays(self) -> Iterator[Stay]:
        yield from self._night()
        now = self._up
        self._toilet_due = now
        for begin, end, room, doing in sorted(self._blocks()):
            yield from self._fill(now, begin)
            yield Stay(begin, end, room, doing)
            now = end
        yield from self._fill(now, self._to_bed)
        yield Stay(self._to_bed, DAY_S, "bedroom", Doing.ASLEEP)

    def _night(self) -> Iterator[Stay]:
        """In bed but for visits to the toilet; on a bad night more of them, and an hour or two up in between."""
        chance = self._chance
        visits = chance.choice(self._habits.night_visits) + (chance.choice((1, 2, 3)) if self._bad else 0)
        now = 0
        for begin in sorted(chance.randrange(60, 5 * 60) * 60 + chance.randrange(60) for _ in range(visits)):
            if begin < now + 1200 or begin > self._up - 1800:
                continue
            yield Stay(now, begin, "bedroom", Doing.ASLEEP)
            now = begin
            for room, seconds in (
                ("hall", chance.randrange(*_PASSING_S)),
                ("toilet", chance.randrange(150, 420)),
                ("hall", chance.randrange(*_PASSING_S)),
            ):
                yield Stay(now, now + seconds, room, Doing.BUSY)
                now += seconds
            if self._bad and chance.random() < 0.35:
                awake = min(now + chance.randrange(1200, 6600), self._up - 1500)
                if awake > now:
                    yield Stay(now, awake, "living_room", Doing.QUIET)
                    now = awake
        yield Stay(now, self._up, "bedroom", Doing.ASLEEP)

    def _blocks(self) -> list[tuple[int, int, str | None, Doing]]:
        """What the day is built around. Where two overlap the first named wins: outings, meals, siesta, nap, wash."""
        chance, habits = self._chance, self._habits
        wanted: list[tuple[int, int, str | None, Doing]] = []
        for outing in habits.outings:
            begin = chance.randrange(*outing.start_min)
            minutes = chance.randrange(*outing.minutes)
            if self._day.weekday() in outing.weekdays and chance.random() < outing.chance:
                wanted.append((begin * 60, (begin + minutes) * 60, None, Doing.OUT))
        breakfast = self._up // 60 + chance.randrange(15, 30)
        lunch, dinner = chance.randrange(685, 715), chance.randrange(1050, 1085)
        meals = ((breakfast, (12, 25)), (lunch, (25, 45)), (dinner, (25, 45)))
        for begin, (low, high) in meals:
            wanted.append((begin * 60, (begin + chance.randrange(low, high)) * 60, "kitchen", Doing.BUSY))
        siesta, nap, wash = chance.randrange(765, 795), chance.randrange(865, 900), self._to_bed // 60 - 30
        if chance.random() < habits.siesta:
            wanted.append((siesta * 60, (siesta + chance.randrange(50, 100)) * 60, "bedroom", Doing.ASLEEP))
        elif chance.random() < habits.nap:
            wanted.append((nap * 60, (nap + chance.randrange(30, 80)) * 60, "living_room", Doing.NAP))
        wanted.append((wash * 60, (wash + chance.randrange(12, 22)) * 60, "bathroom", Doing.BUSY))
        taken: list[tuple[int, int, str | None, Doing]] = []
        for block in wanted:
            begin_s, end_s = block[:2]
            fits = self._up + 300 <= begin_s and end_s <= self._to_bed - 300
            if fits and all(end_s + 120 <= other[0] or other[1] + 120 <= begin_s for other in taken):
                taken.append(block)
        return taken

    def _fill(self, now: int, until: int) -> Iterator[Stay]:
        """Between the blocks: mostly sitting in the living room, now and then something to do, the toilet when due."""
        chance = self._chance
        while now < until:
            if now >= self._toilet_due:
                room, doing, seconds = "toilet", Doing.BUSY, chance.randrange(150, 420)
                self._toilet_due = now + chance.randrange(80 * 60, 200 * 60)
            else:
                (kind,) = chance.choices(_PASTIMES, _PASTIME_WEIGHTS)
                room, doing, (low, high) = kind
                seconds = chance.randrange(low * 60, high * 60)
            end = min(now + seconds, until)
            yield Stay(now, end, room, doing)
            if end < until:
                now = min(end + chance.randrange(*_PASSING_S), until)
                yield Stay(end, now, "hall", Doing.BUSY)
            else:
                now = end


_PASTIMES: tuple[tuple[str, Doing, tuple[int, int]], ...] = (
    ("living_room", Doing.QUIET, (15, 75)),
    ("living_room", Doing.BUSY, (4, 15)),
    ("kitchen", Doing.BUSY, (4, 18)),
    ("bedroom", Doing.BUSY, (3, 12)),
    ("bathroom", Doing.BUSY, (3, 10)),
)
_PASTIME_WEIGHTS = (5, 2, 2, 1, 1)


def _merged(stays: Iterator[Stay]) -> tuple[Stay, ...]:
    """Neighbours that are the same become one; empty ones go."""
    merged: list[Stay] = []
    for stay in stays:
        if stay.begin_s == stay.end_s:
            continue
        last = merged[-1] if merged else None
        if last is not None and (last.room, last.doing) == (stay.room, stay.doing):
            merged[-1] = Stay(last.begin_s, stay.end_s, stay.room, stay.doing)
        else:
            merged.append(stay)
    return tuple(merged)
