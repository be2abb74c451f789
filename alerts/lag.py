"""The platform's own alarm: it is behind, silence cannot be judged, people must know. One open alarm at a time.

An alarm's deadline that nobody handles (every engine stopped, a row that keeps failing, a lock that is not given back)
cannot report itself, so `LagWatch` looks from outside, in a transaction of its own that no ladder waits for.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.case import Case
from alerts.raising import Raise, platform_place, raise_alarms
from alerts.why import why_lag
from carebed.clock import now as clock_now
from carebed.database import OUTAGE, Database
from carebed.logs import get_logger

log = get_logger()

#: An open alarm's deadline this much overdue, in seconds, is itself an alarm.
OVERDUE_S = 5.0
_LOOK_S = 1.0
_KEY = "platform:lag"

_ALREADY_OPEN = text("SELECT EXISTS (SELECT FROM alarm WHERE merge_key = :key AND closed_at IS NULL)")

# Seconds that the most overdue deadline of an alarm has waited in earnest; a shift of the clock is no delay.
_WAITED = text("""
    SELECT CASE WHEN due_at <= carebed_now() THEN extract(epoch FROM waited_since(due_at))::float8 END
    FROM (SELECT least((SELECT min(due_at) FROM deadline WHERE life_critical AND kind = 'alarm'),
                       (SELECT min(due_at) FROM deadline WHERE NOT life_critical AND kind = 'alarm'))) AS due (due_at)
""")


async def raise_lag(conn: AsyncConnection, now: datetime, part: str, seconds: float) -> list[Case]:
    """Open the lag alarm; nothing when it is open. The caller saves the cases. `part`: ingest or deadlines."""
    if (await conn.execute(_ALREADY_OPEN, {"key": _KEY})).scalar_one():
        return []
    log.error("lag", part=part, seconds=round(seconds, 1))
    place = await platform_place(conn)
    if place is None:
        return []
    signal = Raise("lag", place, _KEY, now, why_lag(part, seconds), counts_again=False)
    return list((await raise_alarms(conn, now, [signal])).cases.values())


class LagWatch:
    """Raises the lag alarm for deadlines of alarms that are, or were, handled late."""

    def __init__(self, database: Database, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._database = database
        self._channels = channels
        self._handled_late_s = 0.0

    def handled(self, late_s: float) -> None:
        """A deadline was handled `late_s` seconds after it was due; the next look says so if that was too late."""
        self._handled_late_s = max(self._handled_late_s, late_s)

    async def run(self) -> None:
        """A named task: look every second until cancelled."""
        while True:
            try:
                await self.look()
            except OUTAGE as error:
                log.warning("lag_look_failed", error=type(error).__name__)
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> float:
        """Look once; returns how late the worst deadline of an alarm is, in seconds."""
        async with self._database.transaction() as conn:
            waiting: float | None = (await conn.execute(_WAITED)).scalar_one()
            late = max(self._handled_late_s, waiting or 0.0)
            if late > OVERDUE_S:
                now = await clock_now(conn)
                await book.finish(conn, now, await raise_lag(conn, now, "deadlines", late), self._channels)
        self._handled_late_s = 0.0
        return late
