"""Buttons: how a press is read, and how often one must be pressed to be more urgent. Pure functions.

A press is only ever read as something more urgent than its type, never as less (ADR 0015).
"""

from typing import Annotated, Literal

import msgspec

from alerts.urgency import Urgency
from gateway.lanes import AlarmType
from gateway.message import Message
from ingest.detect.call import Call
from ingest.detect.core import Parameters, bounded

#: Types that a hand on a button sends.
PRESSED: frozenset[str] = frozenset({AlarmType.SOS, AlarmType.ASSIST, AlarmType.DOORBELL})


class PressParameters(Parameters, frozen=True):
    """What the presses of a home's buttons mean, and when several are urgent."""

    assist_long: Literal["assist", "sos"] = "sos"
    assist_double: Literal["assist", "sos"] = "assist"
    doorbell_long: Literal["doorbell", "assist", "sos"] = "assist"
    doorbell_double: Literal["doorbell", "assist", "sos"] = "assist"
    doorbell_repeated: Literal["doorbell", "assist", "sos"] = "assist"
    presses: Annotated[int, bounded("1", 2, 20, "ours: two are a habit, three within half a minute are not")] = 3
    span_s: Annotated[float, bounded("s", 5, 600, "ours")] = 30.0
    pause_s: Annotated[float, bounded("s", 5, 600, "ours: those who were called need time to answer")] = 15.0

    def __post_init__(self) -> None:
        if not self.enabled:
            raise ValueError("Buttons cannot be switched off.")

    @property
    def urgency(self) -> Urgency:
        """As the alarm counts it."""
        return Urgency(self.presses, self.span_s, self.pause_s)


class Press(msgspec.Struct, frozen=True):
    """`kind`: of the alarm that it calls for. `manner`: single, double or long. `times`: how often it was pressed."""

    kind: str
    manner: str
    times: int


def read_press(message: Message, parameters: PressParameters) -> Press | None:
    """What a press calls for; None for what no hand sends. A manner that is not known is a plain press."""
    if message.type not in PRESSED:
        return None
    manner = message.data.get("press")
    if manner not in ("double", "long"):
        return Press(message.type, "single", 1)
    kind = str(message.type)
    if message.type != AlarmType.SOS:
        kind = getattr(parameters, f"{message.type}_{manner}")
    return Press(kind, manner, 2 if manner == "double" else 1)


DETECTOR = Call("presses", PressParameters)
