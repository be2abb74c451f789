"""The broker of docker compose: its lists are kept by a process beside it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from broker_clients import GATEWAYS, hashes, is_cut_off

from carebed.embedded.broker_config import configuration
from carebed.embedded.broker_users import own_passwords
from carebed.embedded.child import Child
from carebed.embedded.doorkeeper import Doorkeeper
from carebed.embedded.ports import free_port
from carebed.embedded.quarters import find_program, own_command


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def broker(tmp_path: Path, port: int) -> AsyncIterator[Child]:
    """A Mosquitto under the deployed configuration, in one account with the doorkeeper as in compose."""
    Doorkeeper(tmp_path, tmp_path / "users.json")
    files = f"{tmp_path}/"
    text = configuration(listener=f"{port} 127.0.0.1", files=files, store=files, log="stderr")
    (tmp_path / "mosquitto.conf").write_text(text + "user root\n")
    argv = (find_program("mosquitto") or "mosquitto", "-c", tmp_path / "mosquitto.conf")
    child = Child("broker", own_command(argv, signal.SIGKILL), tmp_path / "broker.log", {})
    yield child
    await child.stop(signal.SIGTERM, grace_s=5)


@asynccontextmanager
async def _connected(port: int, user: str, password: str) -> AsyncIterator[aiomqtt.Client]:
    """Tries until the broker is up and has read its list."""
    async with asyncio.timeout(10):
        while True:
            client = aiomqtt.Client("127.0.0.1", port, username=user, password=password, timeout=5)
            try:
                await client.__aenter__()
                break
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)
    try:
        yield client
    finally:
        await client.__aexit__(None, None, None)


async def test_gateways_come_and_go_with_the_list(broker: Child, tmp_path: Path, port: int) -> None:
    async with _connected(port, "ingest-alarm-0", own_passwords(tmp_path / "users.json")["ingest-alarm-0"]):
        pass
    keeper = Doorkeeper(tmp_path, tmp_path / "users.json", broker.pid)
    keeper.set_gateways(hashes("gw-1", "gw-2"))
    async with _connected(port, "gw-1", GATEWAYS["gw-1"]), _connected(port, "gw-2", GATEWAYS["gw-2"]) as second:
        keeper.set_gateways(hashes("gw-1"))
        await is_cut_off(second)
