"""Calls for help have parameters as detectors have, set and resolved in the same way, but the fold shows them nothing:
the alarm lane judges them as they come, and their windows are the deadlines of their alarms."""

from datetime import datetime
from typing import Generic

import msgspec

from ingest.detect.core import Event, Home, ParametersT, Step


class Nothing(msgspec.Struct, frozen=True):
    """There is nothing to remember."""


class Call(Generic[ParametersT]):
    """The parameters of a call, in the place of a detector."""

    events: frozenset[str] = frozenset()
    wakes: frozenset[str] = frozenset()
    state = Nothing

    def __init__(self, name: str, parameters: type[ParametersT]) -> None:
        self.name = name
        self.parameters = parameters

    def event(self, state: Nothing, event: Event, home: Home, parameters: ParametersT) -> Step:
        """Nothing: it is judged elsewhere."""
        del event, home, parameters
        return Step(state)

    def due(self, state: Nothing, at: datetime, home: Home, parameters: ParametersT) -> Step:
        """Nothing, and never again."""
        del at, home, parameters
        return Step(state)
