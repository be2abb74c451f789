"""The broker as chaos sees it. Another one is plugged in by a class of this shape, named in `BROKERS`."""

import math
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from carebed.embedded.broker import EmbeddedBroker
from carebed.embedded.child import Child
from carebed.rabbitmq.embedded import EmbeddedRabbit


class Broker(Protocol):
    """A broker that runs as a child of this process. It is signalled (killed, frozen) through its `child`."""

    name: str
    port: int
    """Of its MQTT listener on 127.0.0.1."""
    users_file: Path
    """Passwords of our own MQTT users, as ingest reads them."""

    @property
    def child(self) -> Child | None:
        """The process that runs, or ran last."""

    async def start(self) -> Child:
        """Start it, with its store where it has one, and return when it takes connections; `StartError` if not."""

    async def stop(self) -> None:
        """End it in order."""

    def save(self) -> None:
        """Have it write what it only writes now and then; asked once, when all sessions of ingest are there."""

    def set_gateways(self, gateways: Iterable[tuple[str, str]]) -> None:
        """(gateway id, password hash) of those that may log in."""

    def lose_store(self) -> None:
        """Remove sessions and messages from the disk. Only while it does not run."""

    def saved_at(self, ended_at: float) -> float | None:
        """Asked after its end: up to when (epoch seconds) its store holds everything that it acknowledged; None where
        there is no store."""


class Mosquitto(EmbeddedBroker):
    """Writes its store as a whole every few seconds; a kill forgets what it acknowledged since."""

    name = "mosquitto"

    def __init__(self, directory: Path, port: int, log_file: Path) -> None:
        super().__init__(directory, port, log_file=log_file)
        self._store = directory.resolve() / "broker" / "mosquitto.db"

    def lose_store(self) -> None:
        """Remove the saved state."""
        for file in self._store.parent.glob("mosquitto.db*"):
            file.unlink()

    def saved_at(self, ended_at: float) -> float | None:  # noqa: ARG002 - others know it from the end alone
        """The time of the file: nothing moves while it is written."""
        return self._store.stat().st_mtime if self._store.exists() else None


class RabbitMQ(EmbeddedRabbit):
    """Writes and syncs before it acknowledges; a kill forgets nothing."""

    name = "rabbitmq"

    def __init__(self, directory: Path, port: int, log_file: Path) -> None:
        super().__init__(directory, port, log_file=log_file)

    def lose_store(self) -> None:
        """Remove sessions, messages and users."""
        shutil.rmtree(self.directory / "data", ignore_errors=True)

    def saved_at(self, ended_at: float) -> float | None:  # noqa: ARG002 - it has saved all or nothing
        """All that it acknowledged, however late the acknowledgement is read."""
        return math.inf if (self.directory / "data").exists() else None


BROKERS: dict[str, Callable[[Path, int, Path], Broker]] = {"mosquitto": Mosquitto, "rabbitmq": RabbitMQ}
