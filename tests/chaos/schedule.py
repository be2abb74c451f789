"""What will go wrong and when: drawn by chance from a seed before the run, so that it can be played again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

LANES = ("ingest-alarm", "ingest-reading")
SERVICES = ("alerts", "api", "scheduler")

#: Longer than the broker's patience (1.5 x the keepalive of 10 s) and than a lease.
LONG_S = (18.0, 30.0)
SHORT_S = (0.2, 4.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. `targets` are drawn from with equal chance; `spans_s`: how long it lasts, None at once."""

    weight: float
    targets: tuple[str, ...] = ("",)
    spans_s: tuple[float, float] | None = None


_PROCESSES = (*LANES, *LANES, *SERVICES)
_DATABASE_USERS = ("ingest-alarm", "ingest-reading", "alerts", "api", "scheduler")
_BROKER_LINES = ("ingest-alarm:broker", "ingest-reading:broker", "gateways", "gateways")
_DATABASE_LINES = ("ingest-alarm:database", "ingest-reading:database", "alerts:database", "api:database")
_TABLES = ("inbox", "reading", "device_state", "home_state", "alarm", "deadline", "watermark")

KINDS: Mapping[str, Kind] = {
    # Processes of ours.
    "kill": Kind(14, _PROCESSES),
    "kill_in_transaction": Kind(8, (*LANES, "alerts")),
    "kill_at_commit": Kind(6, LANES),
    "terminate": Kind(5, _PROCESSES),
    "freeze": Kind(6, _PROCESSES, SHORT_S),
    "freeze_long": Kind(1.2, (*LANES, "alerts"), LONG_S),
    # The broker.
    "broker_kill": Kind(4),
    "broker_terminate": Kind(1.5),
    "broker_freeze": Kind(2, spans_s=SHORT_S),
    "broker_freeze_long": Kind(0.4, spans_s=LONG_S),
    "broker_lose_store": Kind(1.2),
    # The database.
    "database_kill": Kind(1.5),
    "database_restart": Kind(0.8),
    "backend_terminate": Kind(8, _DATABASE_USERS),
    "backend_terminate_in_transaction": Kind(6, (*LANES, "alerts")),
    "backend_cancel": Kind(4, (*LANES, "alerts", "api")),
    "backend_kill": Kind(3, (*LANES, "alerts", "api")),
    "backend_freeze": Kind(3, (*LANES, "alerts"), (0.2, 6.0)),
    "table_lock": Kind(3, _TABLES, (0.5, 12.0)),
    # Lines.
    "line_reset": Kind(7, (*_BROKER_LINES, *_DATABASE_LINES)),
    "line_stall": Kind(5, (*_BROKER_LINES, *_DATABASE_LINES), SHORT_S),
    "line_stall_long": Kind(0.8, _BROKER_LINES, LONG_S),
    "line_dead": Kind(5, _BROKER_LINES),
    "line_refuses": Kind(2, (*_BROKER_LINES, *_DATABASE_LINES), SHORT_S),
    # What is sent.
    "poison": Kind(7),
    "garbage_flood": Kind(1.5),
    "backlog": Kind(3),
    "repeats": Kind(5),
    "old_news": Kind(3),
    "clock_wrong": Kind(2, ("past", "future"), (1.0, 5.0)),
    "all_hang_up": Kind(1),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `pick` (0 to 1) chooses among what is there at the time: a connection, a gateway, a backend."""

    number: int
    at_s: float
    kind: str
    target: str
    span_s: float
    pick: float

    def __str__(self) -> str:
        span = f" for {self.span_s:.1f} s" if self.span_s else ""
        return f"{self.number:5d} {self.at_s:8.2f} s  {self.kind} {self.target}{span} ({self.pick:.4f})"


def draw(seed: int, count: int, seconds: float, longest_s: float = LONG_S[1]) -> Sequence[Fault]:
    """`count` faults within `seconds`, at times of chance: they come in bursts and overlap. Kinds that may last longer
    than `longest_s` are left out."""
    chance = Random(seed)
    kinds = {name: kind for name, kind in KINDS.items() if kind.spans_s is None or kind.spans_s[1] <= longest_s}
    times = sorted(chance.uniform(0, seconds) for _ in range(count))
    names, weights = list(kinds), [kind.weight for kind in kinds.values()]
    faults = []
    for number, at_s in enumerate(times, start=1):
        name = chance.choices(names, weights)[0]
        kind = kinds[name]
        target = chance.choice(kind.targets)
        span_s = chance.uniform(*kind.spans_s) if kind.spans_s else 0.0
        faults.append(Fault(number, at_s, name, target, span_s, chance.random()))
    return faults
