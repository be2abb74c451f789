"""The reading lane: readings and health messages. One batch, one transaction: stored once each, state updated."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import psycopg_of
from gateway.lanes import Lane
from gateway.message import Message
from gateway.reason import Reason
from ingest import watermark
from ingest.detect.activity import is_activity
from ingest.item import Item, sort_batch
from ingest.mqtt import Incoming
from ingest.quarantine import Rejected, put_aside
from ingest.store import keep_signs
from ingest.who import DeviceFacts, Who

STORED = Counter("carebed_readings_stored", "Readings stored")
DUPLICATES = Counter("carebed_readings_duplicate", "Readings that had been stored before")

_TYPES = ["timestamptz", "text", "text", "text", "float8", "text", "text", "jsonb"]

# COPY knows no ON CONFLICT: rows go through a table of this connection's own, which the commit empties.
_STAGING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS staging (
        time timestamptz, device_id text, message_id text, type text, value float8, value_text text, unit text,
        data jsonb
    ) ON COMMIT DELETE ROWS
"""

_COPY = "COPY staging FROM STDIN (FORMAT BINARY)"

# The unique key (device, message id, time) judges what was stored before.
_STORE = """
    INSERT INTO reading (time, device_id, message_id, type, value, value_text, unit, data, received_at)
    SELECT time, device_id, message_id, type, value, value_text, unit, data, %s FROM staging
    ON CONFLICT (device_id, message_id, time) DO NOTHING
"""

Row = tuple[datetime, str, str, str, float | None, str | None, str | None, str | None]


class ReadingLane:
    """Processes batches of the reading lane."""

    lane = Lane.READING

    def __init__(self, who: Who) -> None:
        self._who = who

    async def process(self, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming]) -> list[Any]:
        """Take in these messages within the caller's transaction; nobody waits for an answer."""
        batch = sort_batch(messages, Lane.READING, now)
        await self._who.learn(
            conn, {item.topic.gateway for item in batch.items}, {item.device_id for item in batch.items}
        )
        rows: list[Row] = []
        devices: dict[str, DeviceFacts] = {}
        active: dict[UUID, tuple[datetime, int]] = {}
        rejected = batch.rejected
        for item in batch.items:
            device = self._who.device(item.topic.gateway, item.device_id)
            if device is None:
                rejected.append(self._stranger(item))
                continue
            message = item.message
            time = message.time or now
            rows.append(_row(device.id, message, time))
            devices[device.id] = device
            if device.home_id is not None and is_activity(message.type, message.value):
                at = min(time, now)
                known = active.get(device.home_id)
                if known is None or known[0] < at:
                    active[device.home_id] = (at, device.inactivity_s)
        await put_aside(conn, now, rejected)
        await _store(conn, now, rows)
        await keep_signs(conn, "reading", now, devices, active)
        await watermark.move(conn, "reading", watermark.newest(batch.stamps))
        return []

    def _stranger(self, item: Item) -> Rejected:
        gateway = self._who.gateway(item.topic.gateway)
        reason = Reason.UNKNOWN_GATEWAY if gateway is None else Reason.UNKNOWN_DEVICE
        detail = item.topic.gateway if gateway is None else item.device_id
        return Rejected(item.incoming, item.topic.lane, reason, detail, id=item.message.id)


def _row(device_id: str, message: Message, time: datetime) -> Row:
    value = message.value
    number = float(value) if isinstance(value, bool | int | float) else None
    words = value if isinstance(value, str) else None
    data = json.dumps(message.data, ensure_ascii=False) if message.data else None
    return time, device_id, message.id, message.type, number, words, message.unit, data


async def _store(conn: AsyncConnection, now: datetime, rows: list[Row]) -> None:
    if not rows:
        return
    raw = await psycopg_of(conn)
    async with raw.cursor() as cursor:
        await cursor.execute(_STAGING)
        async with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in rows:
                await copy.write_row(row)
        await cursor.execute(_STORE, [now])
        stored = cursor.rowcount
    STORED.inc(stored)
    DUPLICATES.inc(len(rows) - stored)
