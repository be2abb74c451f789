"""Decode a payload: one object or an array of up to 1,000, every object on its own.

The fast path is one strict typed decode; it takes everything that keeps the contract. What it refuses goes object by
object through `gateway.salvage`, so that a bad object spoils no other.
"""

from typing import cast

import msgspec

from gateway.limits import MAX_OBJECTS, MAX_PAYLOAD_BYTES
from gateway.message import Bad, Message
from gateway.reason import Reason
from gateway.salvage import salvage
from gateway.settle import DECODE_ERRORS, settle

_decoder = msgspec.json.Decoder(Message | list[Message])


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
        decoded = _decoder.decode(raw)
    except DECODE_ERRORS:
        return salvage(raw)
    # The only spelling of U+0000 in JSON; where it turns up (perhaps as harmless text) every string is looked at.
    if rb"\u0000" in raw:
        return salvage(raw)
    messages: list[Message] = [decoded] if isinstance(decoded, Message) else decoded
    if len(messages) > MAX_OBJECTS:
        return salvage(raw)
    for message in messages:
        if settle(message) is not None:
            return salvage(raw)
    return cast("list[Message | Bad]", messages)
