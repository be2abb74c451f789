"""What the simulator is told to be, and what it says when it cannot."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from device_sim.fleet import Device, FleetError, read_fleet
from device_sim.home import Home
from device_sim.main import play_scenario, run_homes
from device_sim.scenarios import SCENARIOS, WEIGHTS, door_left_open, stays_in_bed

READY = {
    "http": "http://127.0.0.1:8080",
    "mqtt": {"host": "127.0.0.1", "port": 1883},
    "users": [],
    "gateways": [
        {
            "id": "gw-0001",
            "shard": "a7",
            "password": "secret",
            "home": "6a3c5f3e-0000-4000-8000-000000000001",
            "devices": [
                {"id": "gw-0001", "kind": "gateway"},
                {"id": "h0001-button", "kind": "button"},
                {"id": "h0001-band", "kind": "wristband"},
            ],
        },
        {"id": "gw-hosted", "shard": "00", "password": "secret", "home": None, "devices": []},
    ],
}


@pytest.fixture
def ready_file(tmp_path: Path) -> Path:
    path = tmp_path / "ready.json"
    path.write_text(json.dumps(READY))
    return path


def test_the_ready_file_is_the_fleet(ready_file: Path) -> None:
    fleet = read_fleet(ready_file)
    assert fleet.mqtt.port == 1883
    assert fleet.find(None).id == "gw-0001"
    assert fleet.find("gw-hosted").home is None
    assert fleet.find("6a3c5f3e-0000-4000-8000-000000000001").devices[1] == Device("h0001-button", "button")
    with pytest.raises(FleetError, match="nobody"):
        fleet.find("nobody")


async def test_a_home_knows_its_devices_by_kind_and_itself_by_an_underscore(ready_file: Path) -> None:
    fleet = read_fleet(ready_file)
    home = Home(fleet.find("gw-0001"), fleet.mqtt)
    assert home.device("bed", "button") == "h0001-button"
    assert home.device("gateway") == "_"
    assert home.device("bed") == "_"


@pytest.mark.parametrize("text", ["", "{}", '{"mqtt": {"host": "x"}, "gateways": []}', "not json"])
def test_another_file_is_refused_with_what_is_expected(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(FleetError, match="ready file"):
        read_fleet(path)
    with pytest.raises(FleetError, match="ready file"):
        read_fleet(tmp_path / "missing.json")


async def test_an_unknown_scenario_is_refused_with_those_there_are(ready_file: Path) -> None:
    with pytest.raises(FleetError, match="fall-then-cancel"):
        await play_scenario(ready_file, "earthquake")
    with pytest.raises(FleetError, match="fall-then-cancel"):
        await run_homes(ready_file, scenarios=["earthquake"])


def test_every_scenario_can_come_up_by_chance() -> None:
    assert WEIGHTS.keys() == SCENARIOS.keys()
    assert set(SCENARIOS) == {
        "sos", "double-press", "panic-presses", "fall", "fall-then-movement", "fall-then-cancel", "goes-still",
        "stays-in-bed", "door-left-open", "power-cut",
    }  # fmt: skip


@pytest.mark.parametrize(("scenario", "kind"), [(stays_in_bed, "bed"), (door_left_open, "door")])
async def test_what_stays_as_it_is_is_told_at_its_beginning_and_its_end(
    ready_file: Path, scenario: Callable[[Home, timedelta], Awaitable[None]], kind: str
) -> None:
    fleet = read_fleet(ready_file)
    devices = [Device("h0001-bed", "bed"), Device("h0001-door", "door")]
    home = Home(msgspec.structs.replace(fleet.find("gw-0001"), devices=devices), fleet.mqtt)
    with patch.object(home.link, "publish") as publish:
        await scenario(home, timedelta(0))
    told = [(device, message.type, message.value) for _, device, message in (one.args for one in publish.mock_calls)]
    assert told == [(f"h0001-{kind}", kind, True), (f"h0001-{kind}", kind, False)]
    assert not home.still
