"""How long readings and their hourly figures are kept, on native partitions and on a hypertable.

Whole partitions or chunks go, when everything in them is older than it must be; ingest refuses readings that are older
still (`Reason.TOO_OLD`), so nothing that comes in late disappears by itself. What the hourly figures do not have yet is
never dropped.
"""

from datetime import datetime, timedelta

from prometheus_client import Counter, Gauge
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed import timescale
from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.logs import get_logger
from carebed.settings import Settings
from ingest import partition
from ingest.partition import HOURS, READINGS, Series

log = get_logger()

PRUNED = Counter("carebed_default_partition_pruned", "Rows deleted one by one, for they had no partition", ["table"])
IN_DEFAULT = Gauge(
    "carebed_readings_in_default_partition", "Readings without a partition of their own, at most 100,000"
)

_DAYS_AHEAD = 14
#: Backlogs of some weeks get partitions too, so that they need not be moved later.
_DAYS_BEHIND = 31
#: A year of charts; what is older lies in the default partition.
_MONTHS_BEHIND = timedelta(days=400)
_MONTHS_AHEAD = timedelta(days=31)
#: Between what ingest still takes and what is dropped: longer than any transaction of ingest can last.
_MARGIN = timedelta(days=1)

_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '200ms'")
_NOT_ROLLED_UP = text("SELECT EXISTS (SELECT FROM rollup_due WHERE first < :before)")
_IN_DEFAULT = text("SELECT count(*) FROM (SELECT FROM reading_default LIMIT 100000) AS found")


async def make_partitions(database: Database, settings: Settings) -> int:
    """Make the missing partitions, from some weeks ago to two weeks ahead; how many were made."""
    async with database.transaction() as conn:
        now = await clock_now(conn)
        native = not await _is_hypertable(conn)
    made = await partition.make(database, HOURS, now - _MONTHS_BEHIND, now + _MONTHS_AHEAD)
    behind = min(timedelta(days=_DAYS_BEHIND), settings.readings_kept or timedelta.max)
    first, last = now - behind, now + timedelta(days=_DAYS_AHEAD)
    if not native:
        return made + await _make_chunks(database, first, last)
    made += await partition.make(database, READINGS, first, last)
    async with database.transaction() as conn:
        IN_DEFAULT.set((await conn.execute(_IN_DEFAULT)).scalar_one())
    return made


async def _make_chunks(database: Database, first: datetime, last: datetime) -> int:
    spans = READINGS.spans(first, last)
    made = 0
    try:
        async with database.transaction() as conn:
            there = await conn.run_sync(timescale.chunk_starts, READINGS.table, spans[0].first)
        for span in spans:
            if span.first not in there:
                async with database.transaction() as conn:
                    await conn.execute(_LOCK_TIMEOUT)
                    await conn.run_sync(timescale.make_chunk, span.first)
                made += 1
    except DBAPIError as error:
        log.info("chunk_not_made", error=type(error.orig).__name__)
    if made:
        log.info("chunks_made", table=READINGS.table, count=made)
    return made


async def drop_old(database: Database, settings: Settings) -> None:
    """Drop what is older than the settings say; on a hypertable also have old chunks compressed where possible."""
    async with database.transaction() as conn:
        now = await clock_now(conn)
        hypertable = await _is_hypertable(conn)
    if (readings := settings.readings_kept) is not None:
        before = now - readings - _MARGIN
        if await _rolled_up(database, before):
            await (_drop_chunks(database, before) if hypertable else _drop(database, READINGS, before))
    if (hours := settings.hours_kept) is not None:
        await _drop(database, HOURS, now - hours)
    if hypertable:
        await _columnstore(database)


async def _rolled_up(database: Database, before: datetime) -> bool:
    async with database.transaction() as conn:
        waiting: bool = (await conn.execute(_NOT_ROLLED_UP, {"before": before})).scalar_one()
    if waiting:
        log.warning("retention_waits_for_rollup", before=before.isoformat())
    return not waiting


async def _drop(database: Database, series: Series, before: datetime) -> None:
    await partition.drop(database, series, before)
    pruned = await partition.prune_default(database, series, before)
    PRUNED.labels(series.table).inc(pruned)
    if pruned:
        log.info("default_partition_pruned", table=series.table, rows=pruned)


async def _drop_chunks(database: Database, before: datetime) -> None:
    try:
        async with database.transaction() as conn:
            await conn.execute(_LOCK_TIMEOUT)
            dropped = await conn.run_sync(timescale.drop_chunks, READINGS.table, before)
    except DBAPIError as error:
        log.info("chunks_not_dropped", error=type(error.orig).__name__)
    else:
        if dropped:
            log.info("chunks_dropped", table=READINGS.table, count=dropped)


async def _columnstore(database: Database) -> None:
    """Readings are as good without it, so whatever is wrong with it stops nothing."""
    try:
        async with database.transaction() as conn:
            await conn.execute(_LOCK_TIMEOUT)
            enabled = await conn.run_sync(timescale.enable_columnstore, "reading", "device_id", "time DESC, message_id")
    except DBAPIError as error:
        log.warning("columnstore_refused", error=type(error.orig).__name__)
    else:
        if enabled:
            log.info("columnstore_enabled")


async def _is_hypertable(conn: AsyncConnection) -> bool:
    def asked(connection: Connection) -> bool:
        return timescale.is_hypertable(connection, READINGS.table)

    return await conn.run_sync(asked)
