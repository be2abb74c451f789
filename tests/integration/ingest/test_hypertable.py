"""Readings in TimescaleDB: made a hypertable by the migration or later, guarded as before. For `make timescale`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import errors
from small_district import Pipeline, message
from sqlalchemy import create_engine

from carebed import timescale
from carebed.database import Database, sqlalchemy_url
from carebed.embedded.postgres import DatabaseUrls
from carebed.hypertable_command import move_to_hypertable
from carebed.settings import Settings
from ingest import rollup
from ingest.retention import drop_old, make_partitions
from tests.servers import has_timescale

pytestmark = pytest.mark.skipif(not has_timescale(), reason="needs TimescaleDB: make timescale")

#: What makes the table what it is.
_SHAPE = """
    SELECT 'index', indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE tablename = 'reading'
    UNION ALL SELECT 'policy', policyname, roles::text || cmd || coalesce(qual, '') FROM pg_policies
        WHERE tablename = 'reading'
    UNION ALL SELECT 'grant', grantee, privilege_type FROM information_schema.role_table_grants
        WHERE table_name = 'reading'
    UNION ALL SELECT 'column', attname,
            atttypid::regtype::text || attnotnull || coalesce(col_description(attrelid, attnum), '')
        FROM pg_attribute WHERE attrelid = 'reading'::regclass AND attnum > 0
    UNION ALL SELECT 'table', obj_description('reading'::regclass), relrowsecurity::text FROM pg_class
        WHERE oid = 'reading'::regclass
    ORDER BY 1, 2, 3
"""


@pytest.fixture
async def owner(urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The calendar's role."""
    pool = Database(urls.owner, application="test-calendar", pool_size=3)
    yield pool
    await pool.close()


def _shape(urls: DatabaseUrls) -> list[tuple[object, ...]]:
    with psycopg.connect(urls.owner) as conn:
        return conn.execute(_SHAPE).fetchall()


def _back_to_native(urls: DatabaseUrls) -> None:
    """As a database was before it had TimescaleDB."""
    with psycopg.connect(urls.owner) as conn:
        definitions = conn.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'reading'").fetchall()
        conn.execute("ALTER TABLE reading RENAME TO hyper")
        conn.execute("CREATE TABLE reading (LIKE hyper INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (time)")
        conn.execute("DROP TABLE hyper")
        for (definition,) in definitions:
            conn.execute(definition)
        conn.execute("CREATE TABLE reading_default PARTITION OF reading DEFAULT")


def test_a_new_database_keeps_its_readings_in_a_hypertable(urls: DatabaseUrls) -> None:
    """With the same indexes, policies and grants, under the Apache licence."""
    engine = create_engine(sqlalchemy_url(urls.owner))
    with engine.connect() as conn:
        assert timescale.is_hypertable(conn, "reading")
        assert timescale.licence(conn) == "apache"
        assert not timescale.enable_columnstore(conn, "reading", "device_id", "time DESC")
    engine.dispose()
    kinds = {(row[0], row[1]) for row in _shape(urls)}
    assert {("policy", "api_scope"), ("policy", "all_rows"), ("index", "ix_reading_received_at")} <= kinds
    assert ("grant", "carebed_engine") in kinds
    assert ("grant", "carebed_api") not in kinds


async def test_readings_of_native_partitions_are_moved_by_a_command(
    pipeline: Pipeline, urls: DatabaseUrls, owner: Database
) -> None:
    """With all that hangs on the table; afterwards everything goes on as before."""
    before = _shape(urls)
    _back_to_native(urls)
    with psycopg.connect(urls.owner) as conn:
        conn.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON reading TO carebed_engine")
        conn.execute("GRANT SELECT ON reading TO carebed_reader")
        for line in before:
            if line[0] == "policy":
                conn.execute("ALTER TABLE reading ENABLE ROW LEVEL SECURITY")
        conn.execute("CREATE POLICY all_rows ON reading TO carebed_engine USING (true)")
        conn.execute("COMMENT ON TABLE reading IS 'readings and health messages of devices'")
    native = _shape(urls)
    await pipeline.simple_home()
    first = pipeline.incoming(message("motion"), device="gw-1-motion", lane="reading")
    await pipeline.reading(first)
    await make_partitions(owner, Settings())
    await pipeline.tell("motion")
    assert move_to_hypertable(urls.owner) == 2
    assert _shape(urls) == native
    await pipeline.reading(first)
    await pipeline.tell("motion")
    assert await pipeline.count("reading") == 3
    assert move_to_hypertable(urls.owner) == 0


async def test_chunks_lie_ahead_and_a_batch_that_stays_open_keeps_nobody_waiting(
    pipeline: Pipeline, owner: Database
) -> None:
    """Two open batches, each with the first reading of a day."""
    assert await make_partitions(owner, Settings()) > 40
    assert await make_partitions(owner, Settings()) == 0
    now = datetime.now(UTC)
    statement = "INSERT INTO reading VALUES ('{}', 'd', 'm', 'motion', 1, null, null, null, now())"
    async with pipeline.database.transaction() as one, pipeline.database.transaction() as other:
        await one.exec_driver_sql(statement.format(now.isoformat()))
        await other.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        await other.exec_driver_sql(statement.format((now - timedelta(days=3)).isoformat()))
        await other.exec_driver_sql(statement.format((now + timedelta(days=14)).isoformat()))


async def test_the_api_reaches_no_chunk(pipeline: Pipeline, urls: DatabaseUrls, owner: Database) -> None:
    """Row-level security does not reach chunks: there must be no grant to inherit."""
    await pipeline.simple_home()
    await pipeline.tell("motion")
    chunk = (await pipeline.row("SELECT tableoid::regclass::text AS name FROM reading")).name
    with psycopg.connect(urls.api, autocommit=True) as conn:
        for table in ("reading", chunk):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT count(*) FROM {table}".encode())
    await rollup.catch_up(owner)
    await drop_old(owner, Settings())
    assert await pipeline.count("reading") == 1
