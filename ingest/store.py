"""What both lanes keep of devices and homes: the newest sign of life and of activity, one row per lane."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.deadline import Arm, arm
from ingest.who import DeviceFacts

# Newest sign of life per device, never back; returns the devices that were heard of for the first time in this lane.
_SEEN = text("""
    INSERT INTO device_state (device_id, lane, seen_at)
    SELECT id, :lane, :now FROM unnest(CAST(:devices AS text[])) AS id ORDER BY id
    ON CONFLICT (device_id, lane) DO UPDATE SET seen_at = greatest(device_state.seen_at, EXCLUDED.seen_at)
    RETURNING CASE WHEN xmax = 0 THEN device_id END
""")

# Newest activity per home, never back; returns the homes that were active for the first time in this lane.
_ACTIVE = text("""
    INSERT INTO home_state (home_id, lane, activity_at)
    SELECT active.home_id, :lane, active.at
    FROM unnest(CAST(:homes AS uuid[]), CAST(:ats AS timestamptz[])) AS active (home_id, at) ORDER BY active.home_id
    ON CONFLICT (home_id, lane) DO UPDATE SET activity_at = greatest(home_state.activity_at, EXCLUDED.activity_at)
    RETURNING CASE WHEN xmax = 0 THEN home_id END
""")


async def keep_signs(
    conn: AsyncConnection, lane: str, now: datetime, devices: Mapping[str, DeviceFacts],
    active: Mapping[UUID, tuple[datetime, int]],
) -> None:  # fmt: skip
    """Update the lane's state rows and arm the silence deadlines of what is new; those that stand are left alone.

    `devices`: all heard of in this batch. `active`: home -> (newest activity, its inactivity span in seconds).
    """
    arms: list[Arm] = []
    if devices:
        rows = await conn.execute(_SEEN, {"lane": lane, "now": now, "devices": list(devices)})
        for device_id in rows.scalars():
            facts = devices.get(device_id) if device_id is not None else None
            if facts is not None and facts.heartbeat_s is not None:
                allowed = timedelta(seconds=facts.heartbeat_s * facts.missed_beats)
                arms.append(Arm("offline", facts.id, now + allowed))
    if active:
        ats = [at for at, _ in active.values()]
        rows = await conn.execute(_ACTIVE, {"lane": lane, "homes": list(active), "ats": ats})
        for home_id in rows.scalars():
            if home_id is not None:
                at, span_s = active[home_id]
                arms.append(Arm("inactivity", str(home_id), at + timedelta(seconds=span_s)))
    await arm(conn, arms)
