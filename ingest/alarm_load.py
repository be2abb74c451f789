"""A home in which one kind of alarm turns out false again and again becomes a work order: somebody must look at what
its detector is set to, or operators drown. Nothing is held back by it, no alarm and no page of an alarm.

A job of the calendar. What was false before the last such work order was closed by a person counts no more, so that
what was put right then has its time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.channels import channels
from alerts.load import FALSE
from alerts.raising import Place, Raise, raise_alarms
from alerts.why import why_alarm_load, why_load_over
from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.settings import Settings
from ingest.detect.alarm_load import DETECTOR, AlarmLoadParameters
from ingest.parameters import Where, read_parameters

KIND = "alarm_load"
#: The longest span that can be set.
_REACHES_BACK = timedelta(days=31)

#: Detector -> what decides how easily it is raised, the first one to look at first. Of others: all that it has.
LOOK_AT: dict[str, tuple[str, ...]] = {
    "inactivity": ("buffer", "buffer_s", "least_s", "pets"),
    "bed": ("not_back_min", "still_min", "margin_min", "too_long_h", "alone_grace_s"),
    "door": ("open_min", "back_min"),
    "water": ("span_h", "least_l"),
    "check_in": ("ends_h", "activity_counts"),
    "vital_signs": ("sustain_s", "unusual_sds", "measurements"),
    "vital_trend": ("spreads", "recent_days"),
    "zone": ("dwell_s", "margin_m", "zones"),
    "not_worn": ("limit_s", "wear_from_h", "wear_to_h"),
    "battery": ("low_percent", "low_v"),
    "clock": ("bound_s",),
    "stuck": ("same_s", "never_fires_d"),
    "tamper": ("settle_s",),
    "mains": ("lasting_s",),
    "fall": ("cancel_s", "still_s"),
}

# Alarms of the last weeks that nobody needed, the newest first, without those that a person has already looked into.
_FALSE = text("""
    SELECT alarm.home_id, alarm.kind, array_agg(alarm.raised_at ORDER BY alarm.raised_at DESC) AS raised_at,
        array_agg(alarm.id::text ORDER BY alarm.raised_at DESC) AS ids, max(alarm.why ->> 'detector') AS detector
    FROM alarm WHERE alarm.home_id IS NOT NULL AND alarm.raised_at > :since AND alarm.outcome = ANY(:false)
        AND alarm.kind <> 'alarm_load' AND NOT EXISTS (
            SELECT FROM alarm AS looked WHERE looked.merge_key = concat('load:', alarm.home_id, ':', alarm.kind)
                AND looked.state = 'resolved' AND looked.closed_at > alarm.raised_at)
    GROUP BY alarm.home_id, alarm.kind
""")

_OPEN = text("SELECT merge_key FROM alarm WHERE kind = 'alarm_load' AND closed_at IS NULL")

_HOMES = text("SELECT id, station_id, area_code FROM home WHERE id = ANY(:homes)")


@dataclass(frozen=True, slots=True)
class TooMany:
    """False alarms of one kind in one home, beyond what is set. `ids`: newest first."""

    where: Where
    kind: str
    detector: str | None
    since: datetime
    ids: tuple[str, ...]
    parameters: AlarmLoadParameters

    @property
    def key(self) -> str:
        """One work order for a home and kind."""
        return f"load:{self.where.home_id}:{self.kind}"


async def watch_load(database: Database, settings: Settings) -> None:
    """Raise the work orders that are due, close those that nobody has taken and that are over."""
    async with database.transaction() as conn:
        now = await clock_now(conn)
        too_many = {one.key: one for one in await find_too_many(conn, now)}
        over = set((await conn.execute(_OPEN)).scalars()) - too_many.keys()
        raised = await raise_alarms(conn, now, [_work_order(one) for one in too_many.values()], sorted(over))
        for key in over:
            case = raised.open_cases.get(key)
            if case is not None and case.open and not case.taken:
                lifecycle.clear(case, now, now, why_load_over())
        await book.finish(conn, now, raised.cases.values(), channels(settings))


async def find_too_many(conn: AsyncConnection, now: datetime) -> list[TooMany]:
    """Homes and kinds beyond the limit that holds for the home."""
    rows = (await conn.execute(_FALSE, {"since": now - _REACHES_BACK, "false": list(FALSE)})).all()
    homes = await _places(conn, {row.home_id for row in rows})
    parameters = await read_parameters(conn, [DETECTOR], homes.values())
    found = []
    for row in rows:
        set_to = parameters.of(homes[row.home_id])[DETECTOR.name]
        assert isinstance(set_to, AlarmLoadParameters)
        one = _judge(row, homes[row.home_id], set_to, now)
        if one is not None:
            found.append(one)
    return found


async def _places(conn: AsyncConnection, homes: Iterable[UUID]) -> dict[UUID, Where]:
    return {row.id: Where(row.id, row.station_id, row.area_code)
            for row in await conn.execute(_HOMES, {"homes": list(homes)})}  # fmt: skip


def _judge(row: Row[Any], where: Where, set_to: AlarmLoadParameters, now: datetime) -> TooMany | None:
    since = now - timedelta(days=set_to.days)
    recent: Sequence[datetime] = [at for at in row.raised_at if at > since]
    if not set_to.enabled or len(recent) <= set_to.most:
        return None
    return TooMany(where, row.kind, row.detector, recent[-1], tuple(row.ids[: len(recent)]), set_to)


def _work_order(one: TooMany) -> Raise:
    detector = one.detector or one.kind
    reason = why_alarm_load(
        one.kind, count=len(one.ids), days=one.parameters.days, most=one.parameters.most, since=one.since.isoformat(),
        look_at=detector, parameters=LOOK_AT.get(detector, ()), alarms=one.ids,
    )  # fmt: skip
    place = Place(one.where.station_id, one.where.area_code, one.where.home_id)
    return Raise(KIND, place, one.key, one.since, reason, counts_again=False)
