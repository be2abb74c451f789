"""One message of a device as the backend sees it, or what is left of one that broke the contract."""

from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from gateway.limits import MAX_ID_CHARACTERS, MAX_TYPE_CHARACTERS, MAX_UNIT_CHARACTERS
from gateway.reason import Reason

JsonObject = dict[str, Any]
Value = float | bool | str | None

if TYPE_CHECKING:
    Time = datetime | None
    Data = JsonObject
else:  # what the decoder lets in: `gateway.settle` makes of it what is said above, in place
    Time = Annotated[datetime, msgspec.Meta(tz=True)] | int | None
    Data = JsonObject | None


class Message(msgspec.Struct, gc=False, kw_only=True):
    """A message that the database can keep, with the strict types of the contract; keys it does not name are ignored.

    `time` is when it happened (aware, UTC), or None where the device gave none: the received time counts. Numbers in
    `value` are doubles; `unit` is UCUM where there is one; `data` is what is left (locations in WGS-84).
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
    time: Time = None
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TYPE_CHARACTERS)]
    value: Value = None
    unit: Annotated[str, msgspec.Meta(max_length=MAX_UNIT_CHARACTERS)] | None = None
    data: Data = msgspec.field(default_factory=dict)


class Bad(msgspec.Struct, gc=False, kw_only=True):
    """An object (or a whole payload) that broke the contract, with what could be read of it.

    `raw` holds the bytes of that object alone. `message` is there when only its time is unusable (reason `bad_time`):
    the message with `time` None, so that an SOS from a device with a broken clock can be raised all the same.
    """

    reason: Reason
    detail: str
    raw: bytes
    id: str | None = None
    type: str | None = None
    message: Message | None = None


#: Beyond 64 bits whole numbers stay doubles in the digest: the encoder knows no larger integers.
_INT64 = 1 << 63

_encoder = msgspec.json.Encoder(order="deterministic")


def digest(message: Message) -> bytes:
    """Sixteen bytes over canonical time, type, value, unit and data: same id, another digest = a new event.

    Two spellings of one message give one digest: key order, `1` and `1.0`, a time in milliseconds or with another zone.
    """
    canonical = (message.time, message.type, _canonical(message.value), message.unit, _canonical(message.data))
    return blake2b(_encoder.encode(canonical), digest_size=16).digest()


def _canonical(value: Any) -> Any:
    """Numbers as whole numbers where they are whole, exactly, so that no two different counters meet in one double."""
    kind = type(value)
    if kind is float:
        return int(value) if value.is_integer() and abs(value) < _INT64 else value
    if kind is int and abs(value) >= _INT64:
        return float(value) if int(float(value)) == value else str(value)
    if kind is dict:
        return {key: _canonical(inner) for key, inner in value.items()}
    if kind is list:
        return [_canonical(inner) for inner in value]
    return value


def encode(messages: Message | list[Message]) -> bytes:
    """The payload of one message (an object) or of a backlog (an array), as a device writes it."""
    return _encoder.encode(messages)
