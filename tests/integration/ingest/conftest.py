"""The pipeline of each test."""

import pytest
from small_district import Pipeline

from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls


@pytest.fixture
async def pipeline(database: Database, urls: DatabaseUrls) -> Pipeline:
    """One station, no homes yet."""
    return await Pipeline(database, urls.admin).begin()
