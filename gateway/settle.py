"""What the types of a decoded message do not say yet: its time in UTC, and whether the database could keep its data."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gateway.limits import MAX_DATA_DEPTH
from gateway.message import Message
from gateway.reason import Reason

#: What the decoders raise on input that breaks the contract (UnicodeDecodeError is a ValueError).
DECODE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_DOUBLE = int(1.7976931348623157e308)


def settle(message: Message) -> Reason | None:
    """Bring a message as it was decoded into the form that it promises, in place; or say why the database could not
    keep it. Its strings are not looked at."""
    time: datetime | int | None = message.time  # whole numbers are milliseconds since the epoch
    if time is not None and (isinstance(time, int) or time.tzinfo is not UTC):
        try:
            message.time = _EPOCH + timedelta(milliseconds=time) if isinstance(time, int) else time.astimezone(UTC)
        except OverflowError:
            return Reason.BAD_TIME
    if message.data:
        return unstorable(message.data)
    message.data = {}
    return None


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
