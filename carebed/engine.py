"""The deadline engine: finds what is due and lets its handler fire it or re-arm it, in one transaction.

Two loops, each with connections of its own: life-critical deadlines never queue behind the rest. A loop wakes on
NOTIFY and at the latest after one tick, and starts a batch of every kind that has something due; kinds do not wait for
each other. Of a kind whose last batch was full several are under way: while the database works for one, the processor
is free for another. Rows are claimed with `FOR UPDATE SKIP LOCKED`, most overdue first, so batches and several engines
share the work, and the locks of one that dies are gone with it.

A handler gets the claimed rows of its kind and must deal with every one of them: re-arm it (`deadline.rearm`) or end
it (`deadline.end`). When a batch fails, its rows are tried one by one; one that keeps failing is put back, stays
overdue for all to see, and is tried again after growing pauses by a third loop, so that it holds up nobody else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import OUTAGE, Database
from carebed.deadline import CHANNEL, KEEP_MOVING, Deadline
from carebed.heartbeat import beat
from carebed.logs import get_logger
from carebed.wake import woken_within

log = get_logger()

#: Deals with due deadlines of one kind: (connection, now by the database clock, claimed rows).
Handler = Callable[[AsyncConnection, datetime, list[Deadline]], Awaitable[None]]

TICK_S = 1.0
#: Each statement of a handler costs the same for one row as for hundreds; with more than this, whoever is urgent in
#: another kind would wait too long for his turn.
_BATCH = 500
#: Batches of a kind that are under way at the same time, once it is crowded.
_AT_ONCE = 3
#: A loop or batch that takes longer is stuck, or has far too much to do.
_STUCK_S = 5.0
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


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """One that is under way. `began_at`: by the event loop's clock."""

    kind: str
    began_at: float


def _class(life_critical: bool) -> str:
    return "life-critical" if life_critical else "ordinary"


class Engine:
    """Runs handlers for due deadlines. `handlers`: deadline kind -> handler, given by the process's `main`."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler], *, process: str) -> None:
        self._database = database
        self._handlers = dict(handlers)
        self._process = process
        self._wakes = {True: asyncio.Event(), False: asyncio.Event()}
        self._looked_at: dict[bool, float] = {}
        self._under_way: dict[bool, list[_Batch]] = {True: [], False: []}
        self._crowded: set[tuple[str, bool]] = set()
        """Kinds (and classes) of which the last batch was full."""
        self._due_behind: set[tuple[str, bool]] = set()
        """Those that had more due, or the same rows still, while their batches were under way."""
        for kind in self._handlers:
            FAILED.labels(kind)  # 0 from the start, or the first failure would be no increase

    def ready(self) -> str | None:
        """Readiness: every loop has looked for what is due within the last 5 s, and no batch takes longer than that."""
        now = asyncio.get_running_loop().time()
        for life_critical in (True, False):
            if now - self._looked_at.get(life_critical, -60.0) > _STUCK_S:
                return f"nobody has looked within 5 s for what is due ({_class(life_critical)})"
            if (kind := self._stuck(life_critical)) is not None:
                return f"a batch of {kind} has been under way for more than 5 s ({_class(life_critical)})"
        return None

    def _stuck(self, life_critical: bool) -> str | None:
        began_before = asyncio.get_running_loop().time() - _STUCK_S
        return next((one.kind for one in self._under_way[life_critical] if one.began_at < began_before), None)

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
        wake, under_way = self._wakes[life_critical], self._under_way[life_critical]
        async with asyncio.TaskGroup() as tasks:
            while True:
                wake.clear()
                try:
                    for kind in await self._due(life_critical=life_critical):
                        batches = _AT_ONCE if (kind, life_critical) in self._crowded else 1
                        already = sum(one.kind == kind for one in under_way)
                        if already:
                            self._due_behind.add((kind, life_critical))
                        for _ in range(batches - already):
                            batch = _Batch(kind, asyncio.get_running_loop().time())
                            under_way.append(batch)
                            tasks.create_task(self._work(batch, life_critical=life_critical))
                    self._looked_at[life_critical] = asyncio.get_running_loop().time()
                except OUTAGE as error:
                    log.warning("deadline_cycle_failed", life_critical=life_critical, error=type(error).__name__)
                await woken_within(wake, TICK_S)

    async def _work(self, batch: "_Batch", *, life_critical: bool) -> None:
        """One batch of a loop. When it was full, or more came to be due meanwhile, the loop looks again at once."""
        kind = (batch.kind, life_critical)
        claimed = 0
        try:
            claimed = await self._batch(batch.kind, life_critical=life_critical)
        except OUTAGE as error:
            log.warning("deadline_cycle_failed", life_critical=life_critical, error=type(error).__name__)
        finally:
            self._under_way[life_critical].remove(batch)
        if claimed < _BATCH:
            self._crowded.discard(kind)
        else:
            self._crowded.add(kind)
        if claimed >= _BATCH or (claimed and kind in self._due_behind):
            self._wakes[life_critical].set()
        self._due_behind.discard(kind)

    async def _retry_loop(self) -> None:
        while True:
            try:
                await self.retry_cycle()
            except OUTAGE as error:
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
        """One round by hand: one batch of every kind that has something due; how many rows the largest had."""
        kinds = await self._due(life_critical=life_critical)
        batches = [self._batch(kind, life_critical=life_critical) for kind in kinds]
        return max(await asyncio.gather(*batches), default=0)

    async def _due(self, *, life_critical: bool) -> list[str]:
        """The kinds that have something due."""
        async with self._database.transaction() as conn:
            due = await conn.execute(_DUE_KINDS, {"kinds": list(self._handlers), "life_critical": life_critical})
            kinds = list(due.scalars())
            if self._stuck(life_critical) is None:
                await beat(conn, f"{self._process}-{_class(life_critical)}")
        for kind in self._handlers.keys() - kinds:
            OVERDUE.labels(kind, _class(life_critical)).set(0)
        return kinds

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
        except Exception as error:  # whatever a handler raised: its rows are tried one by one
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
