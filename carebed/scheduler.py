"""The calendar process: partitions of `reading` made ahead, old rows dropped. It never carries an alarm.

APScheduler cannot share a job store between processes, so one process is elected by an advisory lock and keeps its jobs
in memory; a second one waits and takes over when the first is gone. Ingest does not depend on it: readings without a
partition go into the default one.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from psycopg import AsyncConnection
from psycopg import Error as LostConnection
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from carebed.broker_watch import BrokerWatch
from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.health import serve_health, shown
from carebed.heartbeat import beat
from carebed.logs import get_logger
from carebed.settings import Settings
from carebed.supervision import run_tasks

log = get_logger()

_LEADER_LOCK = 7270144
_DAYS_AHEAD = 14
_INBOX_KEPT = timedelta(days=90)
_BEAT_S = 10

_PARTITION_EXISTS = text("SELECT to_regclass(:name) IS NOT NULL")
# A day whose rows are in the default partition already cannot get one of its own any more; they stay where they are.
_DEFAULT_HAS = text("SELECT EXISTS (SELECT FROM reading_default WHERE time >= :first AND time < :next)")
_PRUNE_INBOX = text("DELETE FROM inbox WHERE received_at < :before")
_PRUNE_SESSIONS = text("DELETE FROM staff_session WHERE refresh_expires_at < clock_timestamp()")
_PRUNE_ANSWERS = text("DELETE FROM idempotency WHERE created_at < :before")


async def make_partitions(database: Database, days_ahead: int = _DAYS_AHEAD) -> int:
    """Make the missing daily partitions from yesterday to `days_ahead` days from now; how many were made.

    Each in a transaction of its own with a short lock time-out, so that ingest never waits for the calendar.
    """
    async with database.transaction() as conn:
        today = (await clock_now(conn)).astimezone(UTC).date()
    made = 0
    for offset in range(-1, days_ahead + 1):
        made += await _make_partition(database, today + timedelta(days=offset))
    if made:
        log.info("partitions_made", count=made)
    return made


async def _make_partition(database: Database, day: date) -> int:
    first, following = day.isoformat(), (day + timedelta(days=1)).isoformat()
    name = f"reading_{day:%Y%m%d}"
    async with database.transaction() as conn:
        if (await conn.execute(_PARTITION_EXISTS, {"name": name})).scalar_one():
            return 0
        await conn.execute(text("SET LOCAL lock_timeout = '2s'"))
        bounds = {"first": datetime.fromisoformat(first + "T00:00:00+00:00")}
        bounds["next"] = bounds["first"] + timedelta(days=1)
        if (await conn.execute(_DEFAULT_HAS, bounds)).scalar_one():
            return 0
        await conn.execute(
            text(f"CREATE TABLE {name} PARTITION OF reading FOR VALUES FROM ('{first} UTC') TO ('{following} UTC')")
        )
    return 1


async def prune(database: Database) -> None:
    """Drop what is kept only for a time."""
    async with database.transaction() as conn:
        now = await clock_now(conn)
        await conn.execute(_PRUNE_INBOX, {"before": now - _INBOX_KEPT})
        await conn.execute(_PRUNE_SESSIONS)
        await conn.execute(_PRUNE_ANSWERS, {"before": now - timedelta(days=1)})


class Calendar:
    """The elected process's jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._state: str | None = "not elected yet"

    def ready(self) -> str | None:
        """Readiness: leading, or standing by for another leader."""
        return None if self._state in (None, "standing by") else self._state

    def leading(self) -> bool:
        """Whether this process has been elected."""
        return self._state is None

    async def run(self) -> None:
        """A named task: wait to be elected, then run the calendar until the lock's connection is lost."""
        while True:
            try:
                await self._lead()
            except (SQLAlchemyError, LostConnection, OSError) as error:
                self._state = f"no database: {type(error).__name__}"
                log.warning("scheduler_lost_database", error=type(error).__name__)
            await asyncio.sleep(1.0)

    async def _lead(self) -> None:
        async with await AsyncConnection.connect(
            self._database.url, autocommit=True, application_name="carebed-scheduler-lock", connect_timeout=5
        ) as lock:
            while not await _elected(lock):
                self._state = "standing by"
                await asyncio.sleep(2.0)
            log.info("scheduler_elected")
            await make_partitions(self._database)
            self._state = None
            scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1})
            scheduler.add_job(make_partitions, "interval", minutes=10, args=[self._database], misfire_grace_time=None)
            scheduler.add_job(prune, "interval", hours=6, args=[self._database], misfire_grace_time=None)
            scheduler.start()
            try:
                while True:
                    await lock.execute("SELECT 1")
                    async with self._database.transaction() as conn:
                        await beat(conn, "scheduler")
                    await asyncio.sleep(_BEAT_S)
            finally:
                scheduler.shutdown(wait=False)


async def _elected(lock: "AsyncConnection[tuple[object, ...]]") -> bool:
    row = await (await lock.execute("SELECT pg_try_advisory_lock(%s)", [_LEADER_LOCK])).fetchone()
    return row is not None and row[0] is True


async def run(settings: Settings) -> None:
    """Run until SIGTERM; needs `CAREBED_OWNER_DATABASE_URL`, whose role may make partitions."""
    database = Database(settings.secret("owner_database_url"), application="carebed-scheduler", pool_size=2)
    calendar = Calendar(database)
    broker = BrokerWatch(settings, calendar.leading)
    try:
        async with shown(broker):
            await run_tasks(
                {
                    "calendar": calendar.run(),
                    "broker": broker.run(),
                    "health": serve_health(settings.health_host, settings.health_port, {"calendar": calendar.ready}),
                }
            )
    finally:
        await database.close()
