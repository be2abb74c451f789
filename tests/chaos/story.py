"""What happened to a broken message: its own dates, the faults around it, and what each process logged then."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.accountant import Broken
from tests.chaos.injector import Hit
from tests.chaos.ledger import BrokerEnd, Call, Ledger, Letter

_AROUND_S = 5.0
_LONGEST_S = 60.0
_LINES = 12


def tell(broken: Broken, ledger: Ledger, hits: Sequence[Hit], logs: Path) -> str:
    """The whole story, many lines."""
    lines = [f"## {broken.what}: {broken.which}"]
    if broken.about is None:
        return "\n".join(lines)
    lines += _facts(broken.about, ledger)
    begin, end = _span(broken.about)
    lines += ["faults around it:"]
    lines += [f"  {hit}" for hit in hits if hit.at < end and hit.until > begin] or ["  none"]
    for log in sorted(logs.glob("*.log")):
        said = list(_said(log, begin, end))
        if said:
            lines += [f"{log.stem} logged:", *(f"  {line}" for line in said[:_LINES])]
        if len(said) > _LINES:
            lines += [f"  ... {len(said) - _LINES} more"]
    return "\n".join(lines)


def _facts(about: Letter | Call, ledger: Ledger) -> Iterator[str]:
    yield f"topic {about.topic}, payload {about.payload[:200]!r}"
    yield f"born {_clock(about.born_at)}"
    if isinstance(about, Call):
        yield f"sent {', '.join(map(_clock, about.sendings)) or 'never'}"
        receipts = [f"{_clock(at)} {status} {alarm}" for at, status, alarm in about.receipts]
        yield f"receipts {', '.join(receipts) or 'none'}"
        return
    acked = "never" if about.acked_at is None else f"{_clock(about.acked_at)} by broker {about.ack_broker}"
    yield f"sent {about.sendings} times, last {_clock(about.sent_at)}; acknowledged {acked}, code {about.ack_code:#x}"
    ends = [
        f"{number}: {_clock(end.at)}, {_saved(end)}"
        for number, end in enumerate(ledger.ends) if abs(end.at - (about.acked_at or about.born_at)) < 2 * _LONGEST_S
    ]  # fmt: skip
    yield f"brokers ended {'; '.join(ends) or 'none'}"
    returns = [f"{_clock(at)} to {broker}" for at, broker in ledger.came_back.get(about.gateway, ())
               if abs(at - about.born_at) < 2 * _LONGEST_S]  # fmt: skip
    yield f"gateway came back {', '.join(returns) or 'never'}"


def _saved(end: BrokerEnd) -> str:
    if end.saved_at is None:
        return "store lost"
    return "all saved" if end.saved_at > end.at else f"saved {_clock(end.saved_at)}"


def _span(about: Letter | Call) -> tuple[float, float]:
    if isinstance(about, Call):
        last = max([*about.sendings[-1:], *(at for at, _, _ in about.receipts[-1:]), about.born_at])
    else:
        last = max(about.acked_at or 0.0, about.sent_at, about.born_at)
    return about.born_at - _AROUND_S, min(last, about.born_at + _LONGEST_S) + _AROUND_S


def _said(log: Path, begin: float, end: float) -> Iterator[str]:
    with log.open(errors="replace") as file:
        for line in file:
            at = _time_of(line)
            if at is not None and begin <= at <= end:
                yield line.strip()[:300]


def _time_of(line: str) -> float | None:
    """Ours are JSON with `timestamp`; PostgreSQL and Mosquitto begin theirs with it."""
    try:
        if line.startswith("{"):
            return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
        head = line.split(" UTC", 1)[0] if " UTC" in line[:40] else line.split(": ", 1)[0]
        at = datetime.fromisoformat(head.strip())
    except (ValueError, KeyError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}"
