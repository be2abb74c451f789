"""Readings into their table, each once: COPY straight into it, and with care wherever some have been stored before."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, LiteralString

from psycopg import AsyncConnection as PsycopgConnection
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import psycopg_of
from gateway.limits import SAME_ID_WITHOUT_TIME
from gateway.message import JsonObject
from ingest.reading_hour import note_batch

Row = tuple[
    datetime | None, str, str, str, float | None, str | None, str | None, JsonObject | None, datetime
]  # fmt: skip
"""time (None: that of its arrival), device, message id, type, value, value_text, unit, data, received_at."""

_COLUMNS = "time, device_id, message_id, type, value, value_text, unit, data, received_at"
_TYPES = ["timestamptz", "text", "text", "text", "float8", "text", "text", "jsonb", "timestamptz"]

_DEVICE = itemgetter(1)

_COPY = f"COPY reading ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# COPY knows no ON CONFLICT: with care, rows go through a table of this connection's own, which the commit empties.
_STAGING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS staging (
        time timestamptz, device_id text, message_id text, type text, value float8, value_text text, unit text,
        data jsonb, received_at timestamptz
    ) ON COMMIT DELETE ROWS
"""
_COPY_STAGING = f"COPY staging ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# The unique key (device, time, message id) judges what was stored before.
_STORE = f"INSERT INTO reading ({_COLUMNS}) SELECT {_COLUMNS} FROM staging ON CONFLICT DO NOTHING"

# A message without a time of its own (a last will) is stored with the time of its arrival, which is another one when it
# is delivered again; so its device, id and type judge it, for as long as an id without a time counts as the same.
_STORED_WITHOUT_TIME = text("""
    SELECT key.device_id, key.message_id, key.type
    FROM unnest(CAST(:devices AS text[]), CAST(:messages AS text[]), CAST(:types AS text[]))
        AS key (device_id, message_id, type)
    WHERE EXISTS (SELECT FROM reading WHERE reading.device_id = key.device_id AND reading.message_id = key.message_id
        AND reading.type = key.type AND reading.time = reading.received_at AND reading.time >= :since)
""")

#: What one gateway republishes after a reconnect is spread over several batches: so many go with care after the last
#: one in which something had been stored before.
_CAREFUL_BATCHES = 8


class ReadingStore:
    """Stores batches of readings; remembers only whether repeats are to be expected."""

    def __init__(self) -> None:
        self._careful = 0

    async def store(self, conn: AsyncConnection, now: datetime, rows: Sequence[Row]) -> int:
        """Store whatever has not been stored before; how many that were."""
        rows = await _timed(conn, now, rows)
        if not rows:
            return 0
        stored = await self._store(await psycopg_of(conn), rows)
        if stored:
            times = [row[0] for row in rows if row[0] is not None]
            await note_batch(conn, now, min(times), max(times), stored)
        return stored

    async def _store(self, raw: "PsycopgConnection[Any]", rows: Sequence[Row]) -> int:
        if not self._careful:
            try:
                async with raw.transaction():
                    await _copy(raw, _COPY, rows)
                return len(rows)
            except UniqueViolation:
                self._careful = _CAREFUL_BATCHES
        await raw.execute(_STAGING)
        await _copy(raw, _COPY_STAGING, rows)
        stored = (await raw.execute(_STORE)).rowcount
        self._careful = _CAREFUL_BATCHES if stored < len(rows) else self._careful - 1
        return stored


async def _copy(raw: "PsycopgConnection[Any]", statement: LiteralString, rows: Sequence[Row]) -> None:
    async with raw.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(_TYPES)
        # By device, as the unique key has them: its pages are then touched one after another, which is up to a third
        # of what PostgreSQL spends on a row; sorting takes 0.1 µs. Each device's stay in order.
        # What `copy.write_row` does, without a coroutine for each row.
        formatted, write = copy.formatter.write_row, copy.writer.write
        for row in sorted(rows, key=_DEVICE):
            if block := formatted(row):
                await write(block)


async def _timed(conn: AsyncConnection, now: datetime, rows: Sequence[Row]) -> Sequence[Row]:
    """Give those without a time that of their arrival, unless they have been stored already."""
    if all(row[0] is not None for row in rows):
        return rows
    keys = sorted({row[1:4] for row in rows if row[0] is None})
    devices, messages, types = (list(column) for column in zip(*keys, strict=True))
    asked = {"devices": devices, "messages": messages, "types": types, "since": now - SAME_ID_WITHOUT_TIME}
    stored = {(row[0], row[1], row[2]) for row in await conn.execute(_STORED_WITHOUT_TIME, asked)}
    return [
        row if row[0] is not None else (now, *row[1:]) for row in rows if row[0] is not None or row[1:4] not in stored
    ]
