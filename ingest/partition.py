"""Native partitions: made ahead, filled from the default partition where rows came too soon, dropped when they are old.

Ingest must not wait. A partition is made as a table of its own and then attached, which stops nobody who writes to
other partitions; what needs more takes its locks for a moment or gives up and is tried again ten minutes later.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import Database
from carebed.logs import get_logger

log = get_logger()

#: How long a lock may be waited for while others queue behind.
_LOCK_TIMEOUT = "200ms"
#: So many rows are moved from the default partition in one transaction; a day with more is divided into its hours.
_MOVED_AT_ONCE = 500_000
#: Fewer are no reason for a partition of their own.
_WORTH_MOVING = 1_000

Step = Callable[[datetime], datetime]


@dataclass(frozen=True)
class Span:
    """A partition: `first` included, `next` not."""

    first: datetime
    next: datetime


@dataclass(frozen=True)
class Series:
    """A table partitioned by time, and how long a partition is."""

    table: str
    column: str
    begin: Step
    """The beginning of the partition that a time belongs to."""

    follow: Step
    """The beginning of the next partition."""

    @property
    def default(self) -> str:
        """Takes what has no partition."""
        return f"{self.table}_default"

    def name(self, span: Span) -> str:
        """`reading_20261122`; of an hour `reading_20261122_04`."""
        whole = span.next - span.first >= timedelta(days=1)
        return f"{self.table}_{span.first.strftime('%Y%m%d' if whole else '%Y%m%d_%H')}"

    def spans(self, first: datetime, last: datetime) -> list[Span]:
        """The partitions from that of `first` to that of `last`."""
        found, at = [], self.begin(first)
        while at <= last:
            found.append(Span(at, self.follow(at)))
            at = self.follow(at)
        return found


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


READINGS = Series("reading", "time", _midnight, lambda day: day + timedelta(days=1))
HOURS = Series(
    "reading_hour", "hour", lambda at: _midnight(at).replace(day=1),
    lambda month: (month + timedelta(days=31)).replace(day=1),
)  # fmt: skip

_PARTITIONS = text("""
    SELECT pg_class.relname, pg_get_expr(relpartbound, pg_class.oid)
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = CAST(:table AS regclass) AND relispartition ORDER BY relname
""")

_ATTACH = "ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"

_BOUNDS = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")


async def partitions(conn: AsyncConnection, series: Series) -> dict[str, Span]:
    """Name -> span of every partition but the default one."""
    rows = (await conn.execute(_PARTITIONS, {"table": series.table})).all()
    found = {name: _BOUNDS.search(bound) for name, bound in rows}
    return {
        name: Span(*(datetime.fromisoformat(at).astimezone(UTC) for at in bounds.groups()))
        for name, bounds in found.items() if bounds is not None
    }  # fmt: skip


async def make(database: Database, series: Series, first: datetime, last: datetime) -> int:
    """Make what is missing from `first` to `last`; how many. Where the default partition has rows of a span, these are
    moved (`_WORTH_MOVING`) or it keeps the span."""
    async with database.transaction() as conn:
        there = list((await partitions(conn, series)).values())
    made = 0
    try:
        for span in series.spans(first, last):
            for part in _missing(span, there):
                made += await _make(database, series, part)
    except DBAPIError as error:
        # Whoever is in the way of one is in the way of the others: the rest comes next time.
        log.info("partition_not_made", table=series.table, error=type(error.orig).__name__)
    if made:
        log.info("partitions_made", table=series.table, count=made)
    return made


def _missing(span: Span, there: Sequence[Span]) -> list[Span]:
    """What has no partition yet: the span, or hours of a day that was divided."""
    within = [one for one in there if one.first < span.next and span.first < one.next]
    if not within:
        return [span]
    if all(one.next - one.first == timedelta(hours=1) for one in within):
        return [hour for hour in _hours(span) if hour not in within]
    return []


def _hours(day: Span) -> list[Span]:
    begins = [day.first + timedelta(hours=number) for number in range(24)]
    return [Span(begin, begin + timedelta(hours=1)) for begin in begins]


async def _make(database: Database, series: Series, span: Span) -> int:
    """One partition, or one for each hour of a day that has too many rows in the default partition."""
    async with database.transaction() as conn:
        waiting = await _waiting(conn, series, span)
    if 0 < waiting < _WORTH_MOVING:
        return 0
    if waiting > _MOVED_AT_ONCE and span.next - span.first == timedelta(days=1):
        return sum([await _make(database, series, hour) for hour in _hours(span)])
    return await _attach(database, series, span, waiting > 0)


async def _waiting(conn: AsyncConnection, series: Series, span: Span) -> int:
    """How many rows of `span` are in the default partition; no more are counted than need be known."""
    statement = text(f"""
        SELECT count(*) FROM (SELECT FROM {series.default} WHERE {series.column} >= :first AND {series.column} < :next
            LIMIT {_MOVED_AT_ONCE + 1}) AS found
    """)
    count: int = (await conn.execute(statement, {"first": span.first, "next": span.next})).scalar_one()
    return count


async def _attach(database: Database, series: Series, span: Span, with_rows: bool) -> int:
    """Make it, move its rows into it and attach it, in one transaction: nobody ever misses a row.

    Moved in two goes, the second under the lock that attaching takes: rows may have come in since the first. Where one
    comes in although there was none, attaching fails and is tried again.
    """
    moved = 0
    name = series.name(span)
    bounds = (sql.Literal(span.first.isoformat()), sql.Literal(span.next.isoformat()))
    async with database.transaction() as conn:
        await conn.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        await conn.execute(text("SET LOCAL statement_timeout = '5min'"))
        await _run(conn, "CREATE TABLE {} (LIKE {} INCLUDING ALL)", name, series.table)
        if with_rows:
            moved = await _move(conn, series, name, span)
            await _run(conn, "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", series.default)
            moved += await _move(conn, series, name, span)
        await _run(conn, _ATTACH, series.table, name, *bounds)
    if moved:
        log.info("partition_filled", name=name, rows=moved)
    return 1


async def _move(conn: AsyncConnection, series: Series, name: str, span: Span) -> int:
    statement = text(f"""
        WITH moved AS (DELETE FROM {series.default} WHERE {series.column} >= :first AND {series.column} < :next
            RETURNING *)
        INSERT INTO {name} SELECT * FROM moved
    """)
    return (await conn.execute(statement, {"first": span.first, "next": span.next})).rowcount


async def drop(database: Database, series: Series, before: datetime) -> int:
    """Drop the partitions that end by `before`, one by one; how many."""
    async with database.transaction() as conn:
        old = [name for name, span in (await partitions(conn, series)).items() if span.next <= before]
    dropped = 0
    for name in old:
        try:
            async with database.transaction() as conn:
                await conn.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
                await _run(conn, "DROP TABLE {}", name)
            dropped += 1
        except DBAPIError as error:
            log.info("partition_not_dropped", name=name, error=type(error.orig).__name__)
            break  # as above
    if dropped:
        log.info("partitions_dropped", table=series.table, count=dropped)
    return dropped


async def prune_default(database: Database, series: Series, before: datetime, at_once: int = 5_000) -> int:
    """Delete rows older than `before` from the default partition, a few thousand at a time; how many."""
    statement = text(f"""
        DELETE FROM {series.default} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM {series.default} WHERE {series.column} < :before LIMIT :at_once))
    """)
    pruned = 0
    while True:
        async with database.transaction() as conn:
            deleted = (await conn.execute(statement, {"before": before, "at_once": at_once})).rowcount
        pruned += deleted
        if deleted < at_once:
            return pruned


async def _run(conn: AsyncConnection, statement: str, *names: str | sql.Literal) -> None:
    """A statement with its identifiers quoted."""
    parts = [sql.Identifier(name) if isinstance(name, str) else name for name in names]
    await conn.exec_driver_sql(sql.SQL(statement).format(*parts).as_string(None))
