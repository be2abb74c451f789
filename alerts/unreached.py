"""Says in an alarm's log that somebody who was called cannot be reached: every method of his was tried, and failed.

The ladder goes on by its own times, and the outbox goes on trying; but whoever has the board sees at once that this
name on it hears nothing. A look every few seconds over the calls of the last minutes, by every process of alerts: the
alarm's lock decides who writes it, once for each call.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.case import ENGINE
from alerts.telling import NOT_CALLS
from carebed.clock import now as clock_now
from carebed.database import OUTAGE, Database
from carebed.logs import get_logger

log = get_logger()

_TICK_S = 2.0
_AT_ONCE = 20

# People whose last call failed by every method: for good, or twice and being tried again. Not who has had it on an open
# page, nor who has answered, nor of whom it is known for this call (not for this step: an alarm that is opened again
# counts its steps anew).
_FAILED = """contact_method_id IS NOT NULL AND error IS NOT NULL
    AND (state = 'failed' OR (state IN ('pending', 'handed_over') AND attempts > 1))"""
_LOOK = text(f"""
    WITH failing AS (
        SELECT DISTINCT alarm_id, staff_id FROM notification
        WHERE {_FAILED} AND created_at > carebed_now() - interval '10 minutes'
            AND kind <> ALL (:not_calls) AND alarm_id = ANY (coalesce(CAST(:alarms AS uuid[]), ARRAY[alarm_id]))
    )
    SELECT failing.alarm_id, failing.staff_id, last.step,
        ARRAY(SELECT DISTINCT channel FROM notification WHERE alarm_id = failing.alarm_id
            AND staff_id = failing.staff_id AND created_at = last.created_at AND {_FAILED} ORDER BY channel) AS channels
    FROM failing JOIN alarm ON alarm.id = failing.alarm_id AND alarm.closed_at IS NULL
    CROSS JOIN LATERAL (
        SELECT step, created_at FROM notification
        WHERE alarm_id = failing.alarm_id AND staff_id = failing.staff_id AND contact_method_id IS NOT NULL
            AND kind <> ALL (:not_calls)
        ORDER BY created_at DESC LIMIT 1) AS last
    WHERE NOT EXISTS (
            SELECT FROM notification WHERE alarm_id = failing.alarm_id AND staff_id = failing.staff_id
                AND created_at = last.created_at AND kind <> ALL (:not_calls) AND channel <> 'webhook'
                AND NOT ({_FAILED}) AND NOT (channel = 'live' AND state IN ('pending', 'expired')))
        AND NOT EXISTS (
            SELECT FROM response WHERE response.alarm_id = failing.alarm_id AND response.staff_id = failing.staff_id
                AND response.state <> 'called')
        AND NOT EXISTS (
            SELECT FROM alarm_event WHERE alarm_event.alarm_id = failing.alarm_id AND type = 'not_reached'
                AND data ->> 'responder' = failing.staff_id::text AND at >= last.created_at)
    ORDER BY failing.alarm_id, failing.staff_id LIMIT :most
""")


class Unreached:
    """The look of one process. `channels`: through which people are told of what is logged."""

    def __init__(self, database: Database, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._database = database
        self._channels = channels

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named task for `run_tasks`."""
        return {"unreached": self._run()}

    async def _run(self) -> None:
        while True:
            try:
                while await self.cycle() == _AT_ONCE:
                    pass
            except OUTAGE as error:
                log.warning("unreached_look_failed", error=type(error).__name__)
            await asyncio.sleep(_TICK_S)

    async def cycle(self) -> int:
        """One look; how many people were found."""
        async with self._database.transaction() as conn:
            found = await _look(conn)
            if not found:
                return 0
            cases = await book.load(conn, {row.alarm_id for row in found})
            now = await clock_now(conn)
            # Again, now that nobody else can change these alarms: another process may have been quicker.
            for row in await _look(conn, list(cases)):
                channels = list(row.channels)
                cases[row.alarm_id].log(
                    "not_reached", now, ENGINE, responder=str(row.staff_id), step=row.step, channels=channels
                )
            await book.finish(conn, now, cases.values(), self._channels)
        return len(found)


async def _look(conn: AsyncConnection, alarms: Sequence[UUID] | None = None) -> Sequence[Any]:
    """`alarms`: among these only; None: among all."""
    asked = {"not_calls": sorted(NOT_CALLS), "alarms": alarms, "most": _AT_ONCE}
    return (await conn.execute(_LOOK, asked)).all()
