"""The alarm lane's memory of what it accepted: decides what is new and what is a resend. Kept 90 days."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Column, Index, LargeBinary, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant, label, refers
from carebed.database import metadata
from gateway.limits import SAME_ID_WITHOUT_TIME
from gateway.receipt import Status
from ingest.item import Item

inbox = Table(
    "inbox",
    metadata,
    Column("gateway_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True, comment="same id, another digest: a counter that restarted"),
    Column("occurrence", SmallInteger, primary_key=True, server_default=text("0"),
           comment="a message without a usable time counts as a new one after an hour"),
    label("type"),
    Column("message", JSONB, nullable=False, comment="value, unit and data as they came"),
    instant("happened_at"),
    instant("received_at", required=True),
    refers("alarm_id", "alarm.id", required=False),
    Index("ix_inbox_received_at", "received_at"),
    Index("ix_inbox_check_in", "device_id", "happened_at", postgresql_where=text("type = 'check_in'")),
)  # fmt: skip


class Entry(msgspec.Struct, eq=False):
    """One message and what became of it: `status` accepted (new), duplicate, or hold (set later: forgotten again)."""

    item: Item
    status: Status
    occurrence: int = 0
    alarm_id: UUID | None = None
    first: "Entry | None" = None
    """The same message earlier in this batch."""


_KEYS = """
    unnest(CAST(:gateways AS text[]), CAST(:devices AS text[]), CAST(:messages AS text[]), CAST(:digests AS bytea[]))
"""

# What is remembered of these messages, newest occurrence of each.
_RECALL = text(f"""
    SELECT DISTINCT ON (inbox.gateway_id, inbox.device_id, inbox.message_id, inbox.digest)
        inbox.gateway_id, inbox.device_id, inbox.message_id, inbox.digest, inbox.occurrence, inbox.received_at,
        inbox.alarm_id
    FROM {_KEYS} AS key (gateway_id, device_id, message_id, digest)
    JOIN inbox USING (gateway_id, device_id, message_id, digest)
    ORDER BY inbox.gateway_id, inbox.device_id, inbox.message_id, inbox.digest, inbox.occurrence DESC
""")

_REMEMBER = text("""
    INSERT INTO inbox (gateway_id, device_id, message_id, digest, occurrence, type, message, happened_at, received_at)
    VALUES (:gateway, :device, :id, :digest, :occurrence, :type, CAST(:message AS jsonb), :happened_at, :now)
""")

_SETTLE = text("""
    UPDATE inbox SET alarm_id = :alarm_id
    WHERE gateway_id = :gateway AND device_id = :device AND message_id = :id AND digest = :digest
        AND occurrence = :occurrence
""")

_FORGET = text("""
    DELETE FROM inbox WHERE gateway_id = :gateway AND device_id = :device AND message_id = :id AND digest = :digest
        AND occurrence = :occurrence
""")

Key = tuple[str, str, str, bytes]


def _key(item: Item) -> Key:
    return item.sender.topic.gateway, item.sender.device_id, item.message.id, item.digest


async def remember(conn: AsyncConnection, now: datetime, items: Sequence[Item]) -> list[Entry]:
    """Decide what is new and remember it. Two workers that get the same message meet at the primary key: the second
    one's batch fails and, tried again, finds the first one's row."""
    if not items:
        return []
    keys = sorted({_key(item) for item in items})
    names = ("gateways", "devices", "messages", "digests")
    rows = await conn.execute(_RECALL, dict(zip(names, map(list, zip(*keys, strict=True)), strict=True)))
    recalled = {(row[0], row[1], row[2], bytes(row[3])): row for row in rows}
    entries: list[Entry] = []
    first: dict[Key, Entry] = {}
    for item in items:
        key = _key(item)
        old = recalled.get(key)
        if key in first:
            entry = Entry(item, Status.DUPLICATE, first=first[key])
        elif old is not None and (item.message.time is not None or now - old.received_at <= SAME_ID_WITHOUT_TIME):
            entry = Entry(item, Status.DUPLICATE, old.occurrence, old.alarm_id)
        else:
            entry = Entry(item, Status.ACCEPTED, 0 if old is None else old.occurrence + 1)
            first[key] = entry
        entries.append(entry)
    if first:
        await conn.execute(_REMEMBER, [_row(entry, now) for entry in first.values()])
    return entries


def _row(entry: Entry, now: datetime) -> dict[str, object]:
    message = entry.item.message
    kept = {"value": message.value, "unit": message.unit, "data": message.data}
    return {
        **_where(entry), "type": message.type, "happened_at": message.time, "now": now,
        "message": msgspec.json.encode(kept).decode(),
    }  # fmt: skip


def _where(entry: Entry) -> dict[str, object]:
    gateway, device, message_id, digest = _key(entry.item)
    return {
        "gateway": gateway, "device": device, "id": message_id, "digest": digest, "occurrence": entry.occurrence,
    }  # fmt: skip


async def settle(conn: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Note the alarms of what was accepted, forget what is held (it comes again), and give repeats their answer."""
    linked = [{**_where(entry), "alarm_id": entry.alarm_id} for entry in entries
              if entry.status is Status.ACCEPTED and entry.alarm_id is not None]  # fmt: skip
    if linked:
        await conn.execute(_SETTLE, linked)
    held = [_where(entry) for entry in entries if entry.status is Status.HOLD]
    if held:
        await conn.execute(_FORGET, held)
    for entry in entries:
        if entry.first is not None:
            entry.alarm_id = entry.first.alarm_id
            entry.status = Status.HOLD if entry.first.status is Status.HOLD else Status.DUPLICATE
