"""Ticking an incident's homes off: the desk asks after each person, and what it heard is on record.

Each home of an incident (`alerts.incident`) has an alarm of its own. A tick says how the people there are: `well`; or
somebody has to go, because they need help or cannot be reached, which counts as an emergency (Texas 26 TAC 279.79):
then an `assist` alarm is raised at the home in the same transaction, with a ladder of its own. An incident that still
has homes out which nobody has asked after is not resolved without saying so.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.by_hand import raise_by_hand
from alerts.case import Actor
from alerts.view import utc
from carebed.clock import now as clock_now
from carebed.columns import instant, label, refers
from carebed.database import metadata
from carebed.errors import CarebedError


class Finding(StrEnum):
    """How the people of a home are, as the desk has heard."""

    WELL = "well"
    NEEDS_HELP = "needs_help"
    NOT_REACHED = "not_reached"


_FINDINGS = ", ".join(f"'{one}'" for one in Finding)

incident_tick = Table(
    "incident_tick",
    metadata,
    Column("incident_id", ForeignKey("alarm.id"), primary_key=True),
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    Column("finding", Text, CheckConstraint(f"finding IN ({_FINDINGS})", name="finding"), nullable=False),
    label("note", required=False),
    refers("staff_id", "staff.id"),
    instant("at", required=True),
    Column("alarm_id", ForeignKey("alarm.id"), comment="raised because somebody has to go"),
    comment="homes of incidents that somebody has asked after; the last word counts, the log keeps all",
)


class MemberUnknown(CarebedError):
    """There is no such alarm in this incident, or the caller may not see it."""


# The alarms of the same home in the same incident.
_OF_HOME = text("""
    SELECT other.id, other.home_id FROM alarm AS member
    JOIN alarm AS other ON other.incident_id = member.incident_id AND other.home_id = member.home_id
    WHERE member.id = :member AND member.incident_id = :incident ORDER BY other.id
""")

_TICK = text("""
    INSERT INTO incident_tick (incident_id, home_id, finding, note, staff_id, at, alarm_id)
    VALUES (:incident, :home, :finding, :note, :staff, :now, :alarm)
    ON CONFLICT (incident_id, home_id) DO UPDATE SET finding = EXCLUDED.finding, note = EXCLUDED.note,
        staff_id = EXCLUDED.staff_id, at = EXCLUDED.at, alarm_id = EXCLUDED.alarm_id
""")

# Homes that are still out and that nobody has asked after.
_UNTICKED = text("""
    SELECT count(DISTINCT home_id) FROM alarm
    WHERE incident_id = :incident AND closed_at IS NULL AND NOT EXISTS (
        SELECT FROM incident_tick WHERE incident_tick.incident_id = :incident
            AND incident_tick.home_id = alarm.home_id)
""")

# Each home with its people and its alarms, those that nobody has asked after first, then by when they were raised.
_HOMES = text(f"""
    WITH member AS (
        SELECT home_id, min(id::text)::uuid AS first, bool_or(closed_at IS NULL) AS out,
            json_agg(json_build_object('id', id, 'kind', kind, 'state', state) ORDER BY id) AS alarms
        FROM alarm WHERE incident_id = :incident GROUP BY home_id
    ), listed AS (
        SELECT member.*, incident_tick.finding, incident_tick.note, incident_tick.staff_id, incident_tick.at,
            incident_tick.alarm_id,
            CASE WHEN finding IS NULL AND out THEN 0 WHEN finding IS NULL THEN 2 ELSE 1 END AS place
        FROM member LEFT JOIN incident_tick ON incident_tick.incident_id = :incident
            AND incident_tick.home_id = member.home_id
    )
    SELECT place, first, json_build_object(
        'home', listed.home_id, 'name', home.name, 'address', home.address, 'member', first, 'out', out,
        'alarms', alarms,
        'residents', (SELECT coalesce(json_agg(json_build_object('id', resident.id, 'name', resident.name)
                                               ORDER BY resident.name, resident.id), '[]')
                      FROM resident WHERE resident.home_id = listed.home_id),
        'tick', CASE WHEN finding IS NOT NULL THEN json_build_object(
            'finding', finding, 'note', note, 'staff', staff_id, 'name', name_of_staff(staff_id),
            'at', {utc("listed.at")}, 'alarm', alarm_id) END)::text AS body
    FROM listed LEFT JOIN home ON home.id = listed.home_id
    WHERE CAST(:place AS int) IS NULL OR (place, first) > (:place, :after)
    ORDER BY place, first LIMIT :limit
""")


async def tick(
    conn: AsyncConnection, incident_id: UUID, member_id: UUID, staff_id: UUID, finding: Finding,
    note: str | None = None, at: datetime | None = None, channels: Sequence[str] = LIVE_ONLY,
) -> UUID | None:  # fmt: skip
    """Tick the home of this member off; the alarm that was raised because somebody has to go. The caller commits.

    Raises `MemberUnknown`. `at`: the time on the caller's device.
    """
    rows = (await conn.execute(_OF_HOME, {"member": member_id, "incident": incident_id})).all()
    if not rows:
        raise MemberUnknown("There is no such alarm in this incident.")
    home_id: UUID = rows[0].home_id
    cases = await book.load(conn, [row.id for row in rows])
    now = await clock_now(conn)
    raised: UUID | None = None
    if finding is not Finding.WELL:
        said = note or "Cannot be reached." if finding is Finding.NOT_REACHED else note
        raised = await raise_by_hand(
            conn, staff_id=staff_id, home_id=home_id, kind="assist", note=said, at=at, channels=channels
        )
    row = {"incident": incident_id, "home": home_id, "finding": str(finding), "note": note, "staff": staff_id}
    await conn.execute(_TICK, row | {"now": now, "alarm": raised})
    actor = Actor("staff", str(staff_id), "api")
    for case in cases.values():
        case.log("ticked", now, actor, device_time=at, finding=str(finding), note=note)
    await book.finish(conn, now, cases.values(), channels)
    return raised


async def unticked(conn: AsyncConnection, incident_id: UUID) -> int:
    """How many homes of an incident are still out without anybody having asked after them."""
    homes: int = (await conn.execute(_UNTICKED, {"incident": incident_id})).scalar_one()
    return homes


async def list_homes(
    conn: AsyncConnection, incident_id: UUID, limit: int, after: tuple[int, UUID] | None = None
) -> tuple[list[str], tuple[int, UUID] | None]:
    """The homes of an incident as JSON, those that nobody has asked after first; and where the next page begins."""
    asked: dict[str, Any] = {"incident": incident_id, "limit": limit + 1, "place": None, "after": None}
    if after is not None:
        asked |= {"place": after[0], "after": after[1]}
    rows = (await conn.execute(_HOMES, asked)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return [row.body for row in rows[:limit]], None if last is None else (last.place, last.first)
