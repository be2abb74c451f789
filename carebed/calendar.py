"""The calendar: jobs that run now and then, in one elected process. It never carries an alarm.

APScheduler cannot share a job store between processes, so one process is elected by an advisory lock and keeps its jobs
in memory; a second one waits and takes over when the first is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from carebed.database import OUTAGE, Database
from carebed.election import elected
from carebed.heartbeat import beat
from carebed.logs import get_logger

log = get_logger()

_LEADER_LOCK = 7270144
_BEAT_S = 10


@dataclass(frozen=True)
class Job:
    """Something to do every so often; `at_once`: also before the process says that it is ready."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]
    at_once: bool = False

    async def try_to_run(self) -> None:
        """A job that fails has failed for this time."""
        try:
            await self.run()
        except Exception as error:  # noqa: BLE001 - the other jobs go on, and this one is tried again
            log.error("job_failed", job=self.name, error=type(error).__name__)


class Calendar:
    """The elected process's jobs."""

    def __init__(self, database: Database, jobs: Sequence[Job]) -> None:
        self._database = database
        self._jobs = jobs
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
            except OUTAGE as error:
                self._state = f"no database: {type(error).__name__}"
                log.warning("scheduler_lost_database", error=type(error).__name__)
            await asyncio.sleep(1.0)

    def _stand_by(self) -> None:
        self._state = "standing by"

    async def _lead(self) -> None:
        async with elected(self._database.url, _LEADER_LOCK, "scheduler", self._stand_by) as still:
            for job in self._jobs:
                if job.at_once:
                    await job.run()
            self._state = None
            scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1})
            for job in self._jobs:
                scheduler.add_job(
                    job.try_to_run,
                    "interval",
                    seconds=job.every.total_seconds(),
                    name=job.name,
                    misfire_grace_time=None,
                )
            scheduler.start()
            try:
                while True:
                    await still()
                    async with self._database.transaction() as conn:
                        await beat(conn, "scheduler")
                    await asyncio.sleep(_BEAT_S)
            finally:
                scheduler.shutdown(wait=False)
