"""A night drawn by chance from its seed: who is there, which ladders hold, and what happens in which order.

What an act is about is chosen when it comes, among what is there then, by the numbers drawn for it here; so a night
from which acts have been taken out is still one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from alerts.policy import Policy, Step

_T = TypeVar("_T")

#: Name, role, and how the home knows him.
CAST = (
    ("desk", "operator", None),
    ("night-desk", "operator", None),
    ("manager", "manager", None),
    ("lin", "caregiver", None),
    ("chen", "caregiver", None),
    ("wu", "caregiver", None),
    ("passer-by", "caregiver", "assigned"),
    ("mrs-ma", "neighbour", "neighbour"),
    ("mr-he", "volunteer", "volunteer"),
    ("sister", "family", "family"),
)
TARGETS = ("rota:1", "rota:2", "rota:3", "desk", "district", "manager", "assigned", "neighbours", "volunteers",
           "family", "person:wu", "person:night-desk")  # fmt: skip
CHANNELS = ("sms", "voice", "email")
KINDS = ("sos", "smoke", "fall", "assist", "inactivity", "door", "battery")

#: What happens, and how often.
ACTS = {
    "press": 5.0, "take_back": 1.2, "move": 14.0, "together": 1.5, "by_link": 1.5, "by_reply": 1.5, "by_key": 1.2,
    "sign_off": 0.8, "board_silent": 0.6, "report": 4.0, "provider": 2.0, "time_passes": 8.0, "engine_is_dead": 2.0,
    "clock_goes_back": 0.8, "absent": 0.8, "override": 0.8, "shift": 0.8, "leaves": 0.3, "method_removed": 0.4,
    "ladder_changed": 0.6,
}  # fmt: skip
SPANS_S = (1, 5, 19, 21, 31, 59, 61, 91, 119, 121, 181, 301, 601, 1_801, 3_601)
_KILLED = 0.3
_MOMENTS = 60


@dataclass(frozen=True, slots=True)
class Act:
    """`killed_at`: the process dies at this moment of its work (a statement, a commit, a send), where it comes so far.
    `settles`: all that is due is dealt with before the next act."""

    what: str
    picks: tuple[float, ...]
    killed_at: int | None
    settles: bool

    def pick(self, number: int, options: Sequence[_T]) -> _T:
        """One of `options` by the number drawn for this choice."""
        return options[int(self.picks[number] * len(options))]

    def __str__(self) -> str:
        """As a failure shows it."""
        killed = f", killed at moment {self.killed_at}" if self.killed_at is not None else ""
        return f"{self.what}{killed}{'' if self.settles else ', nobody looks'}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A ladder and what it is for (`alerts.choosing`). `place`: station, home or area."""

    ladder: Policy
    place: str
    kind: str | None
    priority: int | None
    span: tuple[time, time] | None


@dataclass(frozen=True, slots=True)
class Method:
    """One of a person's methods. `dead`: nothing can ever be delivered there."""

    channel: str
    wait_s: int
    dead: bool


@dataclass(frozen=True, slots=True)
class Night:
    """All of it."""

    seed: str
    zone: str
    starts_at: datetime
    rules: tuple[Rule, ...]
    methods: dict[str, tuple[Method, ...]]
    turns: tuple[str, ...]
    handover: time
    acts: tuple[Act, ...]


def draw(seed: str, acts: int = 18) -> Night:
    """The night of this seed."""
    chance = Random(seed)
    zone = chance.choice(("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))
    rules = [_rule(chance, "station", None, None, None)]
    if chance.random() < 0.6:
        ends = time(chance.randrange(24), chance.choice((0, 30)))
        rules.append(_rule(chance, "station", None, None, (time((ends.hour + 11) % 24, 15), ends)))
    for _ in range(chance.randrange(3)):
        place = chance.choice(("home", "station", "area"))
        rules.append(_rule(chance, place, chance.choice((*KINDS, None)), None, None))
    if chance.random() < 0.4:
        rules.append(_rule(chance, "area", None, chance.randrange(2), None))
    unlike = {(one.place, one.kind, one.priority, one.span): one for one in rules}
    methods = {
        name: tuple(
            Method(channel, chance.choice((0, 5, 20, 60)), chance.random() < 0.08)
            for channel in chance.sample(CHANNELS, chance.choice((0, 1, 1, 2, 2, 3)))
        )
        for name, _, _ in CAST
    }
    turns = tuple(chance.sample(("lin", "chen", "wu"), chance.randint(1, 3)))
    return Night(
        seed, zone, _begin(chance, ZoneInfo(zone)), tuple(unlike.values()), methods, turns,
        time(chance.randrange(24), chance.choice((0, 15, 30))), tuple(_act(chance) for _ in range(acts)),
    )  # fmt: skip


def _act(chance: Random) -> Act:
    (what,) = chance.choices(list(ACTS), list(ACTS.values()))
    killed_at = int(_MOMENTS * chance.random() ** 2) if chance.random() < _KILLED else None
    return Act(what, tuple(chance.random() for _ in range(8)), killed_at, chance.random() < 0.8)


def _begin(chance: Random, zone: ZoneInfo) -> datetime:
    """Any hour of a year; every other night begins within the hours before the clocks change, where they do."""
    year = datetime(2027, 1, 1, tzinfo=UTC)
    hours = [year + timedelta(hours=hour) for hour in range(0, 8_760, 6)]
    changes = [one for one in hours if _offset(one, zone) != _offset(one + timedelta(hours=6), zone)]
    if changes and chance.random() < 0.5:
        return chance.choice(changes) + timedelta(minutes=chance.randrange(360))
    return chance.choice(hours) + timedelta(seconds=chance.randrange(21_600))


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _rule(
    chance: Random, place: str, kind: str | None, priority: int | None, span: tuple[time, time] | None
) -> Rule:  # fmt: skip
    return Rule(_ladder(chance), place, kind, priority, span)


def _ladder(chance: Random) -> Policy:
    steps = tuple(
        Step(chance.choice((0, 0, 5, 30, 60, 300)), tuple(chance.sample(TARGETS, chance.randint(1, 3))))
        for _ in range(chance.randint(1, 4))
    )
    return Policy(
        name=f"ladder {chance.randrange(10_000)}", steps=steps, loop_s=chance.choice((30, 120, 600)),
        repeat=chance.choice((0, 0, 1, 2)), last_resort_s=chance.choice((None, 1, 60, 300)),
        acknowledged_s=chance.choice((30, 120)), accepted_s=chance.choice((60, 180)),
        en_route_s=chance.choice((300, 1_800)), on_scene_s=chance.choice((600, 3_600)),
        reopen_s=chance.choice((0, 600, 86_400)),
    )  # fmt: skip
