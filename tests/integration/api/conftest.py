"""The API on a real database and a real socket, with the demo district in it."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from api_service import Service, running

from carebed.embedded.postgres import DatabaseUrls
from registry.seed import DemoCredentials, seed_demo


@dataclass(frozen=True)
class Seeded:
    """A database with the demo district, to be cloned."""

    server: Any
    urls: DatabaseUrls
    credentials: DemoCredentials

    def clone(self) -> DatabaseUrls:
        """A copy for one test."""
        name, template = f"t{uuid.uuid4().hex}", self.urls.admin.rsplit("/", 1)[1]
        with psycopg.connect(self.server.embedded.urls().admin, autocommit=True) as conn:
            conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER carebed_owner STRATEGY file_copy')
        urls: DatabaseUrls = self.server.embedded.urls(name)
        return urls


@pytest.fixture(scope="session")
def seeded(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """The demo district, made once."""
    urls = postgres.clone()
    return Seeded(postgres, urls, seed_demo(urls.owner, 3, tmp_path_factory.mktemp("seeded")))


@pytest.fixture
def district(seeded: Seeded) -> Iterator[DatabaseUrls]:
    """A database with the demo district for one test."""
    urls = seeded.clone()
    yield urls
    seeded.server.drop(urls)


@pytest.fixture
async def service(district: DatabaseUrls, seeded: Seeded, tmp_path: Path) -> AsyncIterator[Service]:
    """The running API."""
    async with running(district, seeded.credentials, tmp_path / "web") as service:
        yield service
