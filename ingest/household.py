"""What is known of homes when detectors look at them: the registry, absences, and how far the pipeline has come.

Loaded anew for every batch of homes, in a few statements: what the registry says must hold at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import psycopg_of, text_array
from carebed.turns import in_turns
from gateway.topics import shard_of
from ingest.detect.core import Absence, Device, Home
from ingest.detect.rhythm import DAYS_KEPT
from ingest.detect.silence import Link, Pipeline, that_would_tell
from ingest.parameters import Where
from registry.area import zone_of

#: Absences that ended longer ago are no detector's business any more, nor of a rhythm that is learned from its start.
_ABSENCES_KEPT = timedelta(days=DAYS_KEPT + 2)

_HOMES = """
    SELECT home.id, home.station_id, home.area_code, area.time_zone,
        ARRAY(SELECT resident.id FROM resident WHERE resident.home_id = home.id ORDER BY id)
    FROM home JOIN area ON area.code = home.area_code WHERE home.id = ANY(%s::uuid[])
"""

# Devices with what is known of their gateways' signs of life; the reading lane carries these, as it does what is kept.
_DEVICES = """
    SELECT device.home_id, device.id, device.kind, device.room, device.resident_id, device.gateway_id,
        device.heartbeat_s, device.missed_beats, device.created_at, device.name,
        device.in_home_since, gateway.revoked_at
    FROM device JOIN gateway ON gateway.id = device.gateway_id WHERE device.home_id = ANY(%s::uuid[])
"""

_LINKS = """
    SELECT device.id, device.heartbeat_s * device.missed_beats, state.seen_at, state.silent_from, state.back_at
    FROM device JOIN device_state AS state ON state.device_id = device.id AND state.lane = 'reading'
    WHERE device.id = ANY(%s::text[]) AND device.heartbeat_s IS NOT NULL
"""

# When the clock was shifted last, by the clock after it; in production it never is.
_SHIFTED = "SELECT shifted_at + shift FROM clock_shift"

_ABSENCES = """
    SELECT home_id, begins_at, ends_at FROM absence
    WHERE home_id = ANY(%s::uuid[]) AND ends_at > %s AND withdrawn_at IS NULL ORDER BY begins_at
"""

_LEARNED = "SELECT home_id, detector, found FROM learned WHERE home_id = ANY(%s::uuid[])"

_WATERMARKS = "SELECT to_hex(shard_group::int), count(*), min(stamp), max(recovered_at) FROM watermark GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Outline:
    """A home without its devices and absences, and what decides its parameters."""

    home: Home
    where: Where


@dataclass(frozen=True, slots=True)
class Household:
    """A home as detectors see it, and what only we need to know of it."""

    home: Home
    where: Where
    pipeline: Pipeline
    links: tuple[Link, ...]

    @property
    def sole_resident(self) -> UUID | None:
        """Whose alarms are the home's; None where several live there, or nobody."""
        return self.home.residents[0] if len(self.home.residents) == 1 else None


async def read_outlines(conn: AsyncConnection, homes: Iterable[UUID]) -> dict[UUID, Outline]:
    """These homes in outline, which tells of most that nothing can be amiss; those that are no more are left out."""
    wanted = text_array(map(str, homes))
    learned: dict[UUID, dict[str, Any]] = {}
    for home_id, detector, found in await _rows(conn, _LEARNED, wanted):
        learned.setdefault(home_id, {})[detector] = found
    return {
        home_id: Outline(
            Home(home_id, zone_of(zone), {}, tuple(residents), (), learned.get(home_id, {})),
            Where(home_id, station_id, area_code),
        )
        async for home_id, station_id, area_code, zone, residents in in_turns(await _rows(conn, _HOMES, wanted))
    }  # fmt: skip


async def read_households(conn: AsyncConnection, now: datetime, homes: Iterable[UUID]) -> dict[UUID, Household]:
    """These homes, as they are now; those that are no more are left out."""
    outlines = await read_outlines(conn, homes)
    wanted = text_array(map(str, outlines))
    devices: dict[UUID, dict[str, Device]] = {}
    gateways: dict[UUID, set[str]] = {}
    for home_id, *facts in await _rows(conn, _DEVICES, wanted):
        device = _device(facts)
        devices.setdefault(home_id, {})[device.id] = device
        if facts[-1] is None:
            gateways.setdefault(home_id, set()).add(device.gateway_id)
    known_gateways = text_array({one for some in gateways.values() for one in some})
    ((shifted_at,),) = await _rows(conn, _SHIFTED)
    links = {row[0]: _link(row, shifted_at) for row in await _rows(conn, _LINKS, known_gateways)}
    pipelines = {row[0]: row[1:] for row in await _rows(conn, _WATERMARKS)}
    absences: dict[UUID, list[Absence]] = {}
    for home_id, begins_at, ends_at in await _rows(conn, _ABSENCES, wanted, now - _ABSENCES_KEPT):
        absences.setdefault(home_id, []).append(Absence(begins_at, ends_at))
    households: dict[UUID, Household] = {}
    async for home_id, outline in in_turns(outlines.items()):
        home = msgspec.structs.replace(
            outline.home, devices=devices.get(home_id, {}), absences=tuple(absences.get(home_id, ()))
        )
        households[home_id] = Household(
            home, outline.where, _pipeline(pipelines, gateways.get(home_id, ())),
            tuple(links[one] for one in that_would_tell(home.devices, gateways.get(home_id, set())) if one in links),
        )  # fmt: skip
    return households


async def _rows(conn: AsyncConnection, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
    raw = await psycopg_of(conn)
    return await (await raw.execute(statement, values)).fetchall()


def _device(facts: list[Any]) -> Device:
    device_id, kind, room, resident_id, gateway_id, heartbeat_s, _, created_at, name, in_home_since, _ = facts
    return Device(device_id, kind, room, resident_id, gateway_id, heartbeat_s, created_at, name, in_home_since)


def _link(row: tuple[Any, ...], shifted_at: datetime | None) -> Link:
    """A silence that is only a shift of the clock is none: nothing was kept meanwhile that would have to come."""
    _, allowed_s, seen_at, silent_from, back_at = row
    allowed = timedelta(seconds=allowed_s)
    if None not in (silent_from, back_at, shifted_at) and silent_from < shifted_at <= back_at:
        return Link(seen_at, allowed)
    return Link(seen_at, allowed, silent_from, back_at)


def _pipeline(watermarks: Mapping[str, tuple[Any, ...]], gateways: Iterable[str]) -> Pipeline:
    """The least of all groups, in both lanes, that the home's devices use. No gateway: nothing can come."""
    groups = [watermarks.get(group) for group in {shard_of(gateway)[0] for gateway in gateways}]
    if not groups or any(one is None or one[0] < 2 for one in groups):
        return Pipeline(None, None)
    known = [one for one in groups if one is not None]
    return Pipeline(min(one[1] for one in known), max(one[2] for one in known))
