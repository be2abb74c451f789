"""What both lanes keep of devices and homes: the newest sign of life and of activity, one row per lane."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import text_array
from carebed.deadline import Arm, arm
from gateway.lanes import HealthType, Lane
from ingest.detect.silence import SEEN_RESOLUTION
from ingest.who import DeviceFacts, Place, Sender

# Newest sign of life per device, never back; returns the devices whose silence nobody watches yet: first heard of, or
# paired again, so that only the deadline of the pairing stands, which waits longer.
_SEEN = text("""
    WITH seen AS (
        INSERT INTO device_state (device_id, lane, seen_at)
        SELECT id, :lane, :now FROM unnest(CAST(:devices AS text[])) AS id ORDER BY id
        ON CONFLICT (device_id, lane) DO UPDATE SET seen_at = greatest(device_state.seen_at, EXCLUDED.seen_at),
            silent_from = CASE WHEN EXCLUDED.seen_at - device_state.seen_at > interval '1 minute'
                THEN device_state.seen_at ELSE device_state.silent_from END,
            back_at = CASE WHEN EXCLUDED.seen_at - device_state.seen_at > interval '1 minute'
                THEN EXCLUDED.seen_at ELSE device_state.back_at END
        RETURNING device_id
    )
    SELECT device_id FROM seen
    WHERE NOT EXISTS (SELECT FROM deadline
        WHERE kind = 'offline' AND subject = seen.device_id AND NOT deadline.data ? 'paired_at')
""")

# The same for devices that are known to be watched: half the work.
_SEEN_AGAIN = text("""
    UPDATE device_state SET seen_at = :now,
        silent_from = CASE WHEN :now - seen_at > interval '1 minute' THEN seen_at ELSE silent_from END,
        back_at = CASE WHEN :now - seen_at > interval '1 minute' THEN :now ELSE back_at END
    FROM unnest(CAST(:devices AS text[])) AS again (id)
    WHERE device_id = again.id AND lane = :lane AND seen_at < :now
""")

# Homes at which detectors have never looked, and so cannot miss what never happens.
_UNSEEN = text("""
    SELECT home FROM unnest(CAST(:homes AS text[])) AS home
    WHERE NOT EXISTS (SELECT FROM deadline WHERE kind = 'detect' AND subject = home)
""")

# Newest activity per home, never back; returns the homes whose stillness nobody watches yet.
_ACTIVE = text("""
    WITH active AS (
        INSERT INTO home_state (home_id, lane, activity_at)
        SELECT newest.home_id, :lane, newest.at
        FROM unnest(CAST(:homes AS uuid[]), CAST(:ats AS timestamptz[])) AS newest (home_id, at)
        ORDER BY newest.home_id
        ON CONFLICT (home_id, lane) DO UPDATE SET activity_at = greatest(home_state.activity_at, EXCLUDED.activity_at)
        RETURNING home_id
    )
    SELECT home_id::text FROM active
    WHERE NOT EXISTS (SELECT FROM deadline WHERE kind = 'inactivity' AND subject = active.home_id::text)
""")

# The same for homes that are known to be watched.
_ACTIVE_AGAIN = text("""
    UPDATE home_state SET activity_at = newest.at
    FROM unnest(CAST(:homes AS uuid[]), CAST(:ats AS timestamptz[])) AS newest (home_id, at)
    WHERE home_state.home_id = newest.home_id AND lane = :lane AND activity_at < newest.at
""")


class Lately:
    """Whose sign of life one process has written lately, so that a backlog does not write it with every batch.

    By identity: what the registry changes is looked up anew, and so unknown here.
    """

    def __init__(self) -> None:
        self.heard: set[Sender] = set()
        """Whose sign of life was written within `SEEN_RESOLUTION`."""
        self._since: datetime | None = None

    def at(self, now: datetime) -> "Lately":
        """Itself, without what is too old."""
        if self._since is None or not timedelta(0) <= now - self._since < SEEN_RESOLUTION:
            self.heard.clear()
            self._since = now
        return self


class Signs:
    """What a batch says about who is alive. One for every batch; `lately` and `watched` (`Who.watched`) remember from
    one to the next."""

    def __init__(self, lately: Lately, watched: set[DeviceFacts | Place]) -> None:
        self._lately = lately
        self._watched = watched
        self._senders: list[Sender] = []
        self._devices: dict[str, DeviceFacts] = {}
        self._homes: dict[str, tuple[datetime, Place]] = {}
        """Gateway -> newest activity behind it."""

    def heard(self, sender: Sender, kind: str) -> None:
        """The sender has spoken, and its gateway carried it: so the link is alive whatever the gateway says of itself.

        Not so `offline`: it is the broker's word for a gateway whose line broke, or a gateway's for a device.
        """
        gateway = sender.gateway
        if gateway is None or sender in self._lately.heard:
            return
        offline = kind == HealthType.OFFLINE and sender.topic.lane is Lane.HEALTH
        if offline and sender.device_id == gateway.id:
            return
        if gateway.itself is not None:
            self._devices[gateway.id] = gateway.itself
        if not offline:
            self._senders.append(sender)
            if sender.device is not None:
                self._devices[sender.device.id] = sender.device

    def active(self, device: DeviceFacts, at: datetime, now: datetime) -> None:
        """Somebody was active at `at` (device time; never counted as later than `now`)."""
        if device.place.home_id is None:
            return
        if at > now:
            at = now
        known = self._homes.get(device.gateway_id)
        if known is None or known[0] < at:
            self._homes[device.gateway_id] = at, device.place

    async def keep(self, conn: AsyncConnection, lane: str, now: datetime) -> None:
        """Update the lane's state rows and arm the silence deadlines that do not stand; others are left alone."""
        await arm(conn, await self._keep_seen(conn, lane, now), earlier=True)
        await arm(conn, await self._keep_active(conn, lane, now))

    def committed(self) -> None:
        """The rows say so now, and every deadline stands."""
        self._lately.heard.update(self._senders)
        self._watched.update(self._devices.values())
        self._watched.update(place for _, place in self._homes.values())

    async def _keep_seen(self, conn: AsyncConnection, lane: str, now: datetime) -> list[Arm]:
        new = [one for one, facts in self._devices.items() if facts not in self._watched]
        again = [one for one, facts in self._devices.items() if facts in self._watched]
        if again:
            await conn.execute(_SEEN_AGAIN, {"lane": lane, "now": now, "devices": text_array(again)})
        if not new:
            return []
        rows = await conn.execute(_SEEN, {"lane": lane, "now": now, "devices": text_array(new)})
        unwatched = [self._devices[device_id] for device_id in rows.scalars()]
        homes = {one for one in (self._devices[device].place.home_text for device in new) if one is not None}
        unseen = await conn.execute(_UNSEEN, {"homes": text_array(sorted(homes))})
        return [
            *(Arm("offline", facts.id, now + timedelta(seconds=facts.heartbeat_s * facts.missed_beats))
              for facts in unwatched if facts.heartbeat_s is not None),
            *(Arm("detect", home, now) for home in unseen.scalars()),
        ]  # fmt: skip

    async def _keep_active(self, conn: AsyncConnection, lane: str, now: datetime) -> list[Arm]:
        newest: dict[str, tuple[datetime, Place]] = {}
        for at, place in self._homes.values():
            assert place.home_text is not None  # `active` takes no others
            known = newest.get(place.home_text)
            if known is None or known[0] < at:
                newest[place.home_text] = at, place
        again = {home: at for home, (at, place) in newest.items() if place in self._watched}
        if again:
            await conn.execute(_ACTIVE_AGAIN, _active(lane, again))
        new = {home: at for home, (at, _) in newest.items() if home not in again}
        if not new:
            return []
        rows = await conn.execute(_ACTIVE, _active(lane, new))
        # From now on, whenever it was: a replay that begins with last month is no stillness of today.
        return [
            Arm("inactivity", home, now + timedelta(seconds=newest[home][1].inactivity_s)) for home in rows.scalars()
        ]  # fmt: skip


def _active(lane: str, homes: Mapping[str, datetime]) -> dict[str, str]:
    in_order = sorted(homes)  # as everybody locks them
    ats = [homes[home].isoformat() for home in in_order]
    return {"lane": lane, "homes": text_array(in_order), "ats": text_array(ats)}
