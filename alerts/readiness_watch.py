"""Readiness of every station, every ten minutes: kept for who looks, and an alarm to the manager while there is a gap.

A job of the calendar. One alarm for each station, raised as soon as a gap is seen within the hours ahead, that is
before the night, and closed by itself when it is mended.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import Gauge
from sqlalchemy import Column, ForeignKey, Integer, Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.case import ENGINE
from alerts.channel import routes
from alerts.channels import channels
from alerts.raising import Place as RaisedAt
from alerts.raising import Raise, raise_alarms
from alerts.readiness import Gap
from alerts.readiness_homes import HomeGap
from alerts.readiness_ladders import Place
from alerts.readiness_look import Verdict, look
from alerts.remark import remark
from alerts.why import why_readiness, why_ready
from carebed.clock import is_demo
from carebed.clock import now as clock_now
from carebed.columns import instant
from carebed.database import Database, metadata
from carebed.settings import Settings

KIND = "readiness"
#: How far ahead: what is missing tonight is seen in the morning.
AHEAD = timedelta(hours=24)

GAPS = Gauge("carebed_readiness_gaps", "Gaps of the hours ahead in which a step reaches nobody, by reason", ["reason"])
HOMES = Gauge("carebed_readiness_homes", "Homes for which, by their own ladder or people, a step reaches nobody")
JUDGED = Gauge("carebed_readiness_timestamp_seconds", "When readiness was last judged (Unix time)")

readiness = Table(
    "readiness",
    metadata,
    Column("station_id", ForeignKey("station.id"), primary_key=True),
    instant("judged_at", required=True),
    instant("until", required=True),
    Column("gaps", JSONB, nullable=False, comment="as api.readiness_shapes.UnreachedStep"),
    Column("homes", Integer, nullable=False, server_default=text("0"), comment="that nobody is reached for besides"),
    Column("first_homes", JSONB, nullable=False, server_default=text("'[]'"), comment="the first of them, by time"),
    comment="whether the first steps of each station's ladders reach somebody in the hours ahead",
)

_KEEP = text("""
    INSERT INTO readiness (station_id, judged_at, until, gaps, homes, first_homes)
    SELECT station, :now, :until, gaps, homes, first_homes
    FROM unnest(CAST(:stations AS uuid[]), CAST(:gaps AS jsonb[]), CAST(:homes AS int[]), CAST(:first_homes AS jsonb[]))
        AS judged (station, gaps, homes, first_homes)
    ON CONFLICT (station_id) DO UPDATE SET judged_at = EXCLUDED.judged_at, until = EXCLUDED.until,
        gaps = EXCLUDED.gaps, homes = EXCLUDED.homes, first_homes = EXCLUDED.first_homes
""")

_OPEN = text("""
    SELECT merge_key, why -> 'text' AS text FROM alarm WHERE kind = 'readiness' AND closed_at IS NULL
        AND merge_key ^@ 'readiness:'
""")


async def watch_readiness(database: Database, settings: Settings) -> None:
    """Judge all stations, keep what was found, and raise, complete or clear their alarms."""
    through = channels(settings)
    async with database.transaction() as conn:
        now = await clock_now(conn)
        age = timedelta(days=settings.readiness_delivered_days)
        found = await look(conn, now, now + AHEAD, routes(through), age)
        await _keep(conn, now, found)
        speaks = settings.readiness
        if speaks is None:
            speaks = not await is_demo(conn)
        if speaks:
            await _say(conn, now, found, through)
    JUDGED.set_to_current_time()
    counts: dict[str, int] = {}
    for verdict in found.values():
        for gap in verdict.gaps:
            counts[gap.reason] = counts.get(gap.reason, 0) + 1
    GAPS.clear()
    for reason, count in counts.items():
        GAPS.labels(reason).set(count)
    HOMES.set(sum(verdict.homes.count for verdict in found.values()))


async def _keep(conn: AsyncConnection, now: datetime, found: Mapping[Place, Verdict]) -> None:
    asked = {
        "stations": [place.station_id for place in found], "now": now, "until": now + AHEAD,
        "gaps": [_gaps_json(verdict) for verdict in found.values()],
        "homes": [verdict.homes.count for verdict in found.values()],
        "first_homes": [_homes_json(verdict) for verdict in found.values()],
    }  # fmt: skip
    await conn.execute(_KEEP, asked)


def _gaps_json(verdict: Verdict) -> str:
    return msgspec.json.encode([
        {**_as_object(gap), "people": [{"staff": one, "reason": reason} for one, reason in gap.people]}
        for gap in verdict.gaps
    ]).decode()  # fmt: skip


def _homes_json(verdict: Verdict) -> str:
    return msgspec.json.encode([{"home": gap.home_id, **_as_object(gap)} for gap in verdict.homes.first]).decode()


def _as_object(gap: Gap | HomeGap) -> dict[str, Any]:
    return {
        "policy": gap.policy, "step": gap.step, "targets": gap.targets, "from": gap.since, "until": gap.until,
        "reason": gap.reason,
    }  # fmt: skip


async def _say(conn: AsyncConnection, now: datetime, found: Mapping[Place, Verdict], through: Sequence[str]) -> None:
    """One alarm for each station with gaps; a remark when they are others than before; over when there are none."""
    there: dict[str, Any] = {row.merge_key: row.text for row in await conn.execute(_OPEN)}
    reasons = {
        _key(place.station_id): (
            place, why_readiness(verdict.gaps, verdict.homes.count, verdict.homes.first, now, now + AHEAD, place.zone)
        ) for place, verdict in found.items() if not verdict.ready
    }  # fmt: skip
    signals = [
        Raise(KIND, RaisedAt(place.station_id, place.area_code), key, now, reason, counts_again=False)
        for key, (place, reason) in reasons.items() if key not in there
    ]  # fmt: skip
    raised = await raise_alarms(conn, now, signals, sorted(there))
    for key, said in there.items():
        case = raised.open_cases.get(key)
        if case is None or not case.open:
            continue
        if key in reasons:
            await remark(conn, case, now, ENGINE, reasons[key][1]["text"], first=said)
        elif case.taken:
            await remark(conn, case, now, ENGINE, why_ready()["text"])
        else:
            lifecycle.clear(case, now, now, why_ready())
    await book.finish(conn, now, raised.cases.values(), through)


def _key(station_id: UUID) -> str:
    return f"readiness:{station_id}"
