"""`carebed hypertable`: moves readings from native partitions into a hypertable, once TimescaleDB is installed."""

from sqlalchemy import create_engine

from carebed import timescale
from carebed.database import sqlalchemy_url
from carebed.errors import CarebedError


def move_to_hypertable(owner_url: str) -> int:
    """Move all readings in one transaction; how many. 0 where they are in a hypertable already.

    Ingest waits meanwhile, with its batches unacknowledged, so nothing is lost. Raises `CarebedError` without the
    extension.
    """
    engine = create_engine(sqlalchemy_url(owner_url), connect_args={"application_name": "carebed-hypertable"})
    try:
        with engine.begin() as connection:
            if not timescale.installed(connection):
                raise CarebedError(
                    "This database has no TimescaleDB: install it, name it in shared_preload_libraries, restart, and "
                    "have a superuser run CREATE EXTENSION timescaledb."
                )
            if timescale.is_hypertable(connection, "reading"):
                return 0
            return timescale.to_hypertable(connection, "reading", "time")
    finally:
        engine.dispose()
