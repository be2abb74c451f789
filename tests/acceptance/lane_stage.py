"""A stage for failures of ingest: database, broker and lanes as real processes in the story's own hands.

`carebed up` starts again at once what dies; here it stays dead until the story says so, and between all of them stand
lines that can be cut, held up or counted.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from carebed.embedded import ports
from carebed.embedded.broker import EmbeddedBroker, read_gateways
from carebed.embedded.datadir import DataDirectory
from carebed.embedded.postgres import FAST_AND_LOOSE, EmbeddedPostgres
from carebed.migrate import upgrade
from registry.seed import seed_demo
from tests.plain_http import NO_AUTHORITIES

ROOT = Path(__file__).parents[2]


class LaneStage:
    """Fills the place of a `House` for links of homes (`ready`)."""

    def __init__(self, data: DataDirectory, postgres: EmbeddedPostgres, broker: EmbeddedBroker) -> None:
        self.data = data
        self.postgres, self.broker = postgres, broker
        self.gateways: list[dict[str, Any]] = []
        self.users: list[dict[str, Any]] = []
        self.pids: dict[str, int] = {}
        self.health: dict[str, str] = {}
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def ready(self) -> dict[str, Any]:
        """The part of a ready file that links need."""
        return {"mqtt": {"host": "127.0.0.1", "port": self.broker.port}, "gateways": self.gateways}

    # The lanes

    def start(
        self, lane: str, *, called: str | None = None, mqtt_port: int | None = None, database_port: int | None = None,
        **more: str,
    ) -> int:  # fmt: skip
        """Start a lane's process and return its PID; `more`: settings. The ports lead around through a line. `called`:
        what the stage knows it by, where it is one of several workers of the lane."""
        return self.start_process(
            called or lane, ["ingest", "--lane", lane], mqtt_port=mqtt_port, database_port=database_port, **more
        )

    def start_process(
        self, name: str, arguments: list[str], *, mqtt_port: int | None = None, database_port: int | None = None,
        **more: str,
    ) -> int:  # fmt: skip
        """Start `carebed ...` under the engine's role, known to the stage by `name`."""
        url = self.postgres.urls().engine
        if database_port is not None:
            url = url.replace(f":{self.postgres.port}/", f":{database_port}/")
        port = ports.free_port()
        environment = {
            **os.environ, "CAREBED_DATABASE_URL": url, "CAREBED_MQTT_PORT": str(mqtt_port or self.broker.port),
            "CAREBED_MQTT_USERS_FILE": str(self.broker.users_file), "CAREBED_HEALTH_PORT": str(port), **more,
        }  # fmt: skip
        log = str(self.data.logs / f"ingest-{name}.log")
        asked = {"arguments": arguments, "environment": environment, "log": log}
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(json.dumps(asked) + "\n")
        self._forks.stdin.flush()
        self.pids[name] = int(self._forks.stdout.readline())
        self.health[name] = f"http://127.0.0.1:{port}"
        return self.pids[name]

    def kill(self, lane: str) -> None:
        """kill -9."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pids[lane], signal.SIGKILL)

    async def reasons(self, lane: str) -> dict[str, str] | None:
        """What /readyz says: {} when it is ready, check -> reason when not, None when nobody answers."""
        async with httpx.AsyncClient(trust_env=False, verify=NO_AUTHORITIES, timeout=5) as client:
            try:
                answer = await client.get(self.health[lane] + "/readyz")
            except httpx.HTTPError:
                return None
        reasons: dict[str, str] = answer.json().get("reasons", {})
        return reasons

    async def metrics(self, lane: str) -> dict[str, float]:
        """Every sample by its name and labels as they stand in /metrics."""
        async with httpx.AsyncClient(trust_env=False, verify=NO_AUTHORITIES, timeout=5) as client:
            text = (await client.get(self.health[lane] + "/metrics")).text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    async def is_ready(self, lane: str, within_s: float = 20) -> None:
        """Wait for it; fails with the reason and the end of the log."""
        async with _patience(within_s, lambda: f"{lane}: {reasons}\n{self.log(lane)[-3000:]}"):
            while (reasons := await self.reasons(lane)) != {}:
                await asyncio.sleep(0.05)

    def log(self, lane: str) -> str:
        """What the lane has logged."""
        return (self.data.logs / f"ingest-{lane}.log").read_text()

    # The database

    def freeze_database(self, number: signal.Signals = signal.SIGSTOP) -> None:
        """SIGSTOP (or SIGCONT) to the postmaster and every process of it."""
        for pid in (self.postgres.pid, *_children(self.postgres.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def kill_database(self) -> None:
        """kill -9 of the postmaster; returns when its children have noticed."""
        assert self.postgres.child is not None
        children = _children(self.postgres.pid)
        self.postgres.child.send(signal.SIGKILL)
        await self.postgres.child.wait()
        async with _patience(20, lambda: "the database's processes did not end"):
            while any(Path(f"/proc/{pid}").exists() for pid in children):
                await asyncio.sleep(0.02)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read under the role that sees every row and column, past all lines."""
        with psycopg.connect(self.postgres.urls().owner, connect_timeout=5) as conn:
            conn.read_only = True
            return conn.execute(statement.encode(), values).fetchall()

    def try_query(self, statement: str) -> list[tuple[Any, ...]] | None:
        """The same of a database that may not answer: None."""
        try:
            return self.query(statement)
        except psycopg.OperationalError:
            return None

    def run(self, statement: str, *values: object) -> None:
        """As superuser."""
        with psycopg.connect(self.postgres.urls().admin, autocommit=True, connect_timeout=5) as conn:
            conn.execute(statement.encode(), values)

    # The broker

    async def kill_broker(self, *, forget: bool = False) -> None:
        """kill -9; `forget`: and its store is gone, with all sessions and all that waits in them."""
        assert self.broker.child is not None
        self.broker.child.send(signal.SIGKILL)
        await self.broker.child.wait()
        if forget:
            for file in (self.data.path / "broker").glob("mosquitto.db*"):
                file.unlink()

    async def save_broker(self) -> None:
        """Have it write its sessions, and what waits in them, to disk now."""
        store = self.data.path / "broker" / "mosquitto.db"
        before = store.stat().st_ino if store.exists() else None
        self.broker.save()
        async with _patience(20, lambda: "the broker did not write its store"):
            while not store.exists() or store.stat().st_ino == before:
                await asyncio.sleep(0.02)

    def close(self) -> None:
        """End the lanes."""
        for lane in self.pids:
            self.kill(lane)
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.close()
        self._forks.stdout.close()
        self._forks.wait(10)


@asynccontextmanager
async def lane_stage(directory: Path, homes: int) -> AsyncIterator[LaneStage]:
    """Database, schema, a demo district and broker are there; lanes are started by the story."""
    data = DataDirectory(directory)
    postgres = EmbeddedPostgres(
        data.path, ports.free_port(), log=data.logs / "database.log", settings=FAST_AND_LOOSE
    )  # fmt: skip
    broker = EmbeddedBroker(data.path, ports.free_port(), log_file=data.logs / "broker.log")
    stage = LaneStage(data, postgres, broker)
    try:
        await postgres.start()
        await asyncio.to_thread(upgrade, postgres.urls().owner)
        demo = await asyncio.to_thread(seed_demo, postgres.urls().owner, homes, data.secrets)
        stage.gateways = [dict(gateway) for gateway in demo.gateways]
        stage.users = [dict(user) for user in demo.users]
        broker.set_gateways(await read_gateways(postgres.urls().engine))
        await broker.start()
        yield stage
    finally:
        stage.close()
        await broker.stop()
        if postgres.child is not None and postgres.child.returncode is None:
            stage.freeze_database(signal.SIGCONT)
            await postgres.stop()
        data.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def _patience(within_s: float, what: Any) -> AsyncIterator[None]:
    """Fail with `what()` after so long."""
    end = time.monotonic() + within_s
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + within_s):
            yield
    except TimeoutError:
        assert time.monotonic() < end, what()
        raise
