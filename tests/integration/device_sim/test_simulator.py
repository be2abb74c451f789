"""The whole simulator on a real Mosquitto: homes in normal life, scenarios, and recorded homes to the last line."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from killable_broker import Backend, KillableBroker, eventually

from device_sim.backoff import Backoff
from device_sim.fleet import read_fleet
from device_sim.gateway_link import Account, GatewayLink
from device_sim.home import Home
from device_sim.main import play_scenario, run_homes
from device_sim.replay import replay
from device_sim.scenarios import (
    double_press,
    fall,
    fall_then_cancel,
    fall_then_movement,
    goes_still,
    panic_presses,
    power_cut,
)
from gateway.wire import Lane, Message, decode, judge_time

RECORDINGS = Path(os.environ.get("CAREBED_RECORDINGS", Path(__file__).parents[4] / "shared" / "data"))
KINDS = ["button", "motion", "door", "bed", "wristband"]


@pytest.fixture
def fleet_file(killable_broker: KillableBroker, tmp_path: Path) -> Path:
    gateways = [
        {
            "id": f"gw-{number:04d}",
            "password": "",
            "home": None,
            "devices": [{"id": f"gw-{number:04d}", "kind": "gateway"}]
            + [{"id": f"h{number:04d}-{kind}", "kind": kind} for kind in KINDS],
        }
        for number in (1, 2, 3)
    ]
    path = tmp_path / "ready.json"
    path.write_text(
        json.dumps({"mqtt": {"host": killable_broker.host, "port": killable_broker.port}, "gateways": gateways})
    )
    return path


@pytest.fixture
async def home(fleet_file: Path) -> AsyncIterator[Home]:
    """One living home with a fast heart."""
    fleet = read_fleet(fleet_file)
    home = Home(fleet.gateways[0], fleet.mqtt, heartbeat_s=0.1)
    task = asyncio.create_task(home.run())
    await asyncio.wait_for(home.link.connected.wait(), 10)
    yield home
    task.cancel()
    await asyncio.wait({task})


def of_gateway(backend: Backend, gateway: str, lane: Lane) -> list[tuple[str, Message]]:
    """Device and message of everything good that a gateway published on a lane."""
    return [
        (topic.device, item)
        for topic, payload in backend.seen
        if topic.gateway == gateway and topic.lane is lane
        for item in decode(payload)
        if isinstance(judge_time(item, lane, datetime.now(UTC)), Message) and isinstance(item, Message)
    ]


async def test_homes_live_and_the_first_sos_comes_soon(backend: Backend, fleet_file: Path) -> None:
    homes = asyncio.create_task(run_homes(fleet_file, first_sos_after_s=0.2, heartbeat_s=0.2))
    try:
        await eventually(lambda: backend.of("alarm", "sos"))
        for number in (1, 2, 3):
            gateway = f"gw-{number:04d}"
            everybody = {"_", *(f"h{number:04d}-{kind}" for kind in KINDS)}
            await eventually(
                lambda gateway=gateway, everybody=everybody: (
                    {d for d, m in of_gateway(backend, gateway, Lane.HEALTH) if m.type == "heartbeat"} == everybody
                    and {m.type for _, m in of_gateway(backend, gateway, Lane.READING)} >= {"bed", "door", "worn"}
                )
            )
    finally:
        homes.cancel()
        await asyncio.wait({homes})
    ids = [(topic.gateway, topic.device, item.id) for topic, payload in backend.seen for item in decode(payload)]
    assert len(ids) == len(set(ids))
    assert backend.of("health", "offline") == [], "a demo that is stopped leaves no last wills"


async def test_one_scenario_is_played_in_the_home_that_is_named(backend: Backend, fleet_file: Path) -> None:
    await asyncio.wait_for(play_scenario(fleet_file, "sos", "gw-0002"), 10)
    ((device, message),) = of_gateway(backend, "gw-0002", Lane.ALARM)
    assert (device, message.type, message.value) == ("h0002-button", "sos", True)


async def test_a_scenario_played_beside_the_demo_gets_the_line_and_its_receipt(
    backend: Backend, fleet_file: Path, home: Home
) -> None:
    await asyncio.wait_for(play_scenario(fleet_file, "sos", home.name), 20)
    assert backend.of("alarm", "sos")
    await asyncio.wait_for(home.link.connected.wait(), 20)


async def test_a_fall_is_cancelled_by_the_wearer(backend: Backend, home: Home) -> None:
    await asyncio.wait_for(fall_then_cancel(home, after=timedelta(seconds=0.1)), 10)
    alarms = of_gateway(backend, home.name, Lane.ALARM)
    assert [(device, message.type) for device, message in alarms] == [
        ("h0001-wristband", "fall"),
        ("h0001-wristband", "fall_cancel"),
    ]


async def test_who_falls_lies_still_or_is_seen_to_walk_on(backend: Backend, home: Home) -> None:
    """Nothing moves while the resident lies there; then the one that walks on is seen."""

    def motions_since(at: datetime) -> list[Message]:
        # What was said before may still be under way to the backend.
        readings = of_gateway(backend, home.name, Lane.READING)
        return [message for _, message in readings if message.type == "motion" and message.time >= at]

    fell_at = datetime.now(UTC)
    await asyncio.wait_for(fall(home, still=timedelta(seconds=0.3)), 10)
    assert motions_since(fell_at) == []
    backend.seen.clear()
    fell_at = datetime.now(UTC)
    await asyncio.wait_for(fall_then_movement(home, after=timedelta(seconds=0.1)), 10)
    await eventually(lambda: motions_since(fell_at))
    assert [message.type for _, message in of_gateway(backend, home.name, Lane.ALARM)] == ["fall"]


async def test_presses_in_panic_are_messages_of_their_own_and_a_double_press_is_one(
    backend: Backend, home: Home
) -> None:
    await asyncio.wait_for(panic_presses(home, times=4, every=timedelta(seconds=0.05)), 10)
    await asyncio.wait_for(double_press(home), 10)
    pressed = [message for _, message in of_gateway(backend, home.name, Lane.ALARM)]
    assert [message.type for message in pressed] == ["sos"] * 4 + ["assist"]
    assert pressed[-1].data == {"press": "double"}


async def test_a_power_cut_is_told_then_silence_then_everything_is_back(backend: Backend, home: Home) -> None:
    await asyncio.wait_for(power_cut(home, span=timedelta(seconds=0.5)), 15)
    await asyncio.wait_for(home.link.connected.wait(), 10)
    await eventually(lambda: backend.of("health", "offline"))
    await eventually(lambda: len(backend.of("health", "online")) >= 2)
    await eventually(lambda: any(b'"value":false' in payload for payload in backend.of("health", "mains")))


async def test_a_still_resident_has_heartbeats_but_no_readings(backend: Backend, home: Home) -> None:
    await asyncio.wait_for(home.link.flushed(), 10)
    still = asyncio.create_task(goes_still(home, span=timedelta(minutes=5)))
    await eventually(lambda: home.still)
    backend.seen.clear()
    await eventually(lambda: len(backend.of("health", "heartbeat")) > 30)
    assert backend.of("reading") == []
    still.cancel()
    await asyncio.wait({still})
    assert not home.still


async def test_a_recorded_home_passes_through_the_broker_to_the_last_line_although_it_dies_on_the_way(
    killable_broker: KillableBroker, backend: Backend
) -> None:
    folder = RECORDINGS / "homes" / "kasteren_A"
    if not folder.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"no recording at {folder}; set CAREBED_RECORDINGS")
    link = GatewayLink(
        Account(killable_broker.host, killable_broker.port, "gw-replay", ""), backoff=Backoff(longest_s=0.2)
    )
    line = asyncio.create_task(link.run())
    frames = 0

    async def advance_clock(_until: datetime) -> None:
        nonlocal frames
        frames += 1
        if frames == 300:
            killable_broker.kill()
            killable_broker.start()

    done = await asyncio.wait_for(replay(folder, link, now=datetime.now(UTC), advance_clock=advance_clock), 60)

    def stored() -> set[tuple[str, str, datetime | None]]:
        readings = (pair for pair in backend.seen if pair[0].lane == "reading")
        return {
            (topic.device, item.id, item.time)
            for topic, payload in readings
            for item in decode(payload)
            if isinstance(item, Message)
        }

    await eventually(lambda: len(stored()) == done.readings)
    line.cancel()
    await asyncio.wait({line})
    assert (done.lines, done.readings) == (1229, 2 * 1229)
    assert frames > 300
