"""The reading lane: readings and health messages. One batch, one transaction: stored once each, state updated."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import psycopg_of
from gateway.lanes import Lane
from gateway.limits import SAME_ID_WITHOUT_TIME
from gateway.message import JsonObject, Message, encode
from gateway.reason import Reason
from ingest import watermark
from ingest.detect.activity import Last, is_compared, judge_change, may_be_activity
from ingest.item import Item, sort_batch
from ingest.mqtt import Incoming
from ingest.quarantine import Rejected, put_aside
from ingest.store import Signs, keep_signs
from ingest.who import Who

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

# A message without a time of its own (a last will) is stored with the time of its arrival, which is another one when it
# is delivered again; so its device, id and type judge it, for as long as an id without a time counts as the same.
_STORED_WITHOUT_TIME = text("""
    SELECT key.device_id, key.message_id, key.type
    FROM unnest(CAST(:devices AS text[]), CAST(:messages AS text[]), CAST(:types AS text[]))
        AS key (device_id, message_id, type)
    WHERE EXISTS (SELECT FROM reading WHERE reading.device_id = key.device_id AND reading.message_id = key.message_id
        AND reading.type = key.type AND reading.time = reading.received_at AND reading.time >= :since)
""")

# The newest values of states and counters, asked once per device after a start.
_LAST_VALUES = text("""
    SELECT key.device_id, key.type, last.time, last.value
    FROM unnest(CAST(:devices AS text[]), CAST(:types AS text[])) AS key (device_id, type)
    CROSS JOIN LATERAL (SELECT time, value FROM reading WHERE reading.device_id = key.device_id
        AND reading.type = key.type AND reading.time >= :since AND reading.value IS NOT NULL
        ORDER BY time DESC LIMIT 1) AS last
""")

#: States are repeated at least this often, or nobody would wait for the next one.
_STATE_KNOWN = timedelta(days=1)
_LASTS_KEPT = 100_000

Row = tuple[datetime, str, str, str, float | None, str | None, str | None, JsonObject | None]


class ReadingLane:
    """Processes batches of the reading lane."""

    lane = Lane.READING

    def __init__(self, who: Who) -> None:
        self._who = who
        self._lasts: dict[tuple[str, str], Last | None] = {}

    async def process(self, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming]) -> list[Any]:
        """Take in these messages within the caller's transaction; nobody waits for an answer."""
        batch = sort_batch(messages, Lane.READING, now)
        await batch.identify(conn, self._who)
        known = [item for item in batch.items if item.device is not None]
        rejected = [*batch.rejected, *(_stranger(item) for item in batch.items if item.device is None)]
        await self._learn_values(conn, now, known)
        signs = Signs()
        for item in batch.items:
            signs.heard(item)
        for item in known:
            assert item.device is not None
            time = item.message.time or now
            if self._is_activity(item, time):
                signs.active(item.device, time, now)
        await put_aside(conn, now, rejected)
        await _store(conn, now, await _new(conn, now, known))
        await keep_signs(conn, "reading", now, signs)
        await watermark.move(conn, "reading", batch.stamps)
        return []

    def start_over(self) -> None:
        """A transaction failed: look the senders and their last values up again."""
        self._who.forget()
        self._lasts.clear()

    def refusals(self, _rejected: Rejected) -> list[Any]:
        """Nobody waits for an answer."""
        return []

    async def _learn_values(self, conn: AsyncConnection, now: datetime, items: Sequence[Item]) -> None:
        """Look up what states and counters said last, where it is not known yet."""
        if len(self._lasts) > _LASTS_KEPT:
            self._lasts.clear()
        compared = [item for item in items if is_compared(item.message.type, item.message.value)]
        keys = {(item.device_id, item.message.type) for item in compared}
        unknown = [key for key in keys if key not in self._lasts]
        if not unknown:
            return
        self._lasts.update(dict.fromkeys(unknown))
        devices, types = zip(*unknown, strict=True)
        asked = {"devices": list(devices), "types": list(types), "since": now - _STATE_KNOWN}
        for device, kind, time, value in await conn.execute(_LAST_VALUES, asked):
            self._lasts[device, kind] = Last(time, value, changed=True)

    def _is_activity(self, item: Item, time: datetime) -> bool:
        kind, value = item.message.type, item.message.value
        if not is_compared(kind, value):
            return may_be_activity(kind, value)
        key = item.device_id, kind
        last = self._lasts.get(key)
        judged = judge_change(last, time, value)
        if last is None or time >= last.at:
            self._lasts[key] = judged
        return judged.changed and may_be_activity(kind, value)


def _stranger(item: Item) -> Rejected:
    reason = Reason.UNKNOWN_GATEWAY if item.gateway is None else Reason.UNKNOWN_DEVICE
    detail = item.topic.gateway if item.gateway is None else item.device_id
    return Rejected(item.incoming, item.topic.lane, reason, detail, ids=(item.message.id,), raw=encode(item.message))


async def _new(conn: AsyncConnection, now: datetime, items: Sequence[Item]) -> list[Row]:
    """Rows to store: all but those without a time that have been stored before."""
    keys = sorted({_key(item) for item in items if item.message.time is None})
    stored: set[tuple[str, str, str]] = set()
    if keys:
        devices, messages, types = (list(column) for column in zip(*keys, strict=True))
        asked = {"devices": devices, "messages": messages, "types": types, "since": now - SAME_ID_WITHOUT_TIME}
        stored = {(row[0], row[1], row[2]) for row in await conn.execute(_STORED_WITHOUT_TIME, asked)}
    DUPLICATES.inc(sum(item.message.time is None and _key(item) in stored for item in items))
    return [
        _row(item.device_id, item.message, item.message.time or now)
        for item in items if item.message.time is not None or _key(item) not in stored
    ]  # fmt: skip


def _key(item: Item) -> tuple[str, str, str]:
    return item.device_id, item.message.id, item.message.type


def _row(device_id: str, message: Message, time: datetime) -> Row:
    value = message.value
    number = float(value) if isinstance(value, bool | int | float) else None
    words = value if isinstance(value, str) else None
    return time, device_id, message.id, message.type, number, words, message.unit, message.data or None


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
