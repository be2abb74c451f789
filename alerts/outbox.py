"""Delivers the outbox's webhook rows. (The live stream's rows are delivered by the API, which holds the streams.)

A row is leased by moving its next attempt into the future, sent outside any transaction, and settled afterwards; a
process that dies in between leaves a row that is sent again: a duplicate rather than a miss. Life-critical messages
are sent until they are taken, or until their alarm has been over for a day; others expire after a day.

Each class has its own slots, and every slot takes its next message as soon as it is free: a receiver that hangs costs
the slots that wait for it, and never those of life-critical messages for the sake of others.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from prometheus_client import Counter
from psycopg import OperationalError as LostConnection
from sqlalchemy import Row, text
from sqlalchemy.exc import SQLAlchemyError

from alerts.notification import CHANNEL
from alerts.view import read_alarms
from alerts.webhook import Webhook
from carebed.database import Database
from carebed.logs import get_logger

log = get_logger()

_TICK_S = 1.0
_SLOTS = 8
#: Longer than a send may take (`alerts.webhook`); this long a message that a dying process had in hand is delayed.
_LEASE_S = 15
_RETRY_FIRST_S = 1
_RETRY_LONGEST_S = 60

SENT = Counter("carebed_notifications_sent", "Attempts to hand a notification over", ["channel", "outcome"])
for _outcome in ("delivered", "failed"):
    SENT.labels("webhook", _outcome)  # 0 from the start, or the first failure would be no increase

# Leases pending messages of one class, longest waiting first; another worker skips them until the lease ends.
_LEASE = text("""
    UPDATE notification SET next_attempt_at = clock_timestamp() + make_interval(secs => :lease),
        attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM notification
        WHERE channel = 'webhook' AND state = 'pending' AND life_critical = :life_critical
            AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id, alarm_id, staff_id, kind, step, life_critical, attempts, created_at
""")

_DELIVERED = text("""
    UPDATE notification SET state = 'delivered', handed_over_at = carebed_now(), delivered_at = carebed_now(),
        error = NULL
    WHERE id = :id AND state <> 'delivered'
""")

# Not taken: again after a pause, unless it has expired.
_AGAIN = text("""
    UPDATE notification SET error = :error, next_attempt_at = clock_timestamp() + make_interval(secs => :pause),
        state = CASE WHEN notification.created_at > carebed_now() - interval '1 day' THEN notification.state
                     WHEN life_critical AND coalesce(alarm.closed_at, carebed_now()) > carebed_now() - interval '1 day'
                     THEN notification.state ELSE 'expired' END
    FROM alarm WHERE notification.id = :id AND notification.state = 'pending' AND alarm.id = notification.alarm_id
""")

#: A leased row and the alarm object that goes with it.
Leased = tuple[Row[Any], dict[str, Any] | None]


class Outbox:
    """The delivery worker of one process."""

    def __init__(self, database: Database, webhook: Webhook) -> None:
        self._database = database
        self._webhook = webhook
        self._wakes = {True: asyncio.Event(), False: asyncio.Event()}

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named tasks for `run_tasks`."""
        return {
            "outbox-life-critical": self._loop(life_critical=True),
            "outbox": self._loop(life_critical=False),
            "outbox-wake": self._database.wake_on(CHANNEL, self._wake),
        }

    def _wake(self, _payload: str) -> None:
        for wake in self._wakes.values():
            wake.set()

    async def _loop(self, *, life_critical: bool) -> None:
        """Keep the slots of one class busy; a slot that gets free wakes the loop, like a new message does."""
        wake = self._wakes[life_critical]
        busy: set[asyncio.Task[None]] = set()

        def free(task: asyncio.Task[None]) -> None:
            busy.discard(task)
            wake.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("outbox_delivery_died", error=repr(error))  # its lease runs out, and it is sent again

        try:
            while True:
                wake.clear()
                for leased in await self._lease(life_critical=life_critical, batch=_SLOTS - len(busy)):
                    task = asyncio.create_task(self._deliver(leased))
                    busy.add(task)
                    task.add_done_callback(free)
                try:
                    async with asyncio.timeout(_TICK_S):
                        await wake.wait()
                except TimeoutError:
                    pass
        finally:
            for task in busy:
                task.cancel()

    async def cycle(self) -> int:
        """Lease and send one round of each class and wait for its end; how many were leased."""
        leased = [
            *await self._lease(life_critical=True, batch=_SLOTS),
            *await self._lease(life_critical=False, batch=_SLOTS),
        ]
        await asyncio.gather(*(self._deliver(one) for one in leased))
        return len(leased)

    async def _lease(self, *, life_critical: bool, batch: int) -> list[Leased]:
        """Up to `batch` messages, with their alarms as they are now; none while the database is away."""
        if batch <= 0:
            return []
        try:
            async with self._database.transaction() as conn:
                wanted = {"lease": _LEASE_S, "batch": batch, "life_critical": life_critical}
                rows = (await conn.execute(_LEASE, wanted)).all()
                alarms = await read_alarms(conn, {row.alarm_id for row in rows}) if rows else []
        except (SQLAlchemyError, LostConnection, OSError) as error:
            log.warning("outbox_lease_failed", error=type(error).__name__)
            return []
        by_id = {alarm["id"]: alarm for alarm in alarms}
        return [(row, by_id.get(str(row.alarm_id))) for row in sorted(rows, key=lambda row: row.created_at)]

    async def _deliver(self, leased: Leased) -> None:
        """Send one message and settle it. Where settling fails the lease runs out and it is sent again."""
        row, alarm = leased
        content = {
            "type": f"alarm.{row.kind}",
            "timestamp": row.created_at,
            "data": {
                "notification": row.id, "alarm": alarm, "alarm_id": row.alarm_id, "staff": row.staff_id,
                "step": row.step, "kind": row.kind, "attempt": row.attempts,
            },
        }  # fmt: skip
        error = await self._webhook.send(str(row.id), int(time.time()), content)
        SENT.labels("webhook", "delivered" if error is None else "failed").inc()
        try:
            await self._settle(row, error)
        except (SQLAlchemyError, LostConnection, OSError) as lost:
            log.warning("outbox_settle_failed", notification=str(row.id), error=type(lost).__name__)

    async def _settle(self, row: Row[Any], error: str | None) -> None:
        async with self._database.transaction() as conn:
            if error is None:
                await conn.execute(_DELIVERED, {"id": row.id})
                return
            pause = min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** min(row.attempts - 1, 10))
            log.warning("webhook_failed", notification=str(row.id), attempts=row.attempts, error=error)
            await conn.execute(_AGAIN, {"id": row.id, "error": error, "pause": pause})
