"""What both lanes keep of devices and homes: the newest sign of life and of activity, one row per lane."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.deadline import Arm, arm
from gateway.lanes import HealthType, Lane
from ingest.item import Item
from ingest.who import DeviceFacts

# Newest sign of life per device, never back; returns the devices whose silence nobody watches yet (first heard of, or
# paired again after their deadline had ended).
_SEEN = text("""
    INSERT INTO device_state (device_id, lane, seen_at)
    SELECT id, :lane, :now FROM unnest(CAST(:devices AS text[])) AS id ORDER BY id
    ON CONFLICT (device_id, lane) DO UPDATE SET seen_at = greatest(device_state.seen_at, EXCLUDED.seen_at)
    RETURNING CASE WHEN NOT EXISTS
        (SELECT FROM deadline WHERE kind = 'offline' AND subject = device_state.device_id) THEN device_id END
""")

# Newest activity per home, never back; returns the homes whose stillness nobody watches yet.
_ACTIVE = text("""
    INSERT INTO home_state (home_id, lane, activity_at)
    SELECT active.home_id, :lane, active.at
    FROM unnest(CAST(:homes AS uuid[]), CAST(:ats AS timestamptz[])) AS active (home_id, at) ORDER BY active.home_id
    ON CONFLICT (home_id, lane) DO UPDATE SET activity_at = greatest(home_state.activity_at, EXCLUDED.activity_at)
    RETURNING CASE WHEN NOT EXISTS
        (SELECT FROM deadline WHERE kind = 'inactivity' AND subject = home_state.home_id::text) THEN home_id END
""")


@dataclass(slots=True)
class Signs:
    """What a batch says about who is alive: devices heard of, and home -> (newest activity, its span in seconds)."""

    devices: dict[str, DeviceFacts] = field(default_factory=dict)
    homes: dict[UUID, tuple[datetime, int]] = field(default_factory=dict)

    def heard(self, item: Item) -> None:
        """The sender has spoken, and its gateway carried it: so the link is alive whatever the gateway says of itself.

        Not so `offline`: it is the broker's word for a gateway whose line broke, or a gateway's for a device.
        """
        offline = item.topic.lane is Lane.HEALTH and item.message.type == HealthType.OFFLINE
        if item.gateway is not None and not (offline and item.device_id == item.gateway.id):
            if item.link is not None:
                self.devices[item.link.id] = item.link
            if item.device is not None and not offline:
                self.devices[item.device.id] = item.device

    def active(self, device: DeviceFacts, at: datetime, now: datetime) -> None:
        """Somebody was active at `at` (device time; never counted as later than `now`)."""
        if device.home_id is None:
            return
        at = min(at, now)
        known = self.homes.get(device.home_id)
        if known is None or known[0] < at:
            self.homes[device.home_id] = (at, device.inactivity_s)


async def keep_signs(conn: AsyncConnection, lane: str, now: datetime, signs: Signs) -> None:
    """Update the lane's state rows and arm the silence deadlines that do not stand; those that do are left alone."""
    arms: list[Arm] = []
    if signs.devices:
        rows = await conn.execute(_SEEN, {"lane": lane, "now": now, "devices": list(signs.devices)})
        for device_id in rows.scalars():
            facts = signs.devices.get(device_id) if device_id is not None else None
            if facts is not None and facts.heartbeat_s is not None:
                allowed = timedelta(seconds=facts.heartbeat_s * facts.missed_beats)
                arms.append(Arm("offline", facts.id, now + allowed))
    if signs.homes:
        ats = [at for at, _ in signs.homes.values()]
        rows = await conn.execute(_ACTIVE, {"lane": lane, "homes": list(signs.homes), "ats": ats})
        for home_id in rows.scalars():
            if home_id is not None:
                at, span_s = signs.homes[home_id]
                arms.append(Arm("inactivity", str(home_id), at + timedelta(seconds=span_s)))
    await arm(conn, arms)
