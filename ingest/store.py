"""What both lanes keep of devices and homes: the newest sign of life and of activity, one row per lane."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.deadline import Arm, arm
from gateway.lanes import HealthType, Lane
from ingest.detect.silence import SEEN_RESOLUTION
from ingest.who import DeviceFacts, Sender

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


class Signs:
    """What a batch says about who is alive. One for every batch; `lately` remembers from one to the next."""

    def __init__(self, lately: "Lately") -> None:
        self.devices: dict[str, DeviceFacts] = {}
        """Devices heard of whose state row does not say so yet."""
        self.homes: dict[str, tuple[datetime, DeviceFacts]] = {}
        """Gateway -> newest activity behind it."""
        self._lately = lately
        self._senders: list[Sender] = []

    def heard(self, sender: Sender, kind: str) -> None:
        """The sender has spoken, and its gateway carried it: so the link is alive whatever the gateway says of itself.

        Not so `offline`: it is the broker's word for a gateway whose line broke, or a gateway's for a device.
        """
        if sender in self._lately:
            return
        offline = kind == HealthType.OFFLINE and sender.topic.lane is Lane.HEALTH
        if sender.gateway is not None and not (offline and sender.device_id == sender.gateway.id):
            if sender.link is not None:
                self.devices[sender.link.id] = sender.link
            if sender.device is not None and not offline:
                self.devices[sender.device.id] = sender.device
        if not offline:
            self._senders.append(sender)

    def active(self, device: DeviceFacts, at: datetime, now: datetime) -> None:
        """Somebody was active at `at` (device time; never counted as later than `now`)."""
        if device.home_id is None:
            return
        at = min(at, now)
        known = self.homes.get(device.gateway_id)
        if known is None or known[0] < at:
            self.homes[device.gateway_id] = (at, device)

    def committed(self) -> None:
        """The state rows say so now."""
        self._lately.update(self._senders)


class Lately:
    """Whose signs of life this process has just written, so that a backlog does not write them with every batch."""

    def __init__(self) -> None:
        self._senders: set[Sender] = set()
        self._since: datetime | None = None

    def at(self, now: datetime) -> "Lately":
        """Itself, without what is older than `SEEN_RESOLUTION`."""
        if self._since is None or not timedelta(0) <= now - self._since < SEEN_RESOLUTION:
            self._senders.clear()
            self._since = now
        return self

    def __contains__(self, sender: Sender) -> bool:
        return sender in self._senders

    def update(self, senders: Iterable[Sender]) -> None:
        """These have been written, and committed."""
        self._senders.update(senders)


async def keep_signs(conn: AsyncConnection, lane: str, now: datetime, signs: Signs) -> None:
    """Update the lane's state rows and arm the silence deadlines that do not stand; those that do are left alone."""
    arms: list[Arm] = []
    if signs.devices:
        rows = await conn.execute(_SEEN, {"lane": lane, "now": now, "devices": array_of(signs.devices)})
        for device_id in rows.scalars():
            facts = signs.devices.get(device_id) if device_id is not None else None
            if facts is not None and facts.heartbeat_s is not None:
                allowed = timedelta(seconds=facts.heartbeat_s * facts.missed_beats)
                arms.append(Arm("offline", facts.id, now + allowed))
    if signs.homes:
        newest = _by_home(signs)
        ats = array_of(at.isoformat() for at, _ in newest.values())
        rows = await conn.execute(_ACTIVE, {"lane": lane, "homes": array_of(map(str, newest)), "ats": ats})
        for home_id in rows.scalars():
            if home_id is not None:
                # From now on, whenever it was: a replay that begins with last month is no stillness of today.
                _, device = newest[home_id]
                arms.append(Arm("inactivity", str(home_id), now + timedelta(seconds=device.inactivity_s)))
    await arm(conn, arms)


def _by_home(signs: Signs) -> dict[UUID, tuple[datetime, DeviceFacts]]:
    newest: dict[UUID, tuple[datetime, DeviceFacts]] = {}
    for at, device in signs.homes.values():
        assert device.home_id is not None  # `active` takes no others
        known = newest.get(device.home_id)
        if known is None or known[0] < at:
            newest[device.home_id] = (at, device)
    return newest


def array_of(texts: Iterable[str]) -> str:
    """A PostgreSQL array of ids, times or UUIDs (nothing with quotes or backslashes) as the text of one parameter: the
    driver's own way takes ten times as long."""
    joined = '","'.join(texts)
    return f'{{"{joined}"}}' if joined else "{}"
