"""A message of a life, before and after its way to the platform."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.wire import GATEWAY_ITSELF, Lane, Message, up_topic


@dataclass(slots=True)
class Draft:
    """A message as the device makes it. `at_s`: when, in seconds since the epoch; `stamped_s`: what its clock says."""

    at_s: float
    device: str
    lane: Lane
    type: str
    value: float | bool | None = None
    unit: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    stamped_s: float | None = None


class Told(NamedTuple):
    """A message as it came. `time`: by the device's clock; both times aware, UTC, to the millisecond."""

    received_at: datetime
    time: datetime
    gateway: str
    device: str
    lane: Lane
    id: str
    type: str
    value: float | bool | None
    unit: str | None
    data: dict[str, Any]

    @property
    def topic(self) -> str:
        """Where the gateway publishes it."""
        return up_topic(self.gateway, self.lane, GATEWAY_ITSELF if self.device == self.gateway else self.device)

    @property
    def message(self) -> Message:
        """What it publishes there."""
        return Message(
            id=self.id, time=self.time, type=self.type, value=self.value, unit=self.unit, data=dict(self.data)
        )


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a moment, to the millisecond."""
    return datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
