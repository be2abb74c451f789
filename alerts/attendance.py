"""Whoever takes charge at the desk must be there: who signs off, or whose board falls silent, has his alarms no longer.

A board is silent when its person has had no live stream open and made no request for 60 s, on no device
(`alerts.presence`).
Only acknowledgements made through the API count: whoever answered by telephone has no board.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.book import LIVE_ONLY
from alerts.case import ENGINE, Actor
from alerts.presence import SILENT, present
from carebed.clock import now as clock_now
from carebed.database import OUTAGE, Database
from carebed.logs import get_logger

log = get_logger()

_LOOK_S = 5.0
_BATCH = 200

RETURNED = Counter("carebed_alarms_returned", "Alarms taken from a desk that nobody sits at any more", ["reason"])
for _reason in ("signed_off", "board_silent"):
    RETURNED.labels(_reason)

# Acknowledged through the API by somebody of whom no session is open, or none that was seen lately.
_LEFT = text("""
    SELECT alarm.id, acknowledged_by AS holder, there.sessions = 0 AS signed_off
    FROM alarm CROSS JOIN LATERAL (
        SELECT count(*) AS sessions, max(seen_at) AS seen_at FROM staff_session
        WHERE staff_id = alarm.acknowledged_by AND refresh_expires_at > clock_timestamp()) AS there
    WHERE acknowledged_by IS NOT NULL AND closed_at IS NULL
        AND (there.sessions = 0
             OR there.seen_at < clock_timestamp() - :silent AND waited_since(acknowledged_at) > :silent)
        AND 'api' = (SELECT channel FROM alarm_event
                     WHERE alarm_id = alarm.id AND type = 'acknowledged' ORDER BY seq DESC LIMIT 1)
    ORDER BY alarm.id LIMIT :batch
""")

_HELD = text("SELECT id FROM alarm WHERE acknowledged_by = :staff AND closed_at IS NULL")


async def sign_off(conn: AsyncConnection, staff_id: UUID, channels: Sequence[str] = LIVE_ONLY) -> int:
    """Return this person's acknowledged alarms to their stations, unless he is at another device too; how many. The
    session that ends must be gone already. The last thing a transaction does."""
    if await present(conn, [staff_id]):
        return 0
    alarms = (await conn.execute(_HELD, {"staff": staff_id})).scalars().all()
    actor = Actor("staff", str(staff_id), "api")
    return await _return(conn, dict.fromkeys(alarms, (staff_id, "signed_off")), actor, channels)


async def _return(
    conn: AsyncConnection, left: dict[UUID, tuple[UUID, str]], actor: Actor, channels: Sequence[str]
) -> int:
    """`left`: alarm -> who held it, and why he does not any more. Whoever took it over in the meantime keeps it."""
    if not left:
        return 0
    cases = await book.load(conn, left)
    now = await clock_now(conn)
    returned = 0
    for case in cases.values():
        holder, reason = left[case.id]
        if case.acknowledged_by == holder and lifecycle.return_to_station(case, now, actor, reason):
            RETURNED.labels(reason).inc()
            log.warning("alarm_returned", alarm=str(case.id), reason=reason)
            returned += 1
    await book.finish(conn, now, cases.values(), channels)
    return returned


class Attendance:
    """Looks whether those who have taken charge are there."""

    def __init__(self, database: Database, channels: Sequence[str] = LIVE_ONLY, silent: timedelta = SILENT) -> None:
        self._database = database
        self._channels = channels
        self._silent = silent

    async def run(self) -> None:
        """A named task: look every few seconds until cancelled."""
        while True:
            try:
                await self.look()
            except OUTAGE as error:
                log.warning("attendance_look_failed", error=type(error).__name__)
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> int:
        """Look once; how many alarms were returned."""
        async with self._database.transaction() as conn:
            rows = (await conn.execute(_LEFT, {"silent": self._silent, "batch": _BATCH})).all()
            left = {row.id: (row.holder, "signed_off" if row.signed_off else "board_silent") for row in rows}
            return await _return(conn, left, ENGINE, self._channels)
