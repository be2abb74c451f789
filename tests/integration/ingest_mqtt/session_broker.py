"""A real Mosquitto that tests can kill and freeze, and the few verbs of their stories."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from carebed.embedded.ports import free_port
from ingest.mqtt import Incoming, Intake, Session

PASSWORD = "open-sesame"


class Broker:
    """One Mosquitto with its directory, on a random port."""

    def __init__(self, directory: Path, access: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        directory.chmod(0o777)  # Mosquitto gives up root
        (directory / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n{access}\nuse_username_as_clientid true\nset_tcp_nodelay true\n"
            "max_inflight_messages 1000\nmax_queued_messages 0\n"
            f"persistence true\npersistence_location {directory}/\nautosave_interval 600\nlog_type none\n"
        )

    def start(self) -> None:
        """Returns once it accepts connections."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen([program, "-c", str(self._directory / "mosquitto.conf")])
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "Mosquitto ended at once"
                assert time.monotonic() < deadline, "Mosquitto does not accept connections"
                time.sleep(0.01)
            else:
                return

    def send(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it (the link stays, nobody answers), SIGCONT wakes it, SIGHUP reads the files again."""
        assert self._process is not None
        self._process.send_signal(number)

    async def save(self) -> None:
        """Have it write sessions and messages to disk now; returns when the new file stands."""
        store = self._directory / "mosquitto.db"
        before = store.stat().st_ino if store.exists() else None
        self.send(signal.SIGUSR1)
        await until(lambda: store.exists() and store.stat().st_ino != before)

    def kill(self) -> None:
        """A crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def session(self, name: str = "ingest-reading-0", *filters: str, **options: int) -> Session:
        """A session of ours to this broker, by default for everything below `t/`."""
        return Session("127.0.0.1", self.port, name, PASSWORD, filters or ("t/#",), **options)

    async def publish(self, messages: Iterable[tuple[str, bytes]], name: str = "gateway") -> None:
        """From another client; returns when the broker has them all."""
        async with ready(self.session(name, "nothing")) as intake:
            (publisher,) = intake.sessions
            for topic, payload in messages:
                if publisher.unacknowledged_publishes > 10_000:
                    await until(lambda: publisher.unacknowledged_publishes < 5_000)
                assert publisher.publish(topic, payload)
            await until(lambda: publisher.unacknowledged_publishes == 0)
            assert publisher.counters.publishes_dropped == 0


async def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Poll until true; fail after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def ready(*sessions: Session, **options: int) -> AsyncIterator[Intake]:
    """An intake whose sessions are all subscribed."""
    async with Intake(sessions, **options) as intake:
        await until(lambda: intake.unready is None)
        yield intake


async def leave_behind(*sessions: Session) -> None:
    """Make the sessions known to the broker and go, so that what comes is kept for them."""
    async with ready(*sessions):
        pass


async def take(intake: Intake, count: int, *, ack: bool = True) -> list[Incoming]:
    """At least so many messages, each batch acknowledged on receipt if `ack`."""
    messages: list[Incoming] = []
    async with asyncio.timeout(30):
        async for batch in intake:
            messages += batch.messages
            if ack:
                intake.ack(batch)
            if len(messages) >= count:
                break
    return messages


def numbered(count: int, topic: str = "t/0") -> list[tuple[str, bytes]]:
    """Messages that carry their number."""
    return [(topic, b"%d" % number) for number in range(count)]


def numbers(messages: Iterable[Incoming]) -> list[int]:
    """Back again."""
    return [int(message.payload) for message in messages]
