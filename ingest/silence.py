"""Deadline handler for the silence of the pipeline itself. Homes: `ingest.inactivity`, devices: `ingest.offline`.

Run by `carebed alerts` (its `main` hands them to the engine); the judgement is `ingest.detect.silence`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.lag import raise_lag
from carebed.clock import now as clock_now
from carebed.clock import waited_s
from carebed.database import OUTAGE, Database
from carebed.deadline import Arm, Deadline, arm, rearm
from carebed.logs import get_logger
from ingest.detect.silence import Verdict
from ingest.watermark import LANE_GROUPS, oldest_watermark

log = get_logger()

#: The pipeline is behind by more than this: the lag is the alarm.
LAG = timedelta(seconds=15)
#: A shift of the clock moves the watermark with the next sentinel, a second later; only then is it late in earnest.
_LAG_IN_EARNEST_S = 5.0
_ARM_AGAIN_S = 1.0
_LAG_LOOK = timedelta(seconds=2)
#: Nothing has ever come through an ingest lane: said after a minute, so that starting up is no alarm.
_NEVER_STARTED = timedelta(seconds=60)


def pause_of(row: Deadline) -> timedelta:
    """Pause of a handler that waits for the watermark: 1 s, growing to 30 s, so that an outage costs little."""
    return timedelta(seconds=min(30.0, 1.0 * 2 ** int(row.data.get("waits", 0))))


def after(row: Deadline, verdict: Verdict, **more: Any) -> dict[str, Any]:
    """The deadline's memory after a verdict."""
    waits = int(row.data.get("waits", 0)) + 1 if verdict.waiting else 0
    return {**{key: value for key, value in row.data.items() if key != "waits"}, "waits": waits, **more}


class LagHandler:
    """The watch over the pipeline: one deadline that is always armed and looks every 2 s."""

    def __init__(self, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._channels = channels

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """Raise one lag alarm when the oldest watermark is too old."""
        await rearm(conn, [(row, now + _LAG_LOOK, None) for row in deadlines])
        groups, oldest = await oldest_watermark(conn)
        if groups < LANE_GROUPS:
            since = datetime.fromisoformat(deadlines[0].data["since"])
            behind = now - since if now - since > _NEVER_STARTED else timedelta(0)
            oldest = since
        else:
            assert oldest is not None
            behind = now - oldest
        if behind <= LAG or await waited_s(conn, oldest) <= _LAG_IN_EARNEST_S:
            return
        cases = await raise_lag(conn, now, "ingest", behind.total_seconds())
        await book.finish(conn, now, cases, self._channels)


async def arm_watches(database: Database) -> None:
    """Arm what must always be armed once and stay: the watch over the pipeline, the look who was woken
    (`ingest.waking`), and the look for outages that are one incident (`ingest.outage`). A named task of the alerts
    process. A database that is away is waited for: to end the process would keep escalation waiting longer than the
    database does."""
    while True:
        try:
            async with database.transaction() as conn:
                now = await clock_now(conn)
                lag = Arm("lag", "", now, data={"since": now.isoformat()})
                await arm(conn, [lag, Arm("wake", "", now), Arm("outage", "", now)], wake=True)
        except OUTAGE as error:
            log.warning("watches_not_armed", error=type(error).__name__)
            await asyncio.sleep(_ARM_AGAIN_S)
        else:
            break
    await asyncio.Event().wait()
