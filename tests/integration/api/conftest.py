"""The API on a real database and a real socket, with the demo district in it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_service import Seeded, Service, running

from carebed.embedded.postgres import DatabaseUrls
from registry.seed import seed_demo


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
