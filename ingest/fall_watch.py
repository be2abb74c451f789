"""Who has moved after a suspected fall: loads what the home's devices said, and lets `ingest.detect.fall` judge it.

Handed to the alarms' deadline handler by `alerts.main`. Of readings that ingest has not stored yet nothing is known,
and what is not known ends no suspicion.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.case import Case
from alerts.suspicion import Movement
from ingest.detect.core import Device, Event
from ingest.detect.fall import LOOK_BACK, SEEN, Wearer, find_movement

# Whether somebody lives alone at these homes.
_ALONE = text("""
    SELECT home_id FROM resident WHERE home_id = ANY(:homes) GROUP BY home_id HAVING count(*) = 1
""")

# What the devices of these homes, or the one that reported, have said around the fall. Check-ins are the alarm lane's.
_EVENTS = text("""
    WITH fall AS (
        SELECT * FROM unnest(CAST(:alarms AS uuid[]), CAST(:homes AS uuid[]), CAST(:devices AS text[]),
            CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[]))
            AS given (id, home_id, device_id, since, until)
    ), around AS (
        SELECT fall.id AS alarm_id, fall.since, fall.until, device.id, device.kind, device.room,
            device.resident_id, device.gateway_id
        FROM fall JOIN device ON device.home_id = fall.home_id
        UNION
        SELECT fall.id, fall.since, fall.until, device.id, device.kind, device.room, device.resident_id,
            device.gateway_id
        FROM fall JOIN device ON device.id = fall.device_id
    )
    SELECT around.alarm_id, around.id, around.kind, around.room, around.resident_id, said.*
    FROM around CROSS JOIN LATERAL (
        SELECT time, type, value, received_at FROM reading
        WHERE device_id = around.id AND time BETWEEN around.since AND around.until AND type = ANY(:types)
        UNION ALL
        SELECT happened_at, type, CASE WHEN message->'value' = 'false' THEN 0 ELSE 1 END, received_at FROM inbox
        WHERE gateway_id = around.gateway_id AND device_id = around.id AND type = 'check_in'
            AND happened_at BETWEEN around.since AND around.until
    ) AS said
""")


async def movements(conn: AsyncConnection, falls: Sequence[Case]) -> dict[UUID, Movement]:
    """Of suspected falls: alarm -> the movement after it, where there is one."""
    suspicions = {case.id: case.suspicion for case in falls if case.suspicion is not None}
    homes = [case.home_id for case in falls if case.home_id is not None]
    alone = set((await conn.execute(_ALONE, {"homes": homes})).scalars())
    wearers = {case.id: Wearer(case.resident_id, _reporter(case), case.home_id in alone) for case in falls}
    asked = [(case, suspicions[case.id]) for case in falls if case.id in suspicions]
    rows = await conn.execute(
        _EVENTS,
        {
            "alarms": [case.id for case, _ in asked],
            "homes": [case.home_id for case, _ in asked],
            "devices": [_reporter(case) for case, _ in asked],
            "sinces": [suspicion.fallen_at - LOOK_BACK for _, suspicion in asked],
            "untils": [suspicion.still_until for _, suspicion in asked],
            "types": sorted(SEEN),
        },
    )
    events: dict[UUID, list[Event]] = {}
    for row in rows:
        events.setdefault(row.alarm_id, []).append(_event(row))
    found = {case.id: find_movement(suspicion, wearers[case.id], events.get(case.id, [])) for case, suspicion in asked}
    return {alarm: movement for alarm, movement in found.items() if movement is not None}


def _reporter(case: Case) -> str | None:
    """The device that reported the fall; of several nobody knows which is on the one who fell."""
    return case.devices[0].id if len(case.devices) == 1 else None


def _event(row: Row[tuple[object, ...]]) -> Event:
    device = Device(row.id, row.kind, row.room, resident_id=row.resident_id)
    value = row.value if row.type == "steps" else bool(row.value)
    return Event(row.time, device, row.type, value, received_at=row.received_at)
