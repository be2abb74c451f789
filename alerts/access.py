"""Access notes for who goes to the door: handed out once he has accepted, while the alarm is open, and on record.

Whether he may is the database's to say (`access_notes_of`, migration 0026), so no mistake of ours above it opens a door
to anybody else. The desk that has acknowledged is not at the door: it gets nothing, or one click on every alarm would
make the codes of a whole district anybody's at a desk. An operator who goes, or has to read a code to somebody on the
telephone, accepts, and is on record as one who did.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.case import Actor
from alerts.moves import AlarmUnknown, Hooks
from alerts.view import utc
from carebed.clock import now as clock_now

_READ = text(f"""
    SELECT json_build_object('home', home_id, 'key_box', key_box, 'door_code', door_code, 'hazards', hazards,
        'updated_at', {utc("updated_at")})::text AS body
    FROM access_notes_of(:alarm)
""")


async def read_access_notes(
    conn: AsyncConnection, alarm_id: UUID, staff_id: UUID, hooks: Hooks, channel: str = "api"
) -> str | None:
    """The notes as JSON text, logged as read; None where this person may not see them. The caller commits.

    Raises `AlarmUnknown`. `staff_id`: whose transaction this is (`carebed.staff`).
    """
    case = (await book.load(conn, [alarm_id])).get(alarm_id)
    if case is None:
        raise AlarmUnknown("There is no such alarm in your areas.")
    body: Any = (await conn.execute(_READ, {"alarm": alarm_id})).scalar_one_or_none()
    if body is None:
        return None
    now = await clock_now(conn)
    case.log("access_notes_read", now, Actor("staff", str(staff_id), channel))
    await book.finish(conn, now, [case], hooks.channels)
    return str(body)
