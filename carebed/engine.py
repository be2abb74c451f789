"""The deadline engine: finds what is due and lets its handler fire it or re-arm it, in one transaction.

Two loops, each with connections of its own: life-critical deadlines never queue behind the rest. A loop wakes on
NOTIFY and at the latest after one tick. Rows are claimed with `FOR UPDATE SKIP LOCKED`, most overdue first, so several
engines share the work and the locks of one that dies are gone with it.

A handler gets the claimed rows of its kind and must deal with every one of them: re-arm it (`deadline.rearm`) or end
it (`deadline.end`). When a batch fails, its rows are tried one by one; one that keeps failing is put back, stays
overdue for all to see, and is tried again after growing pauses by a third loop, so that it holds up nobody else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from psycopg import OperationalError as LostConnection
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.deadline import CHANNEL, KEEP_MOVING, Deadline
from carebed.heartbeat import beat
from carebed.logs import get_logger

log = get_logger()

#: Deals with due deadlines of one kind: (connection, now by the database clock, claimed rows).
Handler = Callable[[AsyncConnection, datetime, list[Deadline]], Awaitable[None]]

TICK_S = 1.0
#: Each statement of a handler costs the same for one row as for hundreds; with more than this, whoever is urgent in
#: another kind would wait too long for his turn.
_BATCH = 500
_RETRIES = 20
_RETRY_FIRST_S = 1.0
_RETRY_LONGEST_S = 30.0

FIRED = Counter("carebed_deadlines_handled", "Deadlines handled", ["kind"])
FAILED = Counter("carebed_deadlines_failed", "Handlers that raised", ["kind"])
OVERDUE = Gauge("carebed_deadline_overdue_seconds", "Most overdue deadline of the last claim", ["kind", "class"])
CYCLE = Histogram("carebed_deadline_cycle_seconds", "One claim-and-handle transaction")

# The kinds that have something due, so that idle kinds cost one index probe each.
_DUE_KINDS = text("""
    SELECT kind FROM unnest(CAST(:kinds AS text[])) AS kind WHERE EXISTS (
        SELECT FROM deadline WHERE life_critical = :life_critical AND deadline.kind = kind.kind
            AND due_at <= carebed_now() AND attempts = 0)
""")

_COLUMNS = "id, kind, subject, alarm_id, due_at, data, attempts"

# Due rows of one class and kind, most overdue first; what another engine holds is skipped. By the index alone: where a
# city falls due at one instant, a second key would have all of it sorted for every batch.
_CLAIM = text(f"""
    SELECT {_COLUMNS} FROM deadline
    WHERE life_critical = :life_critical AND kind = :kind AND due_at <= carebed_now() AND attempts = 0
    ORDER BY due_at LIMIT :batch FOR UPDATE SKIP LOCKED
""")

# One row of a batch that failed, if it is still due and free.
_CLAIM_ONE = text(f"""
    SELECT {_COLUMNS} FROM deadline WHERE id = :id AND due_at <= carebed_now() FOR UPDATE SKIP LOCKED
""")

# Rows that were put back and whose pause is over, life-critical ones first.
_AGAIN = text(f"""
    SELECT {_COLUMNS} FROM deadline
    WHERE attempts > 0 AND retry_at <= clock_timestamp() AND kind = ANY(:kinds) AND due_at <= carebed_now()
    ORDER BY life_critical DESC, due_at, id LIMIT :batch
""")

# Puts back a row whose handler fails; real time, since it is a fault's back-off and no deadline of the field.
_PUT_BACK = text("""
    UPDATE deadline SET attempts = attempts + 1, retry_at = clock_timestamp() + make_interval(secs => :pause)
    WHERE id = :id
""")


def _class(life_critical: bool) -> str:
    return "life-critical" if life_critical else "ordinary"


class Engine:
    """Runs handlers for due deadlines. `handlers`: deadline kind -> handler, given by the process's `main`."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler], *, process: str) -> None:
        self._database = database
        self._handlers = dict(handlers)
        self._process = process
        self._wakes = {True: asyncio.Event(), False: asyncio.Event()}
        self._cycled_at: dict[bool, float] = {}
        for kind in self._handlers:
            FAILED.labels(kind)  # 0 from the start, or the first failure would be no increase

    def ready(self) -> str | None:
        """Readiness: every loop has finished a cycle within the last 5 s."""
        now = asyncio.get_running_loop().time()
        for life_critical in (True, False):
            if now - self._cycled_at.get(life_critical, -60.0) > 5.0:
                return f"no {_class(life_critical)} cycle finished within 5 s"
        return None

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The engine's named tasks for `run_tasks`."""
        return {
            "deadlines-life-critical": self._loop(life_critical=True),
            "deadlines": self._loop(life_critical=False),
            "deadlines-put-back": self._retry_loop(),
            "deadlines-wake": self._database.wake_on(CHANNEL, self._wake),
        }

    def _wake(self, _payload: str) -> None:
        for event in self._wakes.values():
            event.set()

    async def _loop(self, *, life_critical: bool) -> None:
        wake = self._wakes[life_critical]
        while True:
            wake.clear()
            try:
                claimed = await self.cycle(life_critical=life_critical)
                self._cycled_at[life_critical] = asyncio.get_running_loop().time()
            except (SQLAlchemyError, LostConnection, OSError) as error:
                log.warning("deadline_cycle_failed", life_critical=life_critical, error=type(error).__name__)
                claimed = 0
            if claimed < _BATCH:
                try:
                    async with asyncio.timeout(TICK_S):
                        await wake.wait()
                except TimeoutError:
                    pass

    async def _retry_loop(self) -> None:
        while True:
            try:
                await self.retry_cycle()
            except (SQLAlchemyError, LostConnection, OSError) as error:
                log.warning("deadline_retry_failed", error=type(error).__name__)
            await asyncio.sleep(TICK_S)

    async def retry_cycle(self) -> int:
        """Try rows that were put back, each by itself; how many there were."""
        async with self._database.transaction() as conn:
            rows = await conn.execute(_AGAIN, {"kinds": list(self._handlers), "batch": _RETRIES})
            again = [Deadline(*row) for row in rows]
        for row in again:
            await self._alone(row)
        return len(again)

    async def cycle(self, *, life_critical: bool) -> int:
        """Claim and handle one batch of every kind that has something due, all kinds at once; how many rows the largest
        batch had. While the database works for one kind, the processor is free for another."""
        async with self._database.transaction() as conn:
            due = await conn.execute(_DUE_KINDS, {"kinds": list(self._handlers), "life_critical": life_critical})
            kinds = list(due.scalars())
            await beat(conn, f"{self._process}-{_class(life_critical)}")
        for kind in self._handlers.keys() - kinds:
            OVERDUE.labels(kind, _class(life_critical)).set(0)
        batches = [self._batch(kind, life_critical=life_critical) for kind in kinds]
        largest = 0
        for claimed in await asyncio.gather(*batches, return_exceptions=True):
            if isinstance(claimed, BaseException):
                raise claimed
            largest = max(largest, claimed)
        return largest

    async def _batch(self, kind: str, *, life_critical: bool) -> int:
        """One transaction for one kind, whose handler's last statement may be the event log's lock."""
        claimed: list[Deadline] = []
        try:
            with CYCLE.time():
                async with self._database.transaction() as conn:
                    claimed, now = await self._claim(conn, kind, life_critical=life_critical)
                    if claimed:
                        await self._handlers[kind](conn, now, claimed)
            FIRED.labels(kind).inc(len(claimed))
        except Exception as error:
            if not claimed:
                raise
            log.warning("deadline_batch_failed", kind=kind, rows=len(claimed), error=repr(error))
            for row in claimed:
                await self._alone(row)
        return len(claimed)

    async def _claim(self, conn: AsyncConnection, kind: str, *, life_critical: bool) -> tuple[list[Deadline], datetime]:
        await conn.execute(KEEP_MOVING)
        rows = await conn.execute(_CLAIM, {"life_critical": life_critical, "kind": kind, "batch": _BATCH})
        claimed = [Deadline(*row) for row in rows]
        now = await clock_now(conn)
        worst = (now - claimed[0].due_at).total_seconds() if claimed else 0.0
        OVERDUE.labels(kind, _class(life_critical)).set(worst)
        return claimed, now

    async def _alone(self, row: Deadline) -> None:
        """Handle one row in a transaction of its own, or put it back with a pause."""
        try:
            async with self._database.transaction() as conn:
                await conn.execute(KEEP_MOVING)
                claimed = [Deadline(*one) for one in await conn.execute(_CLAIM_ONE, {"id": row.id})]
                if claimed:
                    await self._handlers[row.kind](conn, await clock_now(conn), claimed)
            FIRED.labels(row.kind).inc(len(claimed))
        except Exception as error:  # noqa: BLE001 - a poison row must stop no other; it stays overdue
            FAILED.labels(row.kind).inc()
            pause = min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** min(row.attempts, 10))
            log.error(
                "deadline_failed", kind=row.kind, subject=row.subject, attempts=row.attempts + 1, error=repr(error)
            )
            async with self._database.transaction() as conn:
                await conn.execute(_PUT_BACK, {"id": row.id, "pause": pause})
