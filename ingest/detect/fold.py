"""A home's detectors over what happened: the one place where events and due times meet, live, in replay and in tests.

Pure: memory and events in, memory and what was found out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ingest.detect.core import Clearing, Detector, Event, Finding, Home, Parameters, Step

#: A detector that answers a due time with the same or an earlier one is asked this much later, so that it cannot spin.
NOT_AGAIN_AT_ONCE = timedelta(seconds=1)

#: A detector that fails at its due time is asked again after a minute, then after two, four, ... up to an hour.
_AGAIN_FIRST = timedelta(minutes=1)
_AGAIN_LONGEST = timedelta(hours=1)

_NEVER = datetime.max.replace(tzinfo=UTC)


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of one detector of a home between two looks. `failures`: due times in a row at which it failed."""

    state: msgspec.Struct
    due_at: datetime | None = None
    failures: int = 0


Memory = dict[str, Remembered]
"""By name of the detector; one that is missing has never been asked."""

Failed = Callable[[str, Exception], None]
"""Told the name of a detector that raised, and what."""


class Found(msgspec.Struct, frozen=True):
    """What one detector found. `at`: the event's time, or the due time."""

    at: datetime
    detector: str
    what: Finding | Clearing


def next_due(memory: Memory) -> datetime | None:
    """When any of them wants to be asked next."""
    return min((one.due_at for one in memory.values() if one.due_at is not None), default=None)


def look(
    detectors: Sequence[Detector[Any, Any]],
    parameters: Mapping[str, Parameters],
    home: Home,
    memory: Memory,
    events: Iterable[Event],
    until: datetime | None,
    failed: Failed | None = None,
) -> tuple[Memory, list[Found]]:
    """Show the detectors these events (in order of time) and ask each at its due times, up to `until`, the time up to
    which everything is known. Detectors that are switched off are forgotten. Due times at an event's own time come
    after it.

    `until` None: nothing is known well enough to judge silence, so nobody is asked. An event that is newer than `until`
    is shown all the same; a due time between the two is asked later, if the event has not made it void.

    `failed`: a detector that raises is left as it was before, told of here, and stops no other; what it failed at it
    does not see again. None: whatever it raises is raised.
    """
    fold = _Fold(detectors, parameters, home, memory, failed)
    for event in events:
        if until is not None:
            fold.ask_due(min(event.at, until))
        fold.show(event)
    if until is not None:
        fold.ask_new(until)
        fold.ask_due(until, also_at=True)
    return fold.memory, fold.found


class _Fold:
    def __init__(
        self, detectors: Sequence[Detector[Any, Any]], parameters: Mapping[str, Parameters], home: Home, memory: Memory,
        failed: Failed | None,
    ) -> None:  # fmt: skip
        self._on = [(one, parameters[one.name]) for one in detectors if parameters[one.name].enabled]
        self._home = home
        self._failed = failed
        self.memory: Memory = {one.name: memory[one.name] for one, _ in self._on if one.name in memory}
        self.found: list[Found] = []
        self._nobody_before = next_due(self.memory) or _NEVER
        """Nobody is due earlier; with dozens of events between two due times it spares most of the asking."""

    def show(self, event: Event) -> None:
        for detector, parameters in self._on:
            if event.type in detector.events:
                known = self.memory.get(detector.name)
                state = detector.state() if known is None else known.state
                try:
                    step = detector.event(state, event, self._home, parameters)
                except Exception as error:  # noqa: BLE001 - told of, and stops no other
                    self._tell(detector, error)
                else:
                    self._take(detector, event.at, step, step.due_at)

    def ask_new(self, at: datetime) -> None:
        for detector, parameters in self._on:
            if detector.name not in self.memory:
                self._ask(detector, parameters, Remembered(detector.state()), at)

    def ask_due(self, until: datetime, *, also_at: bool = False) -> None:
        while self._nobody_before <= until:
            due = self._first_due()
            self._nobody_before = _NEVER if due is None else due[0]
            if due is None or due[0] > until or (due[0] == until and not also_at):
                return
            at, number = due
            detector, parameters = self._on[number]
            self._ask(detector, parameters, self.memory[detector.name], at)

    def _ask(self, detector: Detector[Any, Any], parameters: Parameters, known: Remembered, at: datetime) -> None:
        try:
            step = detector.due(known.state, at, self._home, parameters)
        except Exception as error:  # noqa: BLE001 - as above
            self._tell(detector, error)
            pause = min(_AGAIN_LONGEST, _AGAIN_FIRST * 2 ** min(known.failures, 10))
            self._keep(detector.name, Remembered(known.state, at + pause, known.failures + 1))
        else:
            due_at = step.due_at
            self._take(detector, at, step, at + NOT_AGAIN_AT_ONCE if due_at is not None and due_at <= at else due_at)

    def _tell(self, detector: Detector[Any, Any], error: Exception) -> None:
        """Within an `except`: raise on, where nobody wants to be told."""
        if self._failed is None:
            raise error
        self._failed(detector.name, error)

    def _first_due(self) -> tuple[datetime, int] | None:
        return min(
            (
                (known.due_at, number)
                for number, (detector, _) in enumerate(self._on)
                if (known := self.memory.get(detector.name)) is not None and known.due_at is not None
            ),
            default=None,
        )

    def _take(self, detector: Detector[Any, Any], at: datetime, step: Step, due_at: datetime | None) -> None:
        self._keep(detector.name, Remembered(detector.state() if step.state is None else step.state, due_at))
        what: tuple[Finding | Clearing, ...] = (*step.raised, *step.cleared)
        self.found += [Found(at, detector.name, one) for one in what]

    def _keep(self, name: str, known: Remembered) -> None:
        self.memory[name] = known
        if known.due_at is not None and known.due_at < self._nobody_before:
            self._nobody_before = known.due_at
