"""An operator raises an alarm: somebody telephoned."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.case import Actor
from alerts.raising import Place, Raise, merge_key, raise_alarms
from alerts.why import why_by_hand
from carebed.clock import now as clock_now
from carebed.errors import CarebedError


class PlaceUnknown(CarebedError):
    """There is no such home, or the caller may not see it."""


_HOME = text("""
    SELECT home.station_id, home.area_code, home.id,
           (SELECT max(resident.id::text)::uuid FROM resident WHERE resident.home_id = home.id
            HAVING count(*) = 1)
    FROM home WHERE home.id = :home
""")

# The open alarm of this kind at a home: the first one raised. Somebody who telephones is no drill, and joins none.
_OPEN_AT_HOME = text("""
    SELECT merge_key FROM alarm WHERE home_id = :home AND kind = :kind AND closed_at IS NULL AND NOT drill
    ORDER BY raised_at LIMIT 1
""")


async def raise_by_hand(
    conn: AsyncConnection, *, staff_id: UUID, home_id: UUID, kind: str, note: str | None, at: datetime | None,
    channels: Sequence[str] = LIVE_ONLY,
) -> UUID:  # fmt: skip
    """An operator raises an alarm for a home (a telephone call); joins the open one of the same kind there, whomever of
    the household it was raised for. `channels`: through which the others are told of that.

    Raises `PlaceUnknown` for a home that is not there or not in the caller's areas.
    """
    row = (await conn.execute(_HOME, {"home": home_id})).one_or_none()
    if row is None:
        raise PlaceUnknown("There is no such home in your areas.")
    now = await clock_now(conn)
    place = Place(station_id=row[0], area_code=row[1], home_id=row[2], resident_id=row[3])
    key = (await conn.execute(_OPEN_AT_HOME, {"home": home_id, "kind": kind})).scalar_one_or_none()
    key = key or merge_key(home_id, row[3], kind)
    signal = Raise(
        kind, place, merge_key=key, happened_at=min(at or now, now), why=why_by_hand(kind, note),
        actor=Actor("staff", str(staff_id), "api"), note=note,
    )  # fmt: skip
    raised = await raise_alarms(conn, now, [signal])
    await book.finish(conn, now, raised.cases.values(), channels)
    (alarm_id,) = raised.alarm_ids
    if alarm_id is None:  # held: within a second of another repeat; the alarm is open and everybody knows
        (alarm_id,) = raised.cases
    return alarm_id
