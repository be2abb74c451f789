"""What tests share: one real PostgreSQL per test process with a migrated template, one database per test, and the whole
house (`carebed up --demo --no-sim`) for the acceptance and browser stories."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from carebed.clock import advance, allow_shifts
from carebed.database import Database
from carebed.embedded import ports
from carebed.embedded.postgres import FAST_AND_LOOSE, DatabaseUrls, EmbeddedPostgres
from carebed.migrate import upgrade

TEMPLATE = "carebed_template"


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL with a migrated template database."""

    embedded: EmbeddedPostgres

    def clone(self) -> DatabaseUrls:
        """A new database with the schema in it and the clock shiftable."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.embedded.urls().admin, autocommit=True) as conn:
            conn.execute(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE} OWNER carebed_owner STRATEGY file_copy')
        return self.embedded.urls(name)

    def drop(self, urls: DatabaseUrls) -> None:
        """Remove a clone, whoever is still connected."""
        name = urls.admin.rsplit("/", 1)[1]
        with psycopg.connect(self.embedded.urls().admin, autocommit=True) as conn:
            conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One PostgreSQL for this test process."""
    data = tmp_path_factory.mktemp("postgres")
    embedded = EmbeddedPostgres(data, ports.free_port(), settings=FAST_AND_LOOSE)
    asyncio.run(embedded.start())
    with psycopg.connect(embedded.urls().admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {TEMPLATE} OWNER carebed_owner")
    upgrade(embedded.urls(TEMPLATE).owner)

    async def shiftable() -> None:
        database = Database(embedded.urls(TEMPLATE).owner, application="test", pool_size=1)
        async with database.transaction() as conn:
            await allow_shifts(conn)
        await database.close()

    asyncio.run(shiftable())
    yield Server(embedded)
    asyncio.run(embedded.stop())


@pytest.fixture
def urls(postgres: Server) -> Iterator[DatabaseUrls]:
    """A fresh database for one test."""
    clone = postgres.clone()
    yield clone
    postgres.drop(clone)


@pytest.fixture
async def database(urls: DatabaseUrls) -> AsyncIterator[Database]:
    """A pool under the engine's role."""
    pool = Database(urls.engine, application="test", pool_size=5)
    yield pool
    await pool.close()


@dataclass(frozen=True)
class TestClock:
    """The shiftable database clock of one test."""

    __test__ = False

    owner_url: str

    async def advance(self, **span: float) -> None:
        """`advance(seconds=30)`: as `timedelta`."""
        database = Database(self.owner_url, application="test-clock", pool_size=1)
        try:
            async with database.transaction() as conn:
                await advance(conn, timedelta(**span))
        finally:
            await database.close()


@pytest.fixture
def clock(urls: DatabaseUrls) -> TestClock:
    """Shifts the test's database clock."""
    return TestClock(urls.owner)


class House:
    """A running `carebed up`, found by its ready file."""

    def __init__(self, data_dir: Path, homes: int, environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.ready_file = data_dir.parent / f"{data_dir.name}-ready.json"
        self._homes = homes
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.http_port, self.mqtt_port = ports.free_port(), ports.free_port()

    def start(self) -> "House":
        """Start it and wait for the ready file."""
        command = [
            sys.executable, "-m", "carebed", "up", "--demo", "--no-sim", "--homes", str(self._homes),
            "--data-dir", str(self.data_dir), "--http-port", str(self.http_port), "--mqtt-port", str(self.mqtt_port),
            "--ready-file", str(self.ready_file),
        ]  # fmt: skip
        log = (self.data_dir.parent / f"{self.data_dir.name}-up.log").open("ab")
        self._process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **self._environment}
        )
        log.close()
        wait_for(lambda: self.ready_file.exists() or self._process is None or self._process.poll() is not None, 90)
        if not self.ready_file.exists():
            pytest.fail(f"carebed up did not become ready:\n{Path(log.name).read_text()[-4000:]}")
        return self

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=20)
            self._process = None

    @property
    def ready(self) -> dict[str, Any]:
        """The ready file as it is now (PIDs change when processes are started again)."""
        content: dict[str, Any] = json.loads(self.ready_file.read_text())
        return content

    @property
    def http(self) -> str:
        """The API's address."""
        return str(self.ready["http"])

    def user(self, role: str, number: int = 0) -> dict[str, Any]:
        """A demo login of that role."""
        return [user for user in self.ready["users"] if user["role"] == role][number]

    def pid(self, process: str) -> int:
        """The process's PID now."""
        return int(self.ready["processes"][process][0])

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database under the role that sees every row."""
        with psycopg.connect(self.ready["database_url"]) as conn:
            return conn.execute(statement, values).fetchall()

    def advance_clock(self, seconds: float) -> None:
        """`carebed clock advance`."""
        subprocess.run(
            [sys.executable, "-m", "carebed", "clock", "advance", str(seconds), "--data-dir", str(self.data_dir)],
            check=True, capture_output=True,
        )  # fmt: skip


def wait_for(condition: Any, timeout_s: float, every_s: float = 0.05) -> Any:
    """Poll until `condition()` is true and return its value; the last value after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(every_s)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The whole house with 20 homes and no simulator, shared by stories that do not break it for the others."""
    house = House(tmp_path_factory.mktemp("house") / "data", homes=20).start()
    yield house
    house.stop()
