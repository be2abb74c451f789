"""The station of the alarm stories, fresh for each."""

from collections.abc import AsyncIterator

import pytest
from station_world import StationWorld, founded

from carebed.embedded.postgres import DatabaseUrls


@pytest.fixture
async def world(urls: DatabaseUrls) -> AsyncIterator[StationWorld]:
    """One station, a home, and people on call."""
    async with founded(urls.engine, urls.owner) as world:
        yield world
