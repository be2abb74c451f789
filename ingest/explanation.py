"""A quarantined row in words: what came, from whom, which rule it breaks, and what can be done about it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from gateway.lanes import Lane
from gateway.message import Message
from gateway.payload import decode
from gateway.reason import Reason
from gateway.time_rule import judge_time
from gateway.topics import GATEWAY_ITSELF, BadTopic, Topic, parse_topic, shard_of
from ingest.replay import Replayed, is_packed, messages_of

#: Of a payload with many objects so many are shown.
_SHOWN = 20

_FIX_SENDER = "Its sender must be put right (codec, firmware); a replay would be refused again."
#: What can be done: one sentence for each reason.
REMEDIES: dict[Reason, str] = {
    Reason.MALFORMED_TOPIC: _FIX_SENDER,
    Reason.WRONG_SHARD: "Put the gateway's shard right. A replay takes readings in; alarms were taken when they came.",
    Reason.TOO_LARGE: "The sender must split what it sends; nothing above 512 KiB is kept whole.",
    Reason.TOO_MANY: "The sender must split its arrays.",
    Reason.MALFORMED_JSON: _FIX_SENDER,
    Reason.WRONG_TYPE: _FIX_SENDER,
    Reason.BAD_ID: _FIX_SENDER,
    Reason.BAD_TIME: "Set the device's clock. What has no usable time cannot be placed, then or later.",
    Reason.FUTURE_TIME: "Set the device's clock. It is judged by the time of receipt, so waiting does not help.",
    Reason.TOO_OLD: "Keep readings for longer (CAREBED_READINGS_KEPT_DAYS) and replay, or let it go.",
    Reason.NUL_CHARACTER: _FIX_SENDER,
    Reason.LONE_SURROGATE: _FIX_SENDER,
    Reason.NOT_FINITE: _FIX_SENDER,
    Reason.TOO_DEEP: _FIX_SENDER,
    Reason.UNKNOWN_GATEWAY: "Pair the gateway (or take back its revocation), then replay.",
    Reason.UNKNOWN_DEVICE: "Pair the device with this gateway, then replay.",
    Reason.FLOOD: "Find the device in a loop; then replay what is worth having.",
    Reason.STORE_ERROR: "Look at the database's log at that time; replay once the cause is gone.",
}


_REASONS: dict[str, Reason] = {str(reason): reason for reason in Reason}


@dataclass(slots=True)
class Explanation:
    """For the command to print; `facts` in their order."""

    facts: dict[str, str]
    objects: list[str] = field(default_factory=list)
    """One line for each object, without what it measured."""


def sender_of(topic: bytes) -> tuple[str | None, str | None]:
    """Gateway and device as far as the topic names them."""
    parsed = parse_topic(topic.decode("utf-8", "replace"))
    if isinstance(parsed, BadTopic):
        parsed = parsed.topic or parsed
    if isinstance(parsed, Topic):
        return parsed.gateway, parsed.gateway if parsed.device == GATEWAY_ITSELF else parsed.device
    return parsed.gateway, None


def explain(
    row: Row[Any], gateway: Row[Any] | None, device: Row[Any] | None, now_would: Replayed | None
) -> Explanation:
    """`gateway`, `device`: from the registry. `now_would`: what a replay would do, where the row still waits."""
    reason = _REASONS.get(row.reason)
    named_gateway, named_device = sender_of(bytes(row.topic))
    facts = {
        "received": row.received_at.isoformat(),
        "lane": row.lane,
        "topic": _printable(bytes(row.topic)),
        "gateway": _gateway(named_gateway, gateway),
        "device": _device(named_device, named_gateway, device),
        "payload": f"{len(bytes(row.payload))} bytes" + (", packed" if is_packed(row) else ""),
        "reason": f"{row.reason}: {reason.meaning if reason is not None else 'a word of another release'}",
        "detail": row.detail or "",
        "rule": 'docs/protocol.md, "Bad input"' + _shard_hint(reason, named_gateway),
        "remedy": REMEDIES[reason] if reason is not None else "Use the release that wrote it.",
    }
    if row.outcome is not None:
        facts["replayed"] = f"{row.outcome}, {row.replayed_at.isoformat()}"
    elif row.replayed_at is not None:
        facts["replayed"] = f"refused again, {row.replayed_at.isoformat()}"
    if now_would is not None:
        facts["a replay now"] = said(now_would, would=True)
    messages = messages_of(row)
    lane = Lane(row.lane)
    objects = [
        _object(one, lane, row.received_at) for message in messages[:_SHOWN] for one in decode(message.payload)
    ]  # fmt: skip
    more = len(objects) - _SHOWN + sum(1 for _ in messages[_SHOWN:])
    return Explanation(facts, objects[:_SHOWN] + ([f"... and {more} more"] if more > 0 else []))


def said(done: Replayed, *, would: bool = False) -> str:
    """A replay's result in a line."""
    if done.outcome is None:
        return f"{'would be' if would else 'still'} refused: {done.reason}" + (
            f" ({done.detail})" if done.detail else ""
        )
    parts = [
        f"{count} {word}"
        for count, word in (
            (done.stored, "taken in"), (done.duplicates, "known already"), (done.refused, "put aside anew")
        )
        if count
    ]  # fmt: skip
    if done.alarms:
        parts.append("a new or open alarm" if would else "alarm " + ", ".join(done.alarms))
    return ("would be: " if would else "") + (", ".join(parts) or "nothing in it")


def hexdump(data: bytes, limit: int = 4096) -> list[str]:
    """Offset, sixteen bytes, and what of them is ASCII."""
    lines = []
    for start in range(0, min(len(data), limit), 16):
        chunk = data[start : start + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in chunk)
        lines.append(f"{start:08x}  {chunk.hex(' '):<47}  {letters}")
    if len(data) > limit:
        lines.append(f"... and {len(data) - limit} bytes more")
    return lines


def _object(one: Any, lane: Lane, received: datetime) -> str:
    """Type, id and time of an object, and what is wrong with it; never its value."""
    judged = judge_time(one, lane, received)
    if isinstance(judged, Message):
        time = judged.time.isoformat() if judged.time is not None else "none, the time of receipt counts"
        return f"{judged.type}, id {judged.id!r}, time {time}: keeps the contract"
    return f"{judged.type or 'no readable type'}, id {judged.id!r}: {judged.reason}"


def _gateway(named: str | None, found: Row[Any] | None) -> str:
    if named is None:
        return "none that can be read"
    if found is None:
        return f"{named}: not registered"
    place = f"home {found.home_id}" if found.home_id is not None else "hosted, serves many homes"
    revoked = f", revoked {found.revoked_at.isoformat()}" if found.revoked_at is not None else ""
    return f"{named}: {place}, station {found.station} ({found.area_code}){revoked}"


def _device(named: str | None, gateway: str | None, found: Row[Any] | None) -> str:
    if named is None:
        return "none that can be read"
    if found is None:
        return f"{named}: not registered"
    behind = "" if found.gateway_id == gateway else f", but behind gateway {found.gateway_id}"
    return f"{named}: {found.kind}{behind}"


def _shard_hint(reason: Reason | None, gateway: str | None) -> str:
    return f"; this gateway's shard is {shard_of(gateway)}" if reason is Reason.WRONG_SHARD and gateway else ""


def _printable(raw: bytes) -> str:
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
