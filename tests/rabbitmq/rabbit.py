"""A real RabbitMQ that stories can kill, freeze and fill, and the few verbs of their stories."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.loader import Loader
from carebed.embedded import ports
from carebed.embedded.broker_users import password_hash
from carebed.rabbitmq.embedded import PROGRAM
from gateway.lanes import Lane
from gateway.topics import GROUPS, reading_filters, up_topic
from ingest.mqtt import Batch, Intake, Session
from tests.chaos import broker as chaos

SECRETS = {f"gw-{number}": f"secret of gw-{number}" for number in range(40)}
GATEWAYS = {gateway: password_hash(secret) for gateway, secret in SECRETS.items()}


class RabbitMQ(chaos.RabbitMQ):
    """The product's own, in a directory of the test's."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, ports.free_port(), directory / "broker.log")

    async def kill(self) -> None:
        """A crash."""
        assert self.child is not None
        self.child.send(signal.SIGKILL)
        await self.child.wait()

    def send(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it (the links stay, nobody answers), SIGCONT wakes it."""
        assert self.child is not None
        self.child.send(number)

    async def leave_the_door_to_somebody_else(self) -> None:
        """From now on another doorkeeper keeps the users and answers."""
        for task in self._keeping:
            task.cancel()
        await asyncio.wait(self._keeping)

    async def control(self, *arguments: str) -> str:
        """`rabbitmqctl ...`; its output."""
        environment = os.environ | {"RABBITMQ_DIST_PORT": str(self._ports["distribution"])}
        command = [PROGRAM, "run", self.directory, "rabbitmqctl", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    # Its clients

    def sessions(self, groups: Iterable[str] = GROUPS, **options: int) -> list[Session]:
        """The reading lane's sessions."""
        return [
            Session("127.0.0.1", self.port, user, self.users[user], reading_filters(group), **options)
            for group in groups for user in [f"ingest-reading-{group}"]
        ]  # fmt: skip

    def password(self, user: str) -> str:
        """Of a gateway or one of our own users."""
        return SECRETS.get(user) or self.users[user]

    def publish(self, gateway: str, numbers: Iterable[int]) -> "Backlog":
        """Publish readings from a gateway that knows MQTT and nothing else: once, and again never. Blocking."""
        backlog = Backlog()
        topic = up_topic(gateway, Lane.READING, "motion")
        try:
            with _Counting("127.0.0.1", self.port, gateway, self.password(gateway), backlog) as loader:
                loader.publish((topic, reading(gateway, number)) for number in backlog.sending(numbers))
        except OSError as error:
            backlog.ended = error
        return backlog


class Backlog:
    """What a gateway has sent, and what of it the broker has acknowledged: RabbitMQ does so in order."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.count = 0
        self.ended: OSError | None = None

    def sending(self, numbers: Iterable[int]) -> Iterable[int]:
        """Note and pass on."""
        for number in numbers:
            self.sent.append(number)
            yield number

    @property
    def acknowledged(self) -> list[int]:
        """Those that nobody may lose."""
        return self.sent[: self.count]


class _Counting(Loader):
    """Counts PUBACKs as they come, for the broker may die in between."""

    def __init__(self, host: str, port: int, username: str, password: str, backlog: Backlog) -> None:
        super().__init__(host, port, username, password)
        self._window = 500  # RabbitMQ allows 65,535 on the way, and then we would have read no PUBACK when it dies
        self._backlog = backlog

    def _acknowledgements(self) -> int:
        count = super()._acknowledgements()
        self._backlog.count += count
        return count


def reading(gateway: str, number: int) -> bytes:
    """A payload in the contract's words; `number` makes its id."""
    message = {"id": f"{gateway}-{number:06d}", "time": "2026-11-22T04:00:00Z", "type": "motion", "value": True}
    return json.dumps(message).encode()


def ids(gateway: str, numbers: Iterable[int]) -> list[str]:
    """The ids of these readings."""
    return [f"{gateway}-{number:06d}" for number in numbers]


def ids_of(batch: Batch) -> list[str]:
    """The ids of its readings."""
    return [json.loads(message.payload)["id"] for message in batch.messages]


async def drained(intake: Intake, quiet_s: float = 3.0) -> list[str]:
    """Acknowledge all that comes until nothing does for a while; the ids, in order of arrival for each session."""
    arrived: list[str] = []
    while True:
        try:
            async with asyncio.timeout(quiet_s):
                batch = await anext(intake)
        except TimeoutError:
            if intake.unready is None:
                return arrived
            continue
        arrived += ids_of(batch)
        intake.ack(batch)


@asynccontextmanager
async def ready(sessions: Iterable[Session]) -> AsyncIterator[Intake]:
    """These sessions, connected and subscribed."""
    async with Intake(list(sessions)) as intake:
        await until(lambda: intake.unready is None, lambda: intake.unready)
        yield intake


async def until(
    condition: Callable[[], object], why: Callable[[], object] = lambda: None, within_s: float = 60
) -> None:
    """Poll until true; fail after that time, and say why."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it did not happen within {within_s:.0f} s: {why()}") from None
