"""The platform's own alarm: it is behind, silence cannot be judged, people must know. One open alarm at a time."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.case import Case
from alerts.raising import Raise, platform_place, raise_alarms
from alerts.why import why_lag
from carebed.logs import get_logger

log = get_logger()

#: An open alarm's deadline this much overdue, in seconds, is itself an alarm.
OVERDUE_S = 5.0


async def raise_lag(conn: AsyncConnection, now: datetime, part: str, seconds: float) -> list[Case]:
    """Open the lag alarm, or find it open; the caller saves the cases. `part`: ingest or deadlines."""
    place = await platform_place(conn)
    log.error("lag", part=part, seconds=round(seconds, 1))
    if place is None:
        return []
    signal = Raise("lag", place, "platform:lag", now, why_lag(part, seconds), counts_again=False)
    return list((await raise_alarms(conn, now, [signal])).cases.values())
