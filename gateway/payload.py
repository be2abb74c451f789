"""Decode a payload: one object or an array of up to 1,000, every object on its own.

The fast path is one strict typed decode; it takes everything that keeps the contract. What it refuses goes object by
object through `gateway.salvage`, so that a bad object spoils no other.
"""

from datetime import UTC, datetime

import msgspec

from gateway.limits import MAX_OBJECTS, MAX_PAYLOAD_BYTES
from gateway.message import Bad, JsonObject, Message
from gateway.reason import Reason
from gateway.salvage import salvage
from gateway.settle import DECODE_ERRORS, settle

_decode = msgspec.json.Decoder(Message | list[Message]).decode
_decode_one = msgspec.json.Decoder(Message).decode
_NUL = rb"\u0000"


def decode_plain(payload: bytes, latest: datetime) -> Message | None:
    """The message of a payload as nearly all are: one object that keeps the contract, its time in UTC and not after
    `latest`, without `data`. None for every other: `decode` has the last word on it. Takes half as long."""
    try:
        message = _decode_one(payload)
    except DECODE_ERRORS:
        return None
    time: datetime | int | None = message.time  # whole numbers are milliseconds since the epoch
    data: JsonObject | None = message.data
    if type(time) is not datetime or time.tzinfo is not UTC or time > latest or data:
        return None
    if len(payload) > MAX_PAYLOAD_BYTES or _NUL in payload:
        return None
    if data is None:
        message.data = {}
    return message


def decode(payload: bytes | bytearray | memoryview) -> list[Message | Bad]:
    """All objects of a payload in their order. Never raises; an empty array is an empty list.

    Every `Message` can be kept by PostgreSQL as it is: no U+0000, no lone surrogate, no number beyond a double, times
    in UTC within the years 1 to 9999. Whether a time lies too far ahead depends on the lane:
    `gateway.time_rule.judge_time`.
    """
    raw = payload if isinstance(payload, bytes) else bytes(payload)
    if len(raw) > MAX_PAYLOAD_BYTES:
        return [Bad(reason=Reason.TOO_LARGE, detail=f"{len(raw)} bytes", raw=raw)]
    try:
        decoded = _decode(raw)
    except DECODE_ERRORS:
        return salvage(raw)
    # Where the only spelling of U+0000 in JSON turns up (perhaps as harmless text), every string is looked at.
    if raw.find(_NUL) >= 0:
        return salvage(raw)
    if isinstance(decoded, Message):
        return [decoded] if settle(decoded) is None else salvage(raw)
    if len(decoded) > MAX_OBJECTS or any(settle(message) is not None for message in decoded):
        return salvage(raw)
    return list(decoded)
