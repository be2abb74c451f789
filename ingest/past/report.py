"""What a look at past nights says: a table for people, one JSON object a line for programs. No names, no addresses."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.load import REAL
from ingest.past.comparison import Compared, Fate, WasRaised
from ingest.past.rules import Rules
from ingest.past.trial import Would

_TIME = "%Y-%m-%d %H:%M"


@dataclass(slots=True)
class Tally:
    """All that was compared. `unfit`: homes whose own parameters do not go with the rules."""

    fates: dict[str, Counter[str]] = field(default_factory=dict)
    homes: int = 0
    unfit: dict[UUID, str] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, one: Compared) -> None:
        """Count it under its kind."""
        counts = self.fates.setdefault(one.kind, Counter())
        counts[one.fate] += 1
        counts["raised"] += one.raised is not None
        counts["real"] += one.raised is not None and one.raised.outcome in REAL
        counts["now"] += one.now is not None
        counts["ruled"] += one.ruled is not None


@dataclass(frozen=True, slots=True)
class Report:
    """How it is told. `everything`: also what stays as it is. `since`: of what happened before it nothing is told."""

    zone: ZoneInfo
    began_at: datetime
    since: datetime
    until: datetime
    rules: Rules | None
    as_json: bool
    everything: bool

    def head(self) -> Iterator[str]:
        """What is about to come."""
        if self.as_json:
            return
        yield f"{self._time(self.since)} to {self._time(self.until)} ({self.zone.key})"
        yield f"read from {self._time(self.began_at)} on; rhythms learned anew each night, from what was read before it"
        for detector, values in (self.rules or {}).items():
            yield f"rules: {detector}: " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        yield ""
        ruled = f"  {'with rules':16}" if self.rules is not None else ""
        yield f"{'home':36}  {'kind':12}  {'raised':16}  {'outcome':14}  {'as set now':16}{ruled}  what becomes of it"

    def line(self, home: UUID, one: Compared) -> Iterator[str]:
        """One alarm."""
        if self.as_json:
            yield json.dumps(self._object(home, one), ensure_ascii=False)
        elif self.everything or one.fate is not Fate.SAME:
            ruled = f"  {self._at(one.ruled):16}" if self.rules is not None else ""
            outcome = "-" if one.raised is None else one.raised.outcome or "none"
            yield (
                f"{home!s:36}  {one.kind:12}  {self._at(one.raised):16}  {outcome:14}  {self._at(one.now):16}{ruled}  "
                f"{one.fate}{_shift(one.shift)}"
            )

    def foot(self, tally: Tally) -> Iterator[str]:
        """What it amounts to."""
        if self.as_json:
            yield json.dumps({"summary": self._summary(tally)})
            return
        yield ""
        fates = [one for one in Fate if self.rules is not None or one is not Fate.RAISED_ONLY]
        columns = ["raised", "real", "now", *(["ruled"] if self.rules is not None else []), *fates]
        shown = {"now": "as set now", "ruled": "with rules"}
        yield f"{'kind':12}" + "".join(f"  {shown.get(one, one):>11}" for one in columns)
        for kind, counts in sorted(tally.fates.items()):
            yield f"{kind:12}" + "".join(f"  {counts[one]:>11}" for one in columns)
        yield f"{tally.homes} homes looked at; nothing was written, nobody was called."
        yield from _notes(tally)

    def _summary(self, tally: Tally) -> dict[str, Any]:
        return {
            "from": self.since.isoformat(), "to": self.until.isoformat(), "read_from": self.began_at.isoformat(),
            "time_zone": self.zone.key, "rules": self.rules, "homes": tally.homes,
            "kinds": {kind: _counts(counts) for kind, counts in sorted(tally.fates.items())},
            "unfit": {str(home): sentence for home, sentence in tally.unfit.items()},
            "failures": dict(tally.failures),
        }  # fmt: skip

    def _object(self, home: UUID, one: Compared) -> dict[str, Any]:
        return {
            "home": str(home), "kind": one.kind, "fate": str(one.fate),
            "shift_s": None if one.shift is None else round(one.shift.total_seconds()),
            "raised": None if one.raised is None else _raised(one.raised), "now": _would(one.now),
            "ruled": _would(one.ruled),
        }  # fmt: skip

    def _at(self, one: WasRaised | Would | None) -> str:
        return "-" if one is None else self._time(one.at)

    def _time(self, at: datetime) -> str:
        return at.astimezone(self.zone).strftime(_TIME)


def _notes(tally: Tally) -> Iterator[str]:
    for home, sentence in tally.unfit.items():
        yield f"{home}: the rules do not go with what is set there ({sentence}); it was left as it is."
    for detector, times in tally.failures.items():
        yield f"Detector {detector} failed {times} times: what it says here is incomplete."


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {name.replace(" ", "_"): counts.get(name, 0) for name in ("raised", "real", "now", "ruled", *Fate)}


def _raised(one: WasRaised) -> dict[str, Any]:
    return {"alarm": str(one.id), "at": one.at.isoformat(), "happened_at": one.happened_at.isoformat(),
            "outcome": one.outcome}  # fmt: skip


def _would(one: Would | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"at": one.at.isoformat(), "happened_at": one.finding.happened_at.isoformat(), "detector": one.detector,
            "device": one.finding.device_id, "why": dict(one.finding.why)}  # fmt: skip


def _shift(shift: timedelta | None) -> str:
    if shift is None:
        return ""
    minutes = round(abs(shift).total_seconds() / 60)
    length = f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    return f" {length} {'later' if shift > timedelta(0) else 'earlier'}"
