"""Who is behind a topic: gateways and devices from the registry, kept in memory and forgotten on NOTIFY.

Loaded by batch and on demand, so that a restart costs nothing and a newly paired device works with its first message:
what is not known is looked up every time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString, cast
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import Database, psycopg_of, text_array
from carebed.logs import get_logger
from gateway.topics import GATEWAY_ITSELF, Topic, shard_of
from ingest.detect import fall, inactivity, presses
from ingest.detect.fall import FallParameters
from ingest.detect.inactivity import InactivityParameters
from ingest.detect.presses import PressParameters
from ingest.parameters import Where, read_parameters

log = get_logger()

CHANNEL = "carebed_registry"
#: Senders in memory: a city's worth that is busy at a time, at 1 KB each. With more of them all are looked up anew.
_KEPT = 60_000
#: Looks per batch while the registry keeps changing; what the last one finds is used for that batch alone.
_LOOKS = 5


class Place(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Where an alarm belongs: a home, or (`home_id` None) the desk of a hosted gateway. `resident_id`: the only
    resident of the home, if there is one."""

    home_id: UUID | None
    home_text: str | None
    """The same as the database writes it, which a backlog needs with every batch."""
    station_id: UUID
    area_code: str
    resident_id: UUID | None
    inactivity_s: int
    """How long it may be still at most; 12 h, unless something else is set."""
    fall: FallParameters
    presses: PressParameters


class DeviceFacts(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A device behind the gateway with which it is paired. `resident_id`: who wears it, else the place's."""

    id: str
    gateway_id: str
    place: Place
    resident_id: UUID | None
    heartbeat_s: int | None
    missed_beats: int


class GatewayFacts(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A gateway; `place.home_id` None: hosted. `itself`: the gateway as a device of its own."""

    id: str
    place: Place
    itself: DeviceFacts | None

    @property
    def resident_id(self) -> UUID | None:
        """Whose alarm it is when the gateway alone is known."""
        return self.place.resident_id


class Sender(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Who stands behind a topic. `gateway` or `device` None: the registry does not know them, or not together."""

    topic: Topic
    device_id: str
    """The device in the registry: `_` on the wire is the gateway itself."""
    gateway: GatewayFacts | None
    device: DeviceFacts | None


# Gateways that have not been revoked; the place is the home's, for a hosted one (no home) its station's.
_GATEWAYS = """
    SELECT gateway.id, gateway.home_id::text, gateway.station_id::text, station.area_code
    FROM gateway JOIN station ON station.id = gateway.station_id
    WHERE gateway.id = ANY(%s::text[]) AND gateway.revoked_at IS NULL
"""

_DEVICES = """
    SELECT id, gateway_id, home_id::text, resident_id::text, heartbeat_s, missed_beats FROM device
    WHERE id = ANY(%s::text[])
"""

# Homes with their only resident, where there is one only.
_HOMES = """
    SELECT id::text, station_id::text, area_code,
        (SELECT max(resident.id::text) FROM resident WHERE resident.home_id = home.id HAVING count(*) = 1)
    FROM home WHERE id = ANY(%s::uuid[])
"""

#: Whose parameters a place has with it, and what holds where there is no home. The triggers of migration 0017 tell of
#: every change of one of these.
_REMEMBERED = (inactivity.DETECTOR, fall.DETECTOR, presses.DETECTOR)
_USUAL = (InactivityParameters().fixed_s, FallParameters(), PressParameters())


class Facts:
    """What has been looked up; it only grows, so that a batch that is being worked on keeps what it has."""

    def __init__(self) -> None:
        self.gateways: dict[str, GatewayFacts] = {}
        self.senders: dict[str, Sender] = {}
        """By topic as it was written; only those whose gateway and device are known."""
        self.watched: dict[str, set[DeviceFacts | Place]] = {"alarm": set(), "reading": set()}
        """By lane: devices and homes that have their state row and their deadline, as far as this process has seen."""

    def without(self, gateway_id: str) -> "Facts":
        """A copy that knows nothing of one gateway and what stands behind it."""
        left = Facts()
        left.watched = self.watched
        left.gateways = {one: facts for one, facts in self.gateways.items() if one != gateway_id}
        left.senders = {one: facts for one, facts in self.senders.items() if facts.topic.gateway != gateway_id}
        return left


class Who:
    """The registry as ingest sees it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._facts = Facts()

    @property
    def known(self) -> Mapping[str, Sender]:
        """Topic as it was written -> its sender, of all that need not be looked up."""
        return self._facts.senders

    def watched(self, lane: str) -> set[DeviceFacts | Place]:
        """Of these, the devices and homes that are known to have the lane's state row, and a deadline."""
        return self._facts.watched[lane]

    async def senders(self, conn: AsyncConnection, topics: Mapping[str, Topic]) -> dict[str, Sender]:
        """Look up who stands behind these topics. `topics`: topic as it was written -> its meaning."""
        if not topics:
            return {}
        if len(self._facts.senders) + len(topics) > _KEPT:
            self.forget()
        for _ in range(_LOOKS):
            facts = self._facts
            senders = await _look_up(conn, facts, topics)
            # Forgotten while we asked: the answer may be older than the change. Ask again, else it would be kept.
            if facts is self._facts:
                break
        # A topic under a wrong shard is odd every time.
        facts.senders |= {
            written: one for written, one in senders.items()
            if one.device is not None and one.topic.shard == shard_of(one.topic.gateway)
        }  # fmt: skip
        return senders

    def forget(self, gateway_id: str = "") -> None:
        """Look everything up again, or what has to do with one gateway."""
        self._facts = self._facts.without(gateway_id) if gateway_id else Facts()

    async def follow(self) -> None:
        """A named task: forget the gateway that the registry names, and everything whenever the line was lost."""
        await self._database.wake_on(CHANNEL, self.forget)


async def _look_up(conn: AsyncConnection, facts: Facts, topics: Mapping[str, Topic]) -> dict[str, Sender]:
    raw = await psycopg_of(conn)  # a million devices are looked up after an outage, and rows cost less without dressing

    async def rows(statement: LiteralString, ids: Iterable[str]) -> list[tuple[Any, ...]]:
        return await (await raw.execute(statement, [text_array(ids)])).fetchall()

    asked = {_device_id(topic): topic for topic in topics.values()}
    unknown = {topic.gateway: topic for topic in topics.values() if topic.gateway not in facts.gateways}
    gateways = await rows(_GATEWAYS, unknown) if unknown else []
    devices = await rows(_DEVICES, asked.keys() | unknown.keys())
    homes = {row[1] for row in gateways} | {row[2] for row in devices}
    homes.discard(None)
    places = await _places(conn, await rows(_HOMES, homes)) if homes else {}

    place_of = {row[0]: places.get(row[1]) or _desk(*row[2:]) for row in gateways}
    place_of |= {topic.gateway: facts.gateways[topic.gateway].place
                 for topic in topics.values() if topic.gateway in facts.gateways}  # fmt: skip
    found: dict[str, DeviceFacts] = {}
    for device_id, gateway_id, home_id, resident_id, heartbeat_s, missed_beats in devices:
        if gateway_id not in place_of:
            continue
        place = places.get(home_id) or place_of[gateway_id]
        resident = place.resident_id if resident_id is None else UUID(resident_id)
        # The strings of the topic, which is kept as well, instead of the same ones once more.
        topic = asked.get(device_id)
        device_id = _device_id(topic) if topic is not None else device_id  # noqa: PLW2901 - the same, as said above
        if topic is not None and topic.gateway == gateway_id:
            gateway_id = topic.gateway  # noqa: PLW2901 - likewise
        found[device_id] = DeviceFacts(device_id, gateway_id, place, resident, heartbeat_s, missed_beats)
    for gateway_id, *_ in gateways:
        itself = found.get(gateway_id)
        facts.gateways[gateway_id] = GatewayFacts(
            unknown[gateway_id].gateway, place_of[gateway_id], itself if _behind(itself, gateway_id) else None
        )
    return {written: _sender(facts, found, topic) for written, topic in topics.items()}


async def _places(conn: AsyncConnection, homes: Sequence[tuple[Any, ...]]) -> dict[str, Place]:
    """Home (as the database writes it) -> its place, with what is set for it."""
    wheres = [Where(UUID(home), UUID(station), area) for home, station, area, *_ in homes]
    parameters = await read_parameters(conn, _REMEMBERED, wheres)
    places: dict[str, Place] = {}
    for (home, _, _, resident), where in zip(homes, wheres, strict=True):
        own = parameters.of(where)
        places[home] = Place(
            where.home_id, home, where.station_id, where.area_code, None if resident is None else UUID(resident),
            cast("InactivityParameters", own["inactivity"]).fixed_s,
            cast("FallParameters", own["fall"]), cast("PressParameters", own["presses"]),
        )  # fmt: skip
    return places


def _desk(station_id: str, area_code: str) -> Place:
    """The place of a hosted gateway."""
    return Place(None, None, UUID(station_id), area_code, None, *_USUAL)


def _device_id(topic: Topic) -> str:
    return topic.gateway if topic.device == GATEWAY_ITSELF else topic.device


def _behind(device: DeviceFacts | None, gateway_id: str) -> bool:
    return device is not None and device.gateway_id == gateway_id


def _sender(facts: Facts, found: Mapping[str, DeviceFacts], topic: Topic) -> Sender:
    gateway = facts.gateways.get(topic.gateway)
    device = found.get(_device_id(topic))
    known = gateway is not None and _behind(device, topic.gateway)
    return Sender(topic, _device_id(topic), gateway, device if known else None)
