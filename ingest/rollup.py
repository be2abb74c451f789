"""Fills `reading_hour`: hours whose readings have changed are computed anew from all their readings.

No cursor and no clock decide what is new. Each batch of readings leaves a row in `rollup_due` in its own transaction,
so both become visible together, however late that transaction commits, and a row is deleted in the transaction that has
computed its hours: killed anywhere, it is done again, with the same result. Readings are only ever added, so an hour is
written when it has more of them than before. When it has fewer, its old readings have been dropped by retention and the
row that knows them stays.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic

from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import Database
from carebed.logs import get_logger

log = get_logger()

LAG = Gauge("carebed_rollup_lag_seconds", "Age of the oldest batch of readings that is not in the hourly figures yet")
ROLLED = Counter("carebed_rollup_readings", "Readings of batches that are in the hourly figures")
WRITTEN = Counter("carebed_rollup_hours_written", "Rows of hourly figures written")

#: Batches of about so many readings make a step, which is one transaction of a second or two.
_STEP_READINGS = 50_000
_LOCK_KEY = 7270147

# Two at once could each compute half of an hour; whoever comes second computes after the first has committed.
_ALONE = text("SELECT pg_advisory_xact_lock(:key)")

_LIMITS = text("SET LOCAL statement_timeout = '5min'")

# Today's partition has no statistics until it has been analyzed, and without them its whole unique index looks cheaper
# than the few blocks that the index by receipt names: that index, a BRIN, has no tuples to pay for.
_BY_RECEIPT = text("""
    SELECT set_config('cpu_index_tuple_cost', '1000', true), set_config('enable_seqscan', 'off', true)
""")
_AS_USUAL = text("SELECT set_config('cpu_index_tuple_cost', '0.005', true), set_config('enable_seqscan', 'on', true)")

# The oldest batches, as many as make a step; one that another transaction has not committed yet is not there yet.
_TAKE = text("""
    DELETE FROM rollup_due WHERE id IN (
        SELECT id FROM (SELECT id, sum(readings) OVER (ORDER BY id) - readings AS before
                        FROM (SELECT id, readings FROM rollup_due ORDER BY id LIMIT 1000) AS oldest) AS counted
        WHERE before < :readings)
    RETURNING received_at, first, last, readings
""")

# Which hours of which devices got readings in these batches, and in which partitions these lie.
_TOUCHED = text("""
    SELECT device_id, date_trunc('hour', time, 'UTC') AS hour, array_agg(DISTINCT tableoid::bigint) AS tables
    FROM reading
    WHERE received_at >= :oldest AND received_at <= :newest AND time >= :first AND time <= :last
        AND received_at IN (SELECT unnest(CAST(:received AS timestamptz[])))
    GROUP BY 1, 2 ORDER BY 2, 1
""")

# These hours of these devices (all of one day), computed from all their readings; OFFSET 0 keeps it a look into the
# index for each of them, where the planner would rather read the whole day. A value near the end of what a double
# holds would spoil the sum of its hour, so it counts as a reading without a number.
_COMPUTE = text("""
    INSERT INTO reading_hour (device_id, hour, type, readings, numbers, sum, min, max, first, last)
    SELECT device_id, hour, type, count(*), count(number), sum(number), min(number), max(number),
        (array_agg(number ORDER BY time, message_id) FILTER (WHERE number IS NOT NULL))[1],
        (array_agg(number ORDER BY time DESC, message_id DESC) FILTER (WHERE number IS NOT NULL))[1]
    FROM (
        SELECT key.device_id, key.hour, found.type, found.time, found.message_id,
            CASE WHEN abs(found.value) < 1e300 THEN found.value END AS number
        FROM unnest(CAST(:devices AS text[]), CAST(:hours AS timestamptz[])) AS key (device_id, hour)
        JOIN LATERAL (
            SELECT type, time, message_id, value FROM reading
            WHERE reading.device_id = key.device_id AND time >= key.hour AND time < key.hour + interval '1 hour'
                AND time >= :day AND time < :next
            OFFSET 0
        ) AS found ON true
    ) AS readings
    GROUP BY device_id, hour, type ORDER BY device_id, hour, type
    ON CONFLICT (device_id, hour, type) DO UPDATE SET
        readings = EXCLUDED.readings, numbers = EXCLUDED.numbers, sum = EXCLUDED.sum, min = EXCLUDED.min,
        max = EXCLUDED.max, first = EXCLUDED.first, last = EXCLUDED.last
    WHERE EXCLUDED.readings > reading_hour.readings
""")

# New blocks of these partitions get into the index by receipt, so that the next step need not read them all.
_SUMMARIZE = text("""
    SELECT brin_summarize_new_values(pg_class.oid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_am ON pg_am.oid = relam AND amname = 'brin' WHERE indrelid = CAST(:table AS bigint)
""")

_LAG = text("""
    SELECT coalesce(max(extract(epoch FROM waited_since(received_at))), 0)::float8
    FROM (SELECT received_at FROM rollup_due ORDER BY received_at LIMIT 1) AS oldest
""")


async def catch_up(database: Database) -> int:
    """Work off `rollup_due`; how many readings its batches had. Rests as long as it works: it is in no hurry."""
    total = 0
    while True:
        began = monotonic()
        readings = await roll_up(database)
        await measure_lag(database)
        if not readings:
            return total
        total += readings
        await asyncio.sleep(min(monotonic() - began, 5.0))


async def roll_up(database: Database, limit: int = _STEP_READINGS) -> int:
    """One step: batches of about `limit` readings in one transaction; how many readings these had (0: nothing due)."""
    async with database.transaction() as conn:
        await conn.execute(_LIMITS)
        await conn.execute(_ALONE, {"key": _LOCK_KEY})
        batches = (await conn.execute(_TAKE, {"readings": limit})).all()
        if not batches:
            return 0
        asked = {
            "received": sorted({batch.received_at for batch in batches}),
            "oldest": min(batch.received_at for batch in batches),
            "newest": max(batch.received_at for batch in batches),
            "first": min(batch.first for batch in batches),
            "last": max(batch.last for batch in batches),
        }
        await conn.execute(_BY_RECEIPT)
        touched = (await conn.execute(_TOUCHED, asked)).all()
        await conn.execute(_AS_USUAL)
        written = 0
        for day, keys in _by_day([(row.device_id, row.hour) for row in touched]):
            written += await _compute(conn, day, keys)
    readings: int = sum(batch.readings for batch in batches)
    ROLLED.inc(readings)
    WRITTEN.inc(written)
    await _summarize(database, {table for row in touched for table in row.tables})
    return readings


async def _compute(conn: AsyncConnection, day: datetime, keys: Sequence[tuple[str, datetime]]) -> int:
    """Within one day, so that the plan looks at one partition only."""
    devices, hours = (list(column) for column in zip(*keys, strict=True))
    wanted = {"devices": devices, "hours": hours, "day": day, "next": day + timedelta(days=1)}
    rows: int = (await conn.execute(_COMPUTE, wanted)).rowcount
    return rows


def _by_day(keys: Sequence[tuple[str, datetime]]) -> list[tuple[datetime, list[tuple[str, datetime]]]]:
    days: dict[datetime, list[tuple[str, datetime]]] = {}
    for device, hour in keys:
        days.setdefault(hour.replace(hour=0), []).append((device, hour))
    return sorted(days.items())


async def _summarize(database: Database, tables: set[int]) -> None:
    """Best effort: what is busy with something else is summarized next time."""
    for table in sorted(tables):
        try:
            async with database.transaction() as conn:
                await conn.execute(text("SET LOCAL lock_timeout = '100ms'"))
                await conn.execute(_SUMMARIZE, {"table": table})
        except DBAPIError as error:
            log.info("not_summarized", error=type(error.orig).__name__)


async def measure_lag(database: Database) -> float:
    """Seconds that the oldest batch has waited for its hours; a shift of the clock is no wait."""
    async with database.transaction() as conn:
        lag_s: float = (await conn.execute(_LAG)).scalar_one()
    LAG.set(lag_s)
    return lag_s
