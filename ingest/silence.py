"""Deadline handlers for silence: a home without activity, and the pipeline itself. Devices: `ingest.offline`.

Run by `carebed alerts` (its `main` hands them to the engine); the judgement is `ingest.detect.silence`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import OperationalError as LostConnection
from sqlalchemy import Row, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.lag import raise_lag
from alerts.raising import Place, Raise, merge_key, raise_alarms
from alerts.why import why_inactivity
from carebed.clock import now as clock_now
from carebed.clock import waited_s
from carebed.database import Database
from carebed.deadline import Arm, Deadline, arm, end, rearm
from carebed.logs import get_logger
from ingest.detect.silence import Pipeline, Verdict, judge_inactivity
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

# Watermark and last recovery of each home's pipeline: the least of all groups, in both lanes, that its devices use.
_PIPELINES = """
    SELECT used.home_id, CASE WHEN count(*) = 2 * count(DISTINCT used.shard_group) THEN min(watermark.stamp) END
        AS watermark, max(watermark.recovered_at) AS recovered_at
    FROM (SELECT DISTINCT device.home_id, get_byte(sha256(convert_to(device.gateway_id, 'UTF8')), 0) >> 4 AS shard_group
          FROM device WHERE device.home_id = ANY(:homes)) AS used
    JOIN watermark ON watermark.shard_group = used.shard_group
    GROUP BY used.home_id
"""

# What inactivity is judged by.
_HOMES = text(f"""
    WITH pipeline AS ({_PIPELINES})
    SELECT home.id::text AS subject, home.id, home.station_id, home.area_code, home.inactivity_s,
        max(home_state.activity_at) AS activity_at, pipeline.watermark, pipeline.recovered_at,
        (SELECT max(resident.id::text)::uuid FROM resident WHERE resident.home_id = home.id HAVING count(*) = 1)
            AS resident_id
    FROM home LEFT JOIN home_state ON home_state.home_id = home.id LEFT JOIN pipeline ON pipeline.home_id = home.id
    WHERE home.id = ANY(:homes)
    GROUP BY home.id, pipeline.watermark, pipeline.recovered_at
""")


def pause_of(row: Deadline) -> timedelta:
    """Pause of a handler that waits for the watermark: 1 s, growing to 30 s, so that an outage costs little."""
    return timedelta(seconds=min(30.0, 1.0 * 2 ** int(row.data.get("waits", 0))))


def after(row: Deadline, verdict: Verdict, **more: Any) -> dict[str, Any]:
    """The deadline's memory after a verdict."""
    waits = int(row.data.get("waits", 0)) + 1 if verdict.waiting else 0
    return {**{key: value for key, value in row.data.items() if key != "waits"}, "waits": waits, **more}


class InactivityHandler:
    """A home's inactivity deadline: raise when it has been still too long, otherwise look again when it might be."""

    def __init__(self, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._channels = channels

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One batch of homes."""
        rows = await conn.execute(_HOMES, {"homes": [row.subject for row in deadlines]})
        homes = {row.subject: row for row in rows}
        signals: list[Raise] = []
        moves: list[tuple[Deadline, datetime, dict[str, Any] | None]] = []
        for row in deadlines:
            home = homes.get(row.subject)
            if home is None or home.activity_at is None:
                await end(conn, [row])
                continue
            limit = timedelta(seconds=home.inactivity_s)
            pipeline = Pipeline(home.watermark, home.recovered_at)
            verdict = judge_inactivity(now, home.activity_at, limit, pipeline, pause_of(row))
            if verdict.fire:
                signals.append(_inactive(home, now))
            moves.append((row, verdict.again_at, after(row, verdict)))
        await rearm(conn, moves)
        raised = await raise_alarms(conn, now, signals)
        await book.finish(conn, now, raised.cases.values(), self._channels)


def _inactive(home: Row[Any], now: datetime) -> Raise:
    hours = (now - home.activity_at).total_seconds() / 3600
    place = Place(home.station_id, home.area_code, home.id, home.resident_id)
    reason = why_inactivity(home.activity_at.isoformat(), hours, home.inactivity_s / 3600)
    return Raise("inactivity", place, merge_key(home.id, None, "inactivity"), home.activity_at, reason)


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
    """Arm what must always be armed once and stay: the watch over the pipeline, and the look who was woken
    (`ingest.waking`). A named task of the alerts process. A database that is away is waited for: to
    end the process would keep escalation waiting longer than the database does."""
    while True:
        try:
            async with database.transaction() as conn:
                now = await clock_now(conn)
                await arm(conn, [Arm("lag", "", now, data={"since": now.isoformat()}), Arm("wake", "", now)], wake=True)
        except (SQLAlchemyError, LostConnection, OSError) as error:
            log.warning("watches_not_armed", error=type(error).__name__)
            await asyncio.sleep(_ARM_AGAIN_S)
        else:
            break
    await asyncio.Event().wait()
