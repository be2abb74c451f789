"""A home's detectors over what happened: the one place where events and due times meet, live, in replay and in tests.

Pure: memory and events in, memory and what was found out.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ingest.detect.core import Clearing, Detector, Event, Finding, Home, Parameters, Step

#: A detector that asks for a time that has passed already is asked again this much later, so that it cannot spin.
NOT_AGAIN_AT_ONCE = timedelta(seconds=1)


class Remembered(msgspec.Struct, frozen=True):
    """What is kept of one detector of a home between two looks."""

    state: msgspec.Struct
    due_at: datetime | None = None


Memory = dict[str, Remembered]
"""By name of the detector; one that is missing has never been asked."""


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
    until: datetime,
) -> tuple[Memory, list[Found]]:
    """Show the detectors these events (in order of time) and ask each at its due times, up to `until`, the time up to
    which everything is known. Detectors that are switched off are forgotten. Due times at an event's own time come
    after it.
    """
    fold = _Fold(detectors, parameters, home, memory)
    for event in events:
        fold.ask_due(event.at)
        fold.show(event)
    fold.ask_new(until)
    fold.ask_due(until, also_at=True)
    return fold.memory, fold.found


class _Fold:
    def __init__(
        self, detectors: Sequence[Detector[Any, Any]], parameters: Mapping[str, Parameters], home: Home, memory: Memory
    ) -> None:
        self._on = [(one, parameters[one.name]) for one in detectors if parameters[one.name].enabled]
        self._home = home
        self.memory: Memory = {one.name: memory[one.name] for one, _ in self._on if one.name in memory}
        self.found: list[Found] = []

    def show(self, event: Event) -> None:
        for detector, parameters in self._on:
            if event.type in detector.events:
                known = self.memory.get(detector.name)
                state = detector.state() if known is None else known.state
                self._take(detector, event.at, detector.event(state, event, self._home, parameters))

    def ask_new(self, at: datetime) -> None:
        for detector, parameters in self._on:
            if detector.name not in self.memory:
                self._take(detector, at, detector.due(detector.state(), at, self._home, parameters))

    def ask_due(self, until: datetime, *, also_at: bool = False) -> None:
        while (due := self._first_due()) is not None and (due[0] < until or (also_at and due[0] == until)):
            at, number = due
            detector, parameters = self._on[number]
            self._take(detector, at, detector.due(self.memory[detector.name].state, at, self._home, parameters))

    def _first_due(self) -> tuple[datetime, int] | None:
        return min(
            (
                (known.due_at, number)
                for number, (detector, _) in enumerate(self._on)
                if (known := self.memory.get(detector.name)) is not None and known.due_at is not None
            ),
            default=None,
        )

    def _take(self, detector: Detector[Any, Any], at: datetime, step: Step) -> None:
        due_at = step.due_at
        if due_at is not None and due_at <= at:
            due_at = at + NOT_AGAIN_AT_ONCE
        self.memory[detector.name] = Remembered(detector.state() if step.state is None else step.state, due_at)
        what: list[Finding | Clearing] = [*step.raised, *step.cleared]
        self.found += [Found(at, detector.name, one) for one in what]
