"""The simulator's process: many homes in normal life, and now and then something happens in one of them."""

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import structlog

from device_sim.fleet import FleetError, read_fleet
from device_sim.gateway_link import utc_now
from device_sim.home import HEARTBEAT_S, Home
from device_sim.scenarios import SCENARIOS, WEIGHTS

log = structlog.get_logger()

#: The first SOS must reach a newcomer's page within seconds of the start.
FIRST_SOS_AFTER_S = 8.0
SCENARIO_EVERY_S = 120.0


async def run(fleet_file: Path, clock: Callable[[], datetime] = utc_now) -> None:
    """The continuous demo with its defaults; runs until cancelled."""
    await run_homes(fleet_file, clock=clock)


async def run_homes(
    fleet_file: Path,
    *,
    scenarios: Iterable[str] = tuple(WEIGHTS),
    first_sos_after_s: float = FIRST_SOS_AFTER_S,
    scenario_every_s: float = SCENARIO_EVERY_S,
    heartbeat_s: float = HEARTBEAT_S,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Let every home of the fleet file live until cancelled.

    The first SOS comes `first_sos_after_s` after the start, then one of `scenarios` about every `scenario_every_s`,
    each in a home where nothing else is going on. Without scenarios the homes just live. `clock` is the devices' clock.
    """
    names = _known(scenarios)
    fleet = read_fleet(fleet_file)
    homes = [Home(gateway, fleet.mqtt, clock=clock, heartbeat_s=heartbeat_s) for gateway in fleet.gateways]
    log.info("homes_started", homes=len(homes))
    async with asyncio.TaskGroup() as tasks:
        for home in homes:
            tasks.create_task(home.run(), name=home.name)
        if names and homes:
            tasks.create_task(_make_things_happen(homes, names, first_sos_after_s, scenario_every_s))


async def play_scenario(
    fleet_file: Path, scenario: str, home: str | None = None, clock: Callable[[], datetime] = utc_now
) -> None:
    """Play one scenario in one home (a gateway id or a home id; default the first) and return when it is over.

    It connects as that gateway: where the continuous demo runs too, the broker hands the line over, and the demo takes
    it back some seconds later. `FleetError` names an unknown home or scenario.
    """
    (name,) = _known([scenario])
    fleet = read_fleet(fleet_file)
    stage = Home(fleet.find(home), fleet.mqtt, clock=clock)
    line = asyncio.create_task(stage.link.run())
    try:
        await stage.link.connected.wait()
        await SCENARIOS[name](stage)
        await stage.link.flushed()
    finally:
        line.cancel()
        await asyncio.wait({line})


async def _make_things_happen(homes: list[Home], names: list[str], first_after_s: float, every_s: float) -> None:
    busy: set[str] = set()

    async def play(home: Home, name: str) -> None:
        log.info("scenario_started", gateway=home.name, scenario=name)
        busy.add(home.name)
        try:
            await home.link.connected.wait()
            await SCENARIOS[name](home)
        finally:
            busy.discard(home.name)

    async with asyncio.TaskGroup() as tasks:
        await asyncio.sleep(first_after_s)
        tasks.create_task(play(random.choice(homes), "sos"))
        while True:
            await asyncio.sleep(every_s * random.uniform(0.8, 1.2))
            free = [home for home in homes if home.name not in busy]
            if free:
                (name,) = random.choices(names, [WEIGHTS[each] for each in names])
                tasks.create_task(play(random.choice(free), name))


def _known(scenarios: Iterable[str]) -> list[str]:
    names = list(scenarios)
    for name in names:
        if name not in SCENARIOS:
            raise FleetError(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    return names
