"""From what detectors found to alarms: raised, joined, cleared, or only remembered because it is over or long past.

Data may come late: a home was without a line, a gateway kept a month. Then only what still stands is anybody's
business.

- What was found and is over again, when we hear of it, raises nothing; unless only a person may close such an alarm and
  it was just now (`LATE`): then it is raised, with the remark that it is over.
- What happened more than `PAST` ago raises nothing of today; the detectors remember it. For the state in which it left
  the home they have further due times.
- Whatever else is older than `LATE` is raised as late, with its true time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import lifecycle
from alerts.alarm import Closing, kind_of
from alerts.case import Case
from alerts.raising import Place, Raise, merge_key, raise_alarms
from ingest.detect.core import Clearing, Evidence, Finding, Home
from ingest.detect.fold import Found
from ingest.household import Household

#: More than a gateway's beats, the settling after a gap (`ingest.detect.silence.SETTLE`) and a look together.
LATE = timedelta(minutes=5)
#: Half a shift: whoever lay there then is found, or missed by other means, and the desk had the home as offline.
PAST = timedelta(hours=6)

FINDINGS = Counter(
    "carebed_findings", "What detectors found: raised (also what joins an open alarm), over, past", ["detector", "fate"]
)


def key_of(household: Household, what: Finding | Clearing, *, whole_home: bool = False) -> str:
    """The merge key of its alarm. `whole_home`: nobody's in particular, also where only one person lives there."""
    resident = what.resident_id or (None if whole_home else household.sole_resident)
    return merge_key(household.home.id, resident, what.kind, what.device_id if what.per_device else None)


@dataclass(slots=True)
class _Verdict:
    """What is to be done under one merge key."""

    household: Household
    raised: Found | None = None
    clearing: Clearing | None = None


@dataclass(slots=True)
class Verdicts:
    """What a batch of looks amounts to."""

    now: datetime
    _by_key: dict[str, _Verdict] = field(default_factory=dict)

    def add(self, household: Household, found: Sequence[Found]) -> None:
        """What was found in one home, in order of time."""
        for one in found:
            what = one.what
            verdict = self._by_key.setdefault(key_of(household, what), _Verdict(household))
            if isinstance(what, Finding):
                self._add_finding(verdict, one)
            else:
                self._add_clearing(verdict, what)

    def _add_finding(self, verdict: _Verdict, one: Found) -> None:
        if self.now - one.at > PAST:
            FINDINGS.labels(one.detector, "past").inc()
            return
        verdict.clearing = None
        verdict.raised = verdict.raised or one

    def _add_clearing(self, verdict: _Verdict, clearing: Clearing) -> None:
        verdict.clearing = clearing
        raised = verdict.raised
        if raised is None:
            return
        over = kind_of(clearing.kind).closing is Closing.BY_ITSELF or self.now - raised.at > LATE
        if over:
            FINDINGS.labels(raised.detector, "over").inc()
            verdict.raised = None

    @property
    def raised(self) -> dict[str, tuple[Household, Found]]:
        """Merge key -> what is raised under it, and where."""
        return {key: (one.household, one.raised) for key, one in self._by_key.items() if one.raised is not None}

    @property
    def cleared(self) -> dict[str, Clearing]:
        """Merge key -> what says that it is over, also of what is raised in the same look."""
        return {key: one.clearing for key, one in self._by_key.items() if one.clearing is not None}

    async def act(self, conn: AsyncConnection) -> Iterable[Case]:
        """Raise and clear; returns the cases, which the caller saves at the end of its transaction."""
        signals = [self._raise(key, household, found) for key, (household, found) in self.raised.items()]
        cleared = self.cleared
        raised = await raise_alarms(conn, self.now, signals, list(cleared))
        for key, clearing in cleared.items():
            case = raised.open_cases.get(key)
            if case is not None and case.open:
                lifecycle.clear(case, self.now, clearing.happened_at, clearing.why)
        return raised.cases.values()

    def _raise(self, key: str, household: Household, found: Found) -> Raise:
        finding = found.what
        assert isinstance(finding, Finding)  # only these are kept as raised
        FINDINGS.labels(found.detector, "raised").inc()
        device = household.home.devices.get(finding.device_id or "")
        where = household.where
        place = Place(where.station_id, where.area_code, where.home_id, finding.resident_id or household.sole_resident)
        why = {**finding.why, "detector": found.detector, "evidence": told(finding.evidence, household.home)}
        return Raise(
            finding.kind, place, key, min(finding.happened_at, self.now), why, late=self.now - found.at > LATE,
            gateway_id=None if device is None else device.gateway_id, device_id=finding.device_id, counts_again=False,
            gathers=kind_of(finding.kind).gathers,
        )  # fmt: skip


def told(seen: Iterable[Evidence], home: Home) -> list[dict[str, Any]]:
    """Evidence as it is kept in an alarm's `why`: with what the device is called and where it is, as of now."""
    kept = []
    for one in seen:
        device = home.devices.get(one.device_id)
        place = {"name": None, "room": None} if device is None else {"name": device.name, "room": device.room}
        kept.append({**msgspec.to_builtins(one), **place})
    return kept
