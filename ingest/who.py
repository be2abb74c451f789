"""Who is behind a topic: gateways and devices from the registry, kept in memory and forgotten on NOTIFY.

Loaded by batch and on demand, so that a restart costs nothing and a newly paired device works with its first message:
what is not known is looked up every time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import Database
from carebed.logs import get_logger
from gateway.topics import GATEWAY_ITSELF, Topic, shard_of

log = get_logger()

CHANNEL = "carebed_registry"
_KEPT = 200_000
#: Looks per batch while the registry keeps changing; what the last one finds is used for that batch alone.
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """A gateway's place; `home_id` None: hosted. `resident_id`: the only resident of its home, if there is one."""

    id: str
    home_id: UUID | None
    station_id: UUID
    area_code: str
    resident_id: UUID | None
    fall_cancel_s: int


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device's place; it counts only behind the gateway it is paired with."""

    id: str
    gateway_id: str
    home_id: UUID | None
    station_id: UUID
    area_code: str
    resident_id: UUID | None
    heartbeat_s: int | None
    missed_beats: int
    inactivity_s: int
    fall_cancel_s: int


class Sender(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Who stands behind a topic. `gateway` or `device` None: the registry does not know them, or not together."""

    topic: Topic
    device_id: str
    """The device in the registry: `_` on the wire is the gateway itself."""
    gateway: GatewayFacts | None
    device: DeviceFacts | None
    link: DeviceFacts | None
    """The gateway as a device of its own."""


_SOLE_RESIDENT = """
    (SELECT max(resident.id::text)::uuid FROM resident WHERE resident.home_id = home.id HAVING count(*) = 1)
"""

_GATEWAYS = text(f"""
    SELECT gateway.id, gateway.home_id, coalesce(home.station_id, gateway.station_id),
        coalesce(home.area_code, station.area_code), {_SOLE_RESIDENT}, coalesce(home.fall_cancel_s, 20)
    FROM gateway JOIN station ON station.id = gateway.station_id LEFT JOIN home ON home.id = gateway.home_id
    WHERE gateway.id = ANY(:ids) AND gateway.revoked_at IS NULL
""")

_DEVICES = text(f"""
    SELECT device.id, device.gateway_id, device.home_id, coalesce(home.station_id, gateway.station_id),
        coalesce(home.area_code, station.area_code), coalesce(device.resident_id, {_SOLE_RESIDENT}),
        device.heartbeat_s, device.missed_beats, coalesce(home.inactivity_s, 43200), coalesce(home.fall_cancel_s, 20)
    FROM device JOIN gateway ON gateway.id = device.gateway_id AND gateway.revoked_at IS NULL
    JOIN station ON station.id = gateway.station_id LEFT JOIN home ON home.id = device.home_id
    WHERE device.id = ANY(:ids)
""")


class Facts:
    """The senders of a batch as the registry knows them; they stay as they are while the batch is worked on."""

    def __init__(self) -> None:
        self.gateways: dict[str, GatewayFacts] = {}
        self.devices: dict[str, DeviceFacts] = {}
        self.senders: dict[str, Sender] = {}
        """By topic as it was written; only those whose gateway and device are known."""

    def gateway(self, gateway_id: str) -> GatewayFacts | None:
        """A learned gateway, or None."""
        return self.gateways.get(gateway_id)

    def device(self, gateway_id: str, device_id: str) -> DeviceFacts | None:
        """A learned device behind that gateway, or None."""
        device = self.devices.get(device_id)
        return device if device is not None and device.gateway_id == gateway_id else None

    def sender(self, topic: Topic) -> Sender:
        """Whoever stands behind a topic whose gateway and device have been learned."""
        device_id = topic.gateway if topic.device == GATEWAY_ITSELF else topic.device
        gateway = self.gateways.get(topic.gateway)
        if gateway is None:
            return Sender(topic, device_id, None, None, None)
        device, link = self.device(topic.gateway, device_id), self.device(topic.gateway, topic.gateway)
        return Sender(topic, device_id, gateway, device, link)


class Who:
    """The registry as ingest sees it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._facts = Facts()

    @property
    def known(self) -> Mapping[str, Sender]:
        """Topic as it was written -> its sender, of all that need not be looked up."""
        return self._facts.senders

    async def senders(self, conn: AsyncConnection, topics: Mapping[str, Topic]) -> dict[str, Sender]:
        """Look up who stands behind these topics. `topics`: topic as it was written -> its meaning."""
        facts = await self.learn(
            conn,
            {topic.gateway for topic in topics.values()},
            {topic.device for topic in topics.values() if topic.device != GATEWAY_ITSELF},
        )
        senders = {written: facts.sender(topic) for written, topic in topics.items()}
        # A topic under a wrong shard is odd every time.
        facts.senders |= {
            written: one for written, one in senders.items()
            if one.device is not None and one.topic.shard == shard_of(one.topic.gateway)
        }  # fmt: skip
        return senders

    async def learn(self, conn: AsyncConnection, gateways: Iterable[str], devices: Iterable[str]) -> Facts:
        """Look up whatever of these is not known yet, and every gateway's own device."""
        asked_gateways = set(gateways)
        asked_devices = asked_gateways.union(devices)
        if max(len(self._facts.devices), len(self._facts.senders)) > _KEPT:
            self.forget()
        for _ in range(_LOOKS):
            facts = self._facts
            await _look_up(conn, facts, asked_gateways, asked_devices)
            # Forgotten while we asked: the answer may be older than the change. Ask again, else it would be kept.
            if facts is self._facts:
                break
        return facts

    def forget(self) -> None:
        """Look everything up again; a batch that is being worked on keeps what it has."""
        self._facts = Facts()

    async def follow(self) -> None:
        """A named task: forget on every change of the registry, and whenever the line was lost."""
        await self._database.wake_on(CHANNEL, self.forget)


async def _look_up(conn: AsyncConnection, facts: Facts, gateways: set[str], devices: set[str]) -> None:
    unknown_gateways = [one for one in gateways if one not in facts.gateways]
    if unknown_gateways:
        rows = await conn.execute(_GATEWAYS, {"ids": unknown_gateways})
        facts.gateways.update({row[0]: GatewayFacts(*row) for row in rows})
    unknown_devices = [one for one in devices if one not in facts.devices]
    if unknown_devices:
        rows = await conn.execute(_DEVICES, {"ids": unknown_devices})
        facts.devices.update({row[0]: DeviceFacts(*row) for row in rows})
