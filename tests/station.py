"""A station with a home and its people, as it is written for stories; and when something is due there."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.ids import new_id

AREA = "350102001001"

_PUT_PLACE = (
    text("INSERT INTO area (code, name, level) VALUES (:area, 'here', 'community')"),
    text("INSERT INTO station (id, name, area_code) VALUES (:station, 'S', :area)"),
    text("INSERT INTO home (id, name, area_code, station_id) VALUES (:home, 'H', :area, :station)"),
)
_PUT_PERSON = text("""
    INSERT INTO staff (id, login, name, role, area_code, station_id, password_hash)
    VALUES (:id, :login, :login, :role, :area, :station, '-')
""")
_PUT_SHIFT = text("""
    INSERT INTO rota (id, station_id, staff_id, tier, starts_at, ends_at)
    VALUES (:id, :station, :staff, :tier, carebed_now() - interval '1 hour', carebed_now() + interval '1 year')
""")

#: Seconds until something is due again: a deadline by the database's clock, a message by real time.
NEXT_DUE = text("""
    SELECT least((SELECT extract(epoch FROM min(due_at) - carebed_now()) FROM deadline),
        (SELECT min(extract(epoch FROM greatest(next_attempt_at - clock_timestamp(), due_at - carebed_now())))
         FROM notification WHERE state IN ('pending', 'handed_over') AND due_at < 'infinity' AND channel <> 'live')
    )::float8
""")


async def put_station(
    conn: AsyncConnection, station: UUID, home: UUID, cast: Iterable[tuple[str, str, int | None]]
) -> dict[str, UUID]:
    """Write area, station, home and people; `cast`: (login, role, tier of the rota). Login -> id."""
    place = {"station": station, "area": AREA, "home": home}
    for statement in _PUT_PLACE:
        await conn.execute(statement, place)
    people = {}
    for login, role, tier in cast:
        people[login] = new_id()
        await conn.execute(_PUT_PERSON, {"id": people[login], "login": login, "role": role, **place})
        if tier:
            await put_shift(conn, station, people[login], tier)
    return people


async def put_shift(conn: AsyncConnection, station: UUID, staff: UUID, tier: int) -> None:
    """On the rota since an hour ago and for a year."""
    await conn.execute(_PUT_SHIFT, {"id": new_id(), "station": station, "staff": staff, "tier": tier})
