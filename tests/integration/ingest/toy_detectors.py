"""Detectors of the simplest kind, for tests of what runs them."""
# ruff: noqa: ARG002 - a detector gets more than one of these needs

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from alerts.why import why
from ingest.detect.core import (
    Clearing,
    Device,
    Event,
    Evidence,
    Finding,
    Home,
    Parameters,
    Step,
    as_flag,
    bounded,
    evidence,
)


class Limits(Parameters, frozen=True):
    """`minutes`: how long a door may stand open."""

    minutes: Annotated[float, bounded("min", 1, 600, "made up")] = 10.0


class Open(msgspec.Struct, frozen=True):
    """The door that stands open, if one does."""

    device: Device | None = None
    since: datetime | None = None
    seen: Evidence | None = None


class OpenDoor:
    """Raises when a door has stood open for too long, clears when it is shut."""

    name = "toy_door"
    events = frozenset({"door", "check_in", "heartbeat"})
    wakes = frozenset({"door", "check_in"})
    parameters = Limits
    state = Open

    def __init__(self, kind: str = "door") -> None:
        self.kind = kind
        self.shown: list[Event] = []
        self.asked: list[datetime] = []

    def event(self, state: Open, event: Event, home: Home, parameters: Limits) -> Step:
        """Opened or shut."""
        self.shown.append(event)
        if event.type != "door":
            return self._again(state, parameters)
        if as_flag(event.value):
            return self._again(Open(event.device, event.at, evidence(event)), parameters)
        over = why("toy_shut", "Shut.", "已关。")
        return Step(Open(), cleared=(Clearing(self.kind, event.at, over, event.device.id, per_device=True),))

    def due(self, state: Open, at: datetime, home: Home, parameters: Limits) -> Step:
        """Still open."""
        self.asked.append(at)
        if state.device is None or state.since is None or state.seen is None:
            return Step(state)
        if at < state.since + timedelta(minutes=parameters.minutes):
            return self._again(state, parameters)
        reason = why("toy_open", "Open.", "开着。", minutes=parameters.minutes)
        found = Finding(self.kind, state.since, reason, (state.seen,), state.device.id, per_device=True)
        return Step(state, raised=(found,))

    def _again(self, state: Open, parameters: Limits) -> Step:
        return Step(state, due_at=state.since and state.since + timedelta(minutes=parameters.minutes))


class Broken(OpenDoor):
    """Fails at whatever it is shown and asked."""

    name = "toy_broken"

    def event(self, state: Open, event: Event, home: Home, parameters: Limits) -> Step:
        """As it says."""
        raise RuntimeError("broken")

    def due(self, state: Open, at: datetime, home: Home, parameters: Limits) -> Step:
        """As it says."""
        raise RuntimeError("broken")
