"""One object as the contract spells it, and its way to a `Message` that the database can keep."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from gateway.limits import MAX_DATA_DEPTH, MAX_ID_CHARACTERS, MAX_TYPE_CHARACTERS, MAX_UNIT_CHARACTERS
from gateway.message import JsonObject, Message, Value
from gateway.reason import Reason

Time = Annotated[datetime, msgspec.Meta(tz=True)] | int | None


class WireObject(msgspec.Struct, gc=False):
    """The strict types of the contract; keys that it does not name are ignored."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TYPE_CHARACTERS)]
    time: Time = None
    value: Value = None
    unit: Annotated[str, msgspec.Meta(max_length=MAX_UNIT_CHARACTERS)] | None = None
    data: JsonObject | None = None


#: What the decoders raise on input that breaks the contract (UnicodeDecodeError is a ValueError).
DECODE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_DOUBLE = int(1.7976931348623157e308)


def to_message(wire: WireObject) -> Message | Reason:
    """The message of a well-typed object, or why the database could not keep it. Strings are not looked at."""
    time = wire.time
    if time is not None:
        try:
            time = _utc(time) if isinstance(time, datetime) else _EPOCH + timedelta(milliseconds=time)
        except OverflowError:
            return Reason.BAD_TIME
    data = wire.data
    if data:
        trouble = unstorable(data)
        if trouble is not None:
            return trouble
    return Message(
        id=wire.id, time=time, type=wire.type, value=wire.value, unit=wire.unit, data={} if data is None else data
    )


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def unstorable(data: dict[str, Any] | list[Any], depth: int = 1) -> Reason | None:
    """Why decoded JSON cannot be kept, apart from its strings: nesting, and integers that no double holds."""
    if depth > MAX_DATA_DEPTH:
        return Reason.TOO_DEEP
    for inner in data.values() if isinstance(data, dict) else data:
        kind = type(inner)
        if kind is dict or kind is list:
            trouble = unstorable(inner, depth + 1)
            if trouble is not None:
                return trouble
        elif kind is int and not -_LARGEST_DOUBLE <= inner <= _LARGEST_DOUBLE:
            return Reason.NOT_FINITE
    return None
