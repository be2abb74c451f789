"""What tests share: one real PostgreSQL per test process with a migrated template, one database per test, and the whole
house (`carebed up --demo --no-sim`) for the acceptance and browser stories."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
import structlog
from hypothesis import settings

from carebed.clock import advance, allow_shifts
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from carebed.migrate import upgrade
from tests.house import House
from tests.longest_first import pytest_collection_modifyitems  # noqa: F401 - a hook is found by its name here
from tests.servers import has_timescale, room_in_memory, server

TEMPLATE = "carebed_template"

# An example may be slow because the machine is busy; that is no failure.
settings.register_profile("carebed", deadline=None)
settings.load_profile("carebed")


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


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that ran in the test's own process has set up logging, to a stream that ends with the test."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One PostgreSQL for this test process."""
    with room_in_memory(otherwise=tmp_path_factory.mktemp("postgres")) as directory:
        embedded = server(directory)
        asyncio.run(embedded.start())
        try:
            yield _prepared(embedded)
        finally:
            asyncio.run(embedded.stop())


def _prepared(embedded: EmbeddedPostgres) -> Server:
    """With the migrated template in it."""
    if has_timescale():
        # As in TimescaleDB's image: every new database has it.
        with psycopg.connect(embedded.urls("template1").admin, autocommit=True) as conn:
            conn.execute("CREATE EXTENSION timescaledb")
    with psycopg.connect(embedded.urls().admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {TEMPLATE} OWNER carebed_owner")
    upgrade(embedded.urls(TEMPLATE).owner)

    async def shiftable() -> None:
        database = Database(embedded.urls(TEMPLATE).owner, application="test", pool_size=1)
        async with database.transaction() as conn:
            await allow_shifts(conn)
        await database.close()

    asyncio.run(shiftable())
    return Server(embedded)


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


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The whole house with 20 homes and no simulator, shared by stories that do not break it for the others."""
    house = House(tmp_path_factory.mktemp("house") / "data", homes=20).start()
    yield house
    house.stop()
