"""One home's past under one set of parameters: what would have been raised, and when. Pure.

Events are shown in the order in which they happened, those too that came late. Silence is judged as it is live: not
beyond what was heard of the home, and after a gap only when what was kept has had time to come; what is over by then is
nobody's business (`ingest.findings`). Rhythms are learned anew each night, from what the trial has seen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from alerts.alarm import Closing, kind_of
from ingest.detect.core import Clearing, Detector, Event, Finding, Parameters
from ingest.detect.fold import Found, Memory, look
from ingest.detect.inactivity import NAME as INACTIVITY
from ingest.detect.inactivity import InactivityParameters, InactivityState
from ingest.detect.local_day import DailySpan
from ingest.detect.rhythm import Gap, History, learn, rhythm_of
from ingest.detect.silence import SETTLE
from ingest.detect.whereabouts import TYPES
from ingest.findings import Verdicts, key_of
from ingest.household import Household

#: What only a person closes is taken to be closed after so long.
HANDLED = timedelta(hours=1)
#: Rhythms are learned at three in the morning.
_NIGHT = DailySpan(3.0, 4.0)
#: Events that are shown at a time.
_PAGE = 5_000
_NEVER = datetime.max.replace(tzinfo=UTC)


class Would(NamedTuple):
    """An alarm that would have been raised `at`. `key`: of which one alarm at most is open."""

    at: datetime
    key: str
    detector: str
    finding: Finding


class Trial:
    """Detectors with parameters, over a home's past. `failures`: detector -> how often it failed."""

    def __init__(
        self, detectors: Sequence[Detector[Any, Any]], parameters: Mapping[str, Parameters], household: Household
    ) -> None:
        self.found: list[Would] = []
        self.failures: Counter[str] = Counter()
        self._detectors = detectors
        self._parameters = parameters
        self._household = household
        learned = {name: found for name, found in household.home.learned.items() if name != INACTIVITY}
        self._home = msgspec.structs.replace(household.home, learned=learned)
        self._memory: Memory = {}
        self._open_until: dict[str, datetime] = {}
        self._history: History | None = None
        self.names = frozenset(str(one.name) for one in detectors)
        self._alone = {one.name for one in detectors if getattr(one, "own_deadline", False)}

    def look(self, events: Sequence[Event], until: datetime, *, unheard_since: datetime | None = None) -> None:
        """What happened up to `until`. `unheard_since`: all of it became known only then, for the home was silent."""
        memory, found = look(
            self._detectors, self._parameters, self._home, self._memory, events, until, self._failed
        )  # fmt: skip
        self._memory = memory
        for one in found if unheard_since is None else self._standing(found, until):
            self._take(one)
        self._learn(events, until, [] if unheard_since is None else [(unheard_since, until)])

    def night(self) -> None:
        """What was learned holds from now on."""
        if self._history is not None:
            rhythm = rhythm_of(self._history, self._home.zone)
            if rhythm is not None:
                self._home = msgspec.structs.replace(self._home, learned={**self._home.learned, INACTIVITY: rhythm})

    def _failed(self, detector: str, _error: Exception) -> None:
        self.failures[detector] += 1

    def _standing(self, found: Sequence[Found], now: datetime) -> list[Found]:
        """Of what is only known now, what would still be raised, and what cleared before it."""
        verdicts = Verdicts(now)
        verdicts.add(self._household, [one for one in found if one.detector not in self._alone])
        raised = [msgspec.structs.replace(one, at=now) for _, one in verdicts.raised.values()]
        still = [msgspec.structs.replace(one, at=now) for one in found
                 if one.detector in self._alone and self._is_still(one)]  # fmt: skip
        return [*(one for one in found if isinstance(one.what, Clearing)), *raised, *still]

    def _is_still(self, one: Found) -> bool:
        """Is nobody noticed to this moment? Stillness that has ended is found by nobody."""
        known = self._memory.get(one.detector)
        if known is None or not isinstance(known.state, InactivityState):
            return True
        return known.state.whereabouts.still_since == one.what.happened_at

    def _take(self, one: Found) -> None:
        what = one.what
        key = key_of(self._household, what, whole_home=one.detector in self._alone)
        by_itself = kind_of(what.kind).closing is Closing.BY_ITSELF
        if isinstance(what, Clearing):
            if by_itself:
                self._open_until.pop(key, None)
        elif one.at >= self._open_until.get(key, one.at):
            self._open_until[key] = _NEVER if by_itself else one.at + HANDLED
            self.found.append(Would(one.at, key, one.detector, what))

    def _learn(self, events: Sequence[Event], until: datetime, outages: Sequence[Gap]) -> None:
        set_to = self._parameters.get(INACTIVITY)
        if isinstance(set_to, InactivityParameters) and set_to.enabled:
            shown = [one for one in events if one.type in TYPES]
            self._history = learn(
                self._history, shown, self._home, until, longest=timedelta(seconds=set_to.fixed_s), outages=outages,
                pets=set_to.pets,
            )  # fmt: skip


class Walk:
    """Leads trials through a home's past. `allowed`: how long nothing may be heard of the home before it counts as
    silent; None: nobody judges that."""

    def __init__(self, trials: Sequence[Trial], household: Household, begin: datetime) -> None:
        self._trials = trials
        self._zone = household.home.zone
        self._allowed = min((link.allowed for link in household.links), default=None)
        self._buffer: list[Event] = []
        self._heard_at: datetime | None = None
        self._settles_at: datetime | None = None
        self._unheard_since: datetime | None = None
        self._night = _NIGHT.next_begin(begin, self._zone)
        for trial in trials:
            trial.look([], begin)

    def show(self, event: Event) -> None:
        """The next event, in order of time."""
        heard_at = event.received_at or event.at
        if self._settles_at is not None and self._settles_at < event.at:
            self._settle(self._settles_at)
        if self._settles_at is None:
            if self._heard_at is not None and self._is_gap(self._heard_at, heard_at):
                self._unheard_since = max(self._heard_at, self._newest())
                self._advance(self._unheard_since)
                self._settles_at = heard_at + SETTLE
            elif self._night < event.at or (len(self._buffer) >= _PAGE and self._newest() < event.at):
                self._advance(self._night if self._night < event.at else self._newest())
        self._heard_at = heard_at if self._heard_at is None else max(self._heard_at, heard_at)
        self._buffer.append(event)

    def end(self, until: datetime) -> None:
        """Nothing happened any more until then."""
        if self._settles_at is not None:
            if self._settles_at > until:
                return
            self._settle(self._settles_at)
        if self._heard_at is not None and self._is_gap(self._heard_at, until):
            until = max(self._heard_at, self._newest())
        if self._heard_at is not None or self._allowed is None:
            self._advance(until)

    def _is_gap(self, since: datetime, until: datetime) -> bool:
        return self._allowed is not None and until - since > self._allowed

    def _newest(self) -> datetime:
        return self._buffer[-1].at if self._buffer else datetime.min.replace(tzinfo=UTC)

    def _advance(self, until: datetime) -> None:
        while self._night <= until:
            night = self._night
            self._step(night)
            self._learned(night)
        self._step(until)

    def _settle(self, at: datetime) -> None:
        self._settles_at = None
        self._step(at, self._unheard_since)
        if self._night <= at:
            self._learned(at)

    def _step(self, until: datetime, unheard_since: datetime | None = None) -> None:
        shown = [one for one in self._buffer if one.at <= until]
        self._buffer = self._buffer[len(shown) :]
        for trial in self._trials:
            trial.look(shown, until, unheard_since=unheard_since)

    def _learned(self, at: datetime) -> None:
        for trial in self._trials:
            trial.night()
        self._night = _NIGHT.next_begin(at, self._zone)
