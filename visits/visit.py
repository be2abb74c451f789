"""Visits on record. An answered alarm writes one when the responder arrives; later, planned visits stand here too."""

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.moves import Arrival, Departure
from carebed.columns import instant, label, refers, uuid_key
from carebed.database import metadata
from carebed.ids import new_id

visit = Table(
    "visit",
    metadata,
    uuid_key(),
    refers("area_code", "area.code", index=True),
    refers("home_id", "home.id", required=False, index=True),
    refers("resident_id", "resident.id", required=False),
    refers("staff_id", "staff.id"),
    refers("alarm_id", "alarm.id", required=False),
    Column("kind", Text, CheckConstraint("kind IN ('emergency')", name="kind"), nullable=False),
    instant("started_at", required=True),
    instant("started_device_at"),
    instant("ended_at"),
    label("outcome", required=False),
    Index("uq_visit_alarm_staff", "alarm_id", "staff_id", "started_at", unique=True),
)

# Begins a visit, unless this person is still there: arriving twice is one visit. The alarm's row lock, which every move
# holds, keeps two at once apart.
_ARRIVED = text("""
    INSERT INTO visit (id, area_code, home_id, resident_id, staff_id, alarm_id, kind, started_at, started_device_at)
    SELECT :id, :area_code, :home_id, :resident_id, :staff_id, :alarm_id, 'emergency', :at, :device_at
    WHERE NOT EXISTS (
        SELECT FROM visit WHERE alarm_id = :alarm_id AND staff_id = :staff_id AND ended_at IS NULL)
    ON CONFLICT (alarm_id, staff_id, started_at) DO NOTHING
""")

# Ends the open visit of this person; no open one is fine (he never arrived).
_LEFT = text("""
    UPDATE visit SET ended_at = greatest(started_at, :at), outcome = coalesce(:outcome, outcome)
    WHERE alarm_id = :alarm_id AND staff_id = :staff_id AND ended_at IS NULL
""")


async def record_arrival(conn: AsyncConnection, arrival: Arrival) -> None:
    """A responder is at the door: a visit begins, in the transaction of his move."""
    await conn.execute(
        _ARRIVED,
        {
            "id": new_id(),
            "area_code": arrival.area_code,
            "home_id": arrival.home_id,
            "resident_id": arrival.resident_id,
            "staff_id": arrival.staff_id,
            "alarm_id": arrival.alarm_id,
            "at": arrival.at,
            "device_at": arrival.device_at,
        },
    )


async def record_departure(conn: AsyncConnection, departure: Departure) -> None:
    """A responder has left, or the alarm was closed around him: his visit ends."""
    await conn.execute(
        _LEFT,
        {
            "alarm_id": departure.alarm_id,
            "staff_id": departure.staff_id,
            "at": departure.at,
            "outcome": departure.outcome,
        },
    )
