"""The stage for the throughput figures: the product's own database and broker, a demo district, nothing else."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carebed.embedded import ports
from carebed.embedded.broker import EmbeddedBroker
from carebed.embedded.broker_users import password_hash
from carebed.embedded.child import Child
from carebed.embedded.datadir import DataDirectory
from carebed.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from carebed.embedded.quarters import own_command
from carebed.migrate import upgrade
from registry.seed import seed_demo

HOMES = 1_000
"""Five sensors each: the 5,000 devices of the figures."""

#: Homes that may connect themselves.
_CONNECTING = 300

LOADER, PEER = "bench-loader", "bench-peer"
_PASSWORD = "measured-not-guessed"  # noqa: S105 - of two users of a throw-away broker

_EXTRA_RIGHTS = f"""
user {LOADER}
topic write carebed/v1/#

user {PEER}
topic read carebed/v1/#
"""


class _Broker(EmbeddedBroker):
    """The product's broker with two users more: who fills it, and the peer that reads everything at once."""

    def _write(self, name: str, text: str) -> None:
        super()._write(name, text + _EXTRA_RIGHTS if name == "acl" else text)


@dataclass(frozen=True)
class Stage:
    """Where everything is. `users`: MQTT user -> password."""

    directory: Path
    mqtt_port: int
    users: dict[str, str]
    users_file: Path
    database: DatabaseUrls
    devices: list[tuple[str, str]]
    """(gateway, device) of every sensor."""
    gateways: list[dict[str, Any]]
    """Those of the demo that may connect, as the ready file lists them."""
    database_pid: int

    @property
    def log(self) -> Path:
        """What the processes log."""
        return self.directory / "process.log"

    def start(
        self, *arguments: str, health_port: int, module: str = "carebed", settings: Mapping[str, str] | None = None
    ) -> Child:
        """Start `carebed ...` as `carebed up` does; its log is in `directory`. `settings`: environment besides."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAREBED_")}
        environment |= {
            "CAREBED_DATABASE_URL": self.database.engine,
            "CAREBED_MQTT_PORT": str(self.mqtt_port),
            "CAREBED_MQTT_USERS_FILE": str(self.users_file),
            "CAREBED_HEALTH_PORT": str(health_port),
        }
        environment |= {name: value for name, value in os.environ.items() if name in _PASSED_ON}
        environment |= settings or {}
        argv = (sys.executable, "-m", module, *arguments)
        return Child(arguments[0] if arguments else module, own_command(argv, signal.SIGKILL), self.log, environment)


_PASSED_ON = ("CAREBED_BATCH_MESSAGES", "CAREBED_BATCH_LINGER_MS", "CAREBED_PENDING_MESSAGES")


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[Stage]:
    """Database (with fsync, as in production), schema, district and broker, on free ports; all stop at the end."""
    data = DataDirectory(directory)
    database = EmbeddedPostgres(data.path, ports.free_port(), log=data.logs / "database.log")
    broker = _Broker(data.path, ports.free_port(), log_file=data.logs / "broker.log")
    try:
        await database.start()
        urls = database.urls()
        await asyncio.to_thread(upgrade, urls.owner)
        demo = await asyncio.to_thread(seed_demo, urls.owner, HOMES, data.secrets)
        hashed = password_hash(_PASSWORD)
        gateways = demo.gateways[:_CONNECTING]
        homes = [(gateway["id"], password_hash(gateway["password"])) for gateway in gateways]
        broker.set_gateways([(LOADER, hashed), (PEER, hashed), *homes])
        await broker.start()
        sensors = [
            (gateway["id"], device["id"])
            for gateway in demo.gateways
            for device in gateway["devices"]
            if device["kind"] != "gateway"
        ]
        users = broker.users | {LOADER: _PASSWORD, PEER: _PASSWORD}
        yield Stage(data.path, broker.port, users, broker.users_file, urls, sensors, gateways, database.pid)
    finally:
        await broker.stop()
        await database.stop()
        data.close()
