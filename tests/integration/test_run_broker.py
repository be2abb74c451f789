"""The broker's container: its first process waits for the lists, follows the passwords, and ends with the broker."""

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from carebed.embedded.broker_config import configuration
from carebed.embedded.broker_users import own_passwords, password_hash
from carebed.embedded.doorkeeper import Doorkeeper
from carebed.embedded.ports import free_port

SCRIPT = Path(__file__).parents[2] / "deploy" / "compose" / "run-broker"

# As `nc -z` of the image; not every machine has one.
_NC = "#!/bin/bash\nexec 3<>/dev/tcp/$2/$3\n"

_NO_BROKER = 0x7FFF_FFFF


class Container:
    """`run-broker` on lists in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.lists = directory / "lists"
        self.users_file = directory / "users.json"
        self.process: asyncio.subprocess.Process | None = None
        self._directory = directory
        self.lists.mkdir()
        tools = directory / "bin"
        tools.mkdir()
        (tools / "nc").write_text(_NC)
        (tools / "nc").chmod((tools / "nc").stat().st_mode | stat.S_IXUSR)
        text = configuration(
            listener=f"{self.port} 127.0.0.1", files=f"{self.lists}/", store=f"{directory}/", log="stderr"
        )
        (directory / "mosquitto.conf").write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
        self._path = f"{tools}:{os.environ['PATH']}:/usr/sbin"

    async def start(self) -> None:
        argv = ["sh", str(SCRIPT), str(self.lists), str(self._directory / "mosquitto.conf"), str(self.port)]
        with (self._directory / "log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *argv, env={"PATH": self._path}, stderr=log, stdout=log, start_new_session=True
            )

    def doorkeeper(self) -> Doorkeeper:
        return Doorkeeper(self.lists, self.users_file, _NO_BROKER)

    async def lets_in(self, user: str, password: str) -> bool:
        client = aiomqtt.Client("127.0.0.1", self.port, username=user, password=password, timeout=5)
        try:
            async with client:
                return True
        except aiomqtt.MqttError:
            return False

    async def comes_to_let_in(self, user: str, password: str) -> None:
        async with asyncio.timeout(15):
            while not await self.lets_in(user, password):
                await asyncio.sleep(0.05)


@pytest.fixture
async def container(tmp_path: Path) -> AsyncIterator[Container]:
    one = Container(tmp_path)
    await one.start()
    yield one
    assert one.process is not None
    if one.process.returncode is None:
        os.killpg(one.process.pid, signal.SIGKILL)
        await one.process.wait()


async def test_it_starts_with_the_lists_and_learns_of_a_new_gateway(container: Container) -> None:
    assert container.process is not None
    assert container.process.returncode is None  # it waits: there is no list yet
    keeper = container.doorkeeper()
    await container.comes_to_let_in("ingest-alarm-0", own_passwords(container.users_file)["ingest-alarm-0"])
    assert not await container.lets_in("gw-1", "paired")
    keeper.set_gateways([("gw-1", password_hash("paired"))])
    await container.comes_to_let_in("gw-1", "paired")
    container.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await container.process.wait() == 0
    assert not await container.lets_in("gw-1", "paired")


async def test_it_ends_when_the_broker_dies_so_that_it_is_started_again(container: Container) -> None:
    container.doorkeeper()
    await container.comes_to_let_in("ingest-alarm-0", own_passwords(container.users_file)["ingest-alarm-0"])
    assert container.process is not None
    children = Path(f"/proc/{container.process.pid}/task/{container.process.pid}/children").read_text().split()
    (broker,) = [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "mosquitto"]
    os.kill(broker, signal.SIGKILL)
    async with asyncio.timeout(10):
        assert await container.process.wait() == 128 + signal.SIGKILL
