"""RabbitMQ as a child process, with its doorkeeper in this one: the stand-in for Mosquitto in `carebed up`."""

import asyncio
import os
import secrets
import signal
from collections.abc import Coroutine
from pathlib import Path
from subprocess import CalledProcessError, run
from typing import Any

from carebed.embedded import ports
from carebed.embedded.broker import Gateways
from carebed.embedded.broker_users import own_passwords
from carebed.embedded.child import Child
from carebed.embedded.datadir import write_atomically
from carebed.errors import StartError
from carebed.rabbitmq.configuration import ENABLED_PLUGINS, KEEPER, configuration, keeper_login
from carebed.rabbitmq.doorkeeper import Doorkeeper
from carebed.rabbitmq.management import Management

PROGRAM = Path(__file__).parents[2] / "scripts" / "rabbitmq"

_START_PATIENCE_S = 180.0  # It reads its queues before it listens: 5 s on an idle machine, more with a long backlog.
_LOG = "log.console = true\nlog.console.level = info\nlog.file = false\n"


class EmbeddedRabbit:
    """A RabbitMQ of our own in `data_dir`/rabbitmq, used as `EmbeddedBroker` is."""

    def __init__(self, data_dir: Path, port: int, *, log_file: Path | None = None) -> None:
        """Raises `StartError` where `make rabbitmq` has not been here."""
        try:
            run([PROGRAM, "where"], check=True, capture_output=True, text=True)  # noqa: S603 - our own script
        except (OSError, CalledProcessError) as error:
            raise StartError("RabbitMQ 4 is not set up: run `make rabbitmq`, or take the other broker.") from error
        self.port = port
        self.child: Child | None = None
        self.directory = data_dir.resolve() / "rabbitmq"
        self.users_file = data_dir.resolve() / "secrets" / "mqtt-users.json"
        self.users_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        #: Our own users and their passwords.
        self.users = own_passwords(self.users_file)
        self.doorkeeper = Doorkeeper(self.users)
        self._log_file = log_file or data_dir.resolve() / "broker.log"
        self._ports = {name: ports.free_port() for name in ("management", "metrics", "doorkeeper", "distribution")}
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int:
        """PID of the broker itself: nothing stands between."""
        if self.child is None:
            raise StartError("The broker has not been started.")
        return self.child.pid

    async def start(self) -> Child:
        """Start it and return when it takes connections and knows its users. Raises `StartError` with what to do."""
        await self.stop()
        ports.require_free(self.port, "the MQTT broker", "--mqtt-port")
        self._write_files()
        if not self._keeping:
            self._keep(self.doorkeeper.serve("127.0.0.1", self._ports["doorkeeper"]))
            self._keep(self._keep_users())
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "RABBITMQ_DIST_PORT": str(self._ports["distribution"]),
        }
        environment |= {name: value for name, value in os.environ.items() if name == "CAREBED_RABBITMQ_ROOT"}
        command = [str(PROGRAM), "run", str(self.directory), "rabbitmq-server"]
        self.child = Child("broker", command, self._log_file, environment)
        self.doorkeeper.look_again()
        if not await self._takes_connections(self.child):
            await self.stop()
            raise StartError(f"RabbitMQ does not start; the end of {self._log_file}:\n{self.child.log_tail()}")
        return self.child

    async def stop(self, grace_s: float = 10.0) -> None:
        """End it in order."""
        if self.child is not None and self.child.returncode is None:
            await self.child.stop(signal.SIGTERM, grace_s)

    async def close(self) -> None:
        """End it, and our own tasks for it."""
        for task in self._keeping:
            task.cancel()
        if self._keeping:
            await asyncio.wait(self._keeping)
        self._keeping.clear()
        await self.stop()

    def save(self) -> None:
        """Nothing to do: it writes before it acknowledges."""

    def set_gateways(self, gateways: Gateways) -> None:
        """Let exactly these gateways in. A running broker disconnects at once those that are gone or re-passworded."""
        self.doorkeeper.set_gateways(gateways)

    def management(self) -> Management:
        """Its management interface."""
        return Management(f"http://127.0.0.1:{self._ports['management']}", KEEPER, self._password())

    def _password(self) -> str:
        """The doorkeeper's, made once."""
        kept = self.users_file.with_name("rabbitmq-doorkeeper")
        if not kept.exists():
            write_atomically(kept, secrets.token_urlsafe(24))
        return kept.read_text(encoding="utf-8")

    def _write_files(self) -> None:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        address = {name: f"127.0.0.1:{port}" for name, port in self._ports.items()}
        text = configuration(
            listener=f"127.0.0.1:{self.port}", management=address["management"], metrics=address["metrics"],
            doorkeeper=address["doorkeeper"], log=_LOG,
        )  # fmt: skip
        write_atomically(self.directory / "rabbitmq.conf", text + keeper_login(self._password()))
        write_atomically(self.directory / "enabled_plugins", ENABLED_PLUGINS)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        self._keeping.append(asyncio.create_task(work))

    async def _keep_users(self) -> None:
        async with self.management() as management:
            await self.doorkeeper.keep(management)

    async def _takes_connections(self, child: Child) -> bool:
        for _ in range(int(_START_PATIENCE_S / 0.05)):
            for task in self._keeping:
                if task.done():
                    task.result()
            if child.returncode is not None:
                return False
            if self.doorkeeper.ready() is None and await _listens(self.port):
                return True
            await asyncio.sleep(0.05)
        return False


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
