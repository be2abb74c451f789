"""`carebed sim`: the simulator's commands. Its rooms are loaded by name, for the ground floor imports none of them.

The simulated devices follow the demo's shifted clock as real ones follow real time: read from the database of the
ready file every half second, under the role that may only read.
"""

import asyncio
import importlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import OperationalError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from carebed.clock import advance
from carebed.clock import now as clock_now
from carebed.clock_command import owner_url
from carebed.database import Database
from carebed.errors import CarebedError, StartError
from carebed.health import serve_health
from carebed.ids import new_id
from carebed.logs import get_logger
from carebed.settings import Settings
from carebed.supervision import run_tasks

log = get_logger()

_FOLLOW_S = 0.5
_JUDGED_S = 0.02


class FollowedClock:
    """The devices' clock: real time plus the shift of the demo's database clock."""

    def __init__(self, reader_url: str) -> None:
        self._database = Database(reader_url, application="carebed-sim", pool_size=1)
        self._shift = timedelta(0)

    def __call__(self) -> datetime:
        """Now, as the demo counts it."""
        return datetime.now(UTC) + self._shift

    async def follow(self) -> None:
        """A named task: look every half second; while the database is away the last shift holds."""
        while True:
            await self.look()
            await asyncio.sleep(_FOLLOW_S)

    async def look(self) -> None:
        """Set it now: before the first message, so that no device begins in the past."""
        try:
            async with self._database.transaction() as conn:
                self._shift = await clock_now(conn) - datetime.now(UTC)
        except (DBAPIError, OperationalError, OSError) as error:
            log.warning("clock_not_followed", error=type(error).__name__)


def _ready_file(settings: Settings, data_dir: Path | None = None) -> Path:
    """The fleet: CAREBED_READY_FILE, else that of the `carebed up` in the data directory."""
    if settings.ready_file is not None:
        return settings.ready_file
    own = (data_dir or Path("data")) / "secrets" / "ready.json"
    if not own.is_file():
        raise StartError("CAREBED_READY_FILE is not set and no demo runs here: give the demo's --data-dir.")
    return own


async def live(settings: Settings) -> None:
    """Live in all homes until SIGTERM."""
    fleet = _ready_file(settings)
    clock = FollowedClock(json.loads(fleet.read_text(encoding="utf-8"))["database_url"])
    await clock.look()
    simulator = importlib.import_module("device_sim.main")
    await run_tasks(
        {
            "clock": clock.follow(),
            "homes": simulator.run(fleet, clock),
            "health": serve_health(settings.health_host, settings.health_port, {}),
        }
    )


async def play(settings: Settings, data_dir: Path, scenario: str, home: str | None) -> None:
    """Play one scenario in one home and return when it is over."""
    fleet = _ready_file(settings, data_dir)
    clock = FollowedClock(json.loads(fleet.read_text(encoding="utf-8"))["database_url"])
    await clock.look()
    following = asyncio.create_task(clock.follow())
    try:
        await importlib.import_module("device_sim.main").play_scenario(fleet, scenario, home, clock)
    except importlib.import_module("device_sim.fleet").FleetError as error:
        raise CarebedError(str(error)) from None
    finally:
        following.cancel()


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did: `stored` is counted in the database."""

    lines: int
    readings: int
    stored: int
    quarantined: int
    inactivity_alarms: int


# The station in whose charge recorded homes are put: the lowest in the tree.
_STATION = text("SELECT id, area_code FROM station ORDER BY length(area_prefix(area_code)) DESC, id LIMIT 1")
_HOME = text("SELECT home_id FROM gateway WHERE id = :gateway")
_NEW_HOME = text("INSERT INTO home (id, name, area_code, station_id) VALUES (:id, :name, :area, :station)")
# A recording has no heartbeats, so nobody judges its gateway's silence.
_NO_HEARTBEAT = text("UPDATE device SET heartbeat_s = NULL WHERE id = :gateway")
# The home's own span, beside whatever else it has of its own.
_SPAN = text("""
    INSERT INTO detector_parameters AS own (id, detector, home_id, "values")
    VALUES (:id, 'inactivity', :home, jsonb_build_object('fixed_s', CAST(:inactivity_s AS integer)))
    ON CONFLICT (home_id, station_id, area_code, detector)
    DO UPDATE SET "values" = own."values" || EXCLUDED."values", set_by = NULL, set_at = carebed_now()
""")
# Up to when everything that this gateway published is committed.
_COMMITTED = text("""
    SELECT stamp FROM watermark
    WHERE lane = 'reading' AND shard_group = get_byte(sha256(convert_to(:gateway, 'UTF8')), 0) >> 4
""")

# The clock, the home's inactivity deadline, and whether its handler waits for the watermark (30 s at the most).
_DUE = text("""
    SELECT carebed_now() AS now, due.due_at,
        coalesce((due.data ->> 'waits')::int > 0 AND due.due_at <= carebed_now() + interval '30 s', false) AS waiting
    FROM (SELECT) AS one LEFT JOIN deadline AS due ON due.kind = 'inactivity' AND due.subject = :home
""")
_COUNTS = text("""
    SELECT (SELECT count(*) FROM reading WHERE device_id = ANY(:devices) AND time >= :first AND time <= :last),
        (SELECT count(*) FROM quarantine WHERE starts_with(convert_from(topic, 'UTF8'), :topic)),
        (SELECT count(*) FROM alarm WHERE kind = 'inactivity' AND home_id = :home)
""")


class RecordedHome:
    """A recorded home in the registry, and the database clock that follows its replay."""

    def __init__(self, database: Database, gateway: str, home_id: UUID, password: str) -> None:
        self.gateway = gateway
        self.home_id = home_id
        self.password = password
        self._database = database

    async def advance(self, until: datetime) -> None:
        """Shift the clock to `until`, with a halt at the home's inactivity deadline on the way: it is judged when it
        falls due, as if time had passed by itself, before anything later has happened."""
        seen = False
        while True:
            async with self._database.transaction() as conn:
                now, due, waiting = (await conn.execute(_DUE, {"home": str(self.home_id)})).one()
                halt = until if due is None else min(until, due)
                if halt > now and not waiting and (due is not None or seen):
                    await advance(conn, halt - now)
            if due is None and not seen:
                # What was published last may be the activity that arms it, on its way through the house.
                await self._committed(now)
                seen = True
            elif due is None or (due > until and not waiting):
                return
            elif due <= now or waiting:
                await asyncio.sleep(_JUDGED_S)

    async def _committed(self, until: datetime) -> None:
        """Wait until all that the gateway published before `until` is in the database."""
        while True:
            async with self._database.transaction() as conn:
                stamp = (await conn.execute(_COMMITTED, {"gateway": self.gateway})).scalar_one_or_none()
            if stamp is not None and stamp >= until:
                return
            await asyncio.sleep(_JUDGED_S)


async def replay(settings: Settings, data_dir: Path, folder: Path, speed: float, inactivity_s: int) -> ReplayReport:
    """Play a recorded home through the running demo's broker and count what was stored of it."""
    replays: Any = importlib.import_module("device_sim.replay")
    links: Any = importlib.import_module("device_sim.gateway_link")
    errors = importlib.import_module("device_sim.recordings").RecordingError
    ready = json.loads(_ready_file(settings, data_dir).read_text(encoding="utf-8"))
    database = Database(owner_url(settings, data_dir), application="carebed-replay", pool_size=2)
    gateway = f"replay-{folder.resolve().name}"
    try:
        devices = replays.devices_of(folder, gateway)
        home = await _pair(database, gateway, devices, inactivity_s)
        account = links.Account(ready["mqtt"]["host"], ready["mqtt"]["port"], gateway, home.password)
        clock = FollowedClock(ready["database_url"])
        link = links.GatewayLink(account, clock=clock)
        async with database.transaction() as conn:
            now = await clock_now(conn)
        running = [asyncio.create_task(link.run()), asyncio.create_task(clock.follow())]
        try:
            await link.connected.wait()
            done = await replays.replay(folder, link, now=now, advance_clock=home.advance, speed=speed, home=gateway)
        finally:
            for task in running:
                task.cancel()
        where = {
            "devices": [device.device_id for device in devices], "first": done.first, "last": done.last,
            "topic": f"carebed/v1/{importlib.import_module('gateway.topics').shard_of(gateway)}/{gateway}/",
            "home": home.home_id,
        }  # fmt: skip
        return await _report(database, where, done.lines, done.readings)
    except errors as error:
        raise CarebedError(str(error)) from None
    finally:
        await database.close()


async def _pair(database: Database, gateway: str, devices: list[Any], inactivity_s: int) -> RecordedHome:
    """The recorded home in the registry, with a new password for its gateway."""
    pairing: Any = importlib.import_module("registry.pairing")
    async with database.transaction() as conn:
        station, area = (await conn.execute(_STATION)).one()
        home_id = (await conn.execute(_HOME, {"gateway": gateway})).scalar_one_or_none()
        if home_id is None:
            home_id = new_id()
            await conn.execute(_NEW_HOME, {"id": home_id, "name": gateway, "area": area, "station": station})
        await conn.execute(_SPAN, {"id": new_id(), "home": home_id, "inactivity_s": inactivity_s})
        password = await pairing.pair_gateway(conn, gateway, home_id=home_id, station_id=station)
        new = [pairing.NewDevice(id=device.device_id, kind=device.kind, name=device.name) for device in devices]
        await pairing.pair_devices(conn, gateway, new)
        await conn.execute(_NO_HEARTBEAT, {"gateway": gateway})
    return RecordedHome(database, gateway, home_id, password)


async def _report(database: Database, where: dict[str, Any], lines: int, readings: int) -> ReplayReport:
    """Wait until all is stored or put aside (30 s at most) and count."""
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        async with database.transaction() as conn:
            stored, quarantined, alarms = (await conn.execute(_COUNTS, where)).one()
        if stored + quarantined >= readings or asyncio.get_running_loop().time() > deadline:
            return ReplayReport(lines, readings, stored, quarantined, alarms)
        await asyncio.sleep(0.2)
