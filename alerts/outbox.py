"""Delivers the outbox's webhook rows. (The live stream's rows are delivered by the API, which holds the streams.)

A row is leased by moving its next attempt into the future, sent outside any transaction, and settled afterwards; a
process that dies in between leaves a row that is sent again: a duplicate rather than a miss. Life-critical messages
are sent until they are taken; others expire after a day.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from psycopg import OperationalError as LostConnection
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError

from alerts.notification import CHANNEL
from alerts.view import read_alarms
from alerts.webhook import Webhook
from carebed.database import Database
from carebed.logs import get_logger

log = get_logger()

_TICK_S = 1.0
_BATCH = 50
_PARALLEL = 8
_LEASE_S = 15
_RETRY_FIRST_S = 1
_RETRY_LONGEST_S = 60

SENT = Counter("carebed_notifications_sent", "Attempts to hand a notification over", ["channel", "outcome"])

# Leases pending messages, life-critical ones first; another worker skips them until the lease ends.
_LEASE = text("""
    UPDATE notification SET next_attempt_at = clock_timestamp() + make_interval(secs => :lease),
        attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM notification
        WHERE channel = 'webhook' AND state = 'pending' AND next_attempt_at <= clock_timestamp()
        ORDER BY life_critical DESC, next_attempt_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id, alarm_id, staff_id, kind, step, life_critical, attempts, created_at
""")

_DELIVERED = text("""
    UPDATE notification SET state = 'delivered', handed_over_at = carebed_now(), delivered_at = carebed_now(),
        error = NULL
    WHERE id = :id
""")

# Not taken: again after a pause; one that is not life-critical and a day old has expired.
_AGAIN = text("""
    UPDATE notification SET error = :error, next_attempt_at = clock_timestamp() + make_interval(secs => :pause),
        state = CASE WHEN life_critical OR created_at > carebed_now() - interval '1 day' THEN state ELSE 'expired' END
    WHERE id = :id
""")


class Outbox:
    """The delivery worker of one process."""

    def __init__(self, database: Database, webhook: Webhook) -> None:
        self._database = database
        self._webhook = webhook
        self._wake = asyncio.Event()

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named tasks for `run_tasks`."""
        return {"outbox": self._loop(), "outbox-wake": self._listen()}

    async def _listen(self) -> None:
        while True:
            try:
                async for _ in self._database.listen(CHANNEL):
                    self._wake.set()
            except (LostConnection, OSError) as error:
                log.warning("outbox_listen_lost", error=type(error).__name__)
            await asyncio.sleep(_TICK_S)

    async def _loop(self) -> None:
        while True:
            self._wake.clear()
            try:
                sent = await self.cycle()
            except (DBAPIError, LostConnection, OSError) as error:
                log.warning("outbox_cycle_failed", error=type(error).__name__)
                sent = 0
            if sent < _BATCH:
                try:
                    async with asyncio.timeout(_TICK_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def cycle(self) -> int:
        """Lease and send one batch; how many were leased. A slow receiver holds up only its own batch."""
        async with self._database.transaction() as conn:
            rows = (await conn.execute(_LEASE, {"lease": _LEASE_S, "batch": _BATCH})).all()
            alarms = await read_alarms(conn, sorted({row.alarm_id for row in rows}))
        by_id = {UUID(alarm["id"]): alarm for alarm in alarms}
        slots = asyncio.Semaphore(_PARALLEL)
        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(self._deliver(row, by_id.get(row.alarm_id), slots))
        return len(rows)

    async def _deliver(self, row: Row[Any], alarm: dict[str, Any] | None, slots: asyncio.Semaphore) -> None:
        content = {
            "type": f"alarm.{row.kind}",
            "timestamp": row.created_at,
            "data": {
                "notification": row.id, "alarm": alarm, "alarm_id": row.alarm_id, "staff": row.staff_id,
                "step": row.step, "kind": row.kind, "attempt": row.attempts,
            },
        }  # fmt: skip
        async with slots:
            error = await self._webhook.send(str(row.id), int(time.time()), content)
        SENT.labels("webhook", "delivered" if error is None else "failed").inc()
        async with self._database.transaction() as conn:
            if error is None:
                await conn.execute(_DELIVERED, {"id": row.id})
            else:
                pause = min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** min(row.attempts - 1, 10))
                log.warning("webhook_failed", notification=str(row.id), attempts=row.attempts, error=error)
                await conn.execute(_AGAIN, {"id": row.id, "error": error, "pause": pause})
