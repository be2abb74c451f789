"""The schema: from empty to today, the same as the tables in the code, one migration at a time."""

import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.types.json import Jsonb
from sqlalchemy import CheckConstraint, Connection, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

from carebed.database import sqlalchemy_url
from carebed.embedded.postgres import DatabaseUrls
from carebed.migrate import alembic_config, upgrade
from carebed.schema import load_schema
from ingest.detect.fall import FallParameters
from ingest.detect.inactivity import InactivityParameters
from tests.conftest import Server
from tests.house import wait_for


@pytest.fixture
def empty(postgres: Server) -> Iterator[DatabaseUrls]:
    """A database with nothing in it."""
    name = f"m{uuid.uuid4().hex}"
    with psycopg.connect(postgres.embedded.urls().admin, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}" OWNER carebed_owner'.encode())
    urls = postgres.embedded.urls(name)
    yield urls
    postgres.drop(urls)


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Read something."""
    with psycopg.connect(url) as conn:
        return conn.execute(statement.encode()).fetchall()


def test_an_empty_database_gets_everything_and_a_second_run_finds_nothing_to_do(empty: DatabaseUrls) -> None:
    upgrade(empty.owner)
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert rows(empty.owner, "SELECT version_num FROM alembic_version") == [(head,)]
    tables = {name for (name,) in rows(empty.owner, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert set(load_schema().tables) <= tables
    before = rows(empty.owner, "SELECT oid::int, relname FROM pg_class ORDER BY oid")
    upgrade(empty.owner)
    assert rows(empty.owner, "SELECT oid::int, relname FROM pg_class ORDER BY oid") == before


def test_the_migrated_schema_is_the_one_in_the_code(urls: DatabaseUrls) -> None:
    def ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:
        return not (kind == "table" and re.fullmatch(r"reading(_hour)?_(default|\d.*)", str(name)))

    engine = create_engine(sqlalchemy_url(urls.owner))
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": False, "include_object": ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, load_schema()) == []
    engine.dispose()


def test_alembic_check_agrees(urls: DatabaseUrls) -> None:
    engine = create_engine(sqlalchemy_url(urls.owner))
    with engine.begin() as connection:
        command.check(alembic_config(connection))
    engine.dispose()


def _checks(connection: Any) -> set[tuple[str, str]]:
    found = connection.execute(
        """SELECT conrelid::regclass::text, conname FROM pg_constraint
           WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conparentid = 0
             AND conrelid::regclass::text NOT LIKE 'reading%'"""
    )
    return {(str(table), str(name)) for table, name in found}


def test_every_check_in_the_code_is_in_the_database_and_the_other_way_round(urls: DatabaseUrls) -> None:
    """Alembic compares no CHECK constraints."""
    metadata = load_schema()
    wanted = {
        (table.name, str(constraint.name))
        for table in metadata.tables.values()
        for constraint in (*table.constraints, *(one for column in table.columns for one in column.constraints))
        if isinstance(constraint, CheckConstraint)
    }
    with psycopg.connect(urls.owner) as conn:
        # `%(constraint_name)s` of the naming convention is filled in when the table is compiled.
        assert {name.removeprefix(f"ck_{table}_") for table, name in _checks(conn)} == {
            name.removeprefix(f"ck_{table}_") for table, name in wanted
        }


def test_every_table_is_guarded_by_row_level_security(urls: DatabaseUrls) -> None:
    open_to_all = rows(
        urls.owner,
        """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
           AND NOT relrowsecurity AND NOT relispartition""",
    )
    assert {name for (name,) in open_to_all} == {"alembic_version", "clock_shift"}


def test_two_upgrades_at_once_wait_for_each_other(empty: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one waits longer than it may wait for a table's lock, and then finds nothing to do."""
    engine = create_engine(sqlalchemy_url(empty.owner))
    second = threading.Thread(target=upgrade, args=(empty.owner,))
    failed: list[BaseException] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: failed.append(hook.exc_value))
    with engine.begin() as first:
        command.upgrade(alembic_config(first), "head")
        second.start()

        def waits() -> bool:
            found = rows(
                empty.owner,
                """SELECT extract(epoch FROM clock_timestamp() - query_start)::float8 FROM pg_stat_activity
                   WHERE wait_event = 'advisory' AND datname = current_database()""",
            )
            return bool(found) and found[0][0] > 5.5

        assert wait_for(waits, 15), failed
    second.join(30)
    engine.dispose()
    assert not second.is_alive()
    assert failed == []
    assert rows(empty.owner, "SELECT count(*) FROM alembic_version") == [(1,)]


def test_a_busy_table_is_waited_for_briefly_and_nothing_is_half_done(empty: DatabaseUrls) -> None:
    """A migration that queues for a lock keeps everybody behind it waiting; so it gives up within seconds."""

    def to(revision: str) -> None:
        engine = create_engine(sqlalchemy_url(empty.owner))
        try:
            with engine.begin() as connection:
                command.upgrade(alembic_config(connection), revision)
        finally:
            engine.dispose()

    to("0002")
    with psycopg.connect(empty.owner) as busy:
        busy.execute("SELECT count(*) FROM visit")
        with pytest.raises(OperationalError, match="lock timeout"):
            to("head")
    assert rows(empty.owner, "SELECT version_num FROM alembic_version") == [("0002",)]
    to("head")


def test_a_migration_that_fails_leaves_no_trace(empty: DatabaseUrls) -> None:
    with psycopg.connect(empty.owner, autocommit=True) as conn:
        conn.execute("CREATE TABLE visit (mine int)")
    with pytest.raises(DBAPIError, match="already exists"):
        upgrade(empty.owner)
    tables = rows(empty.owner, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert tables == [("visit",)]


def test_time_outs_hold_within_the_migration_only(empty: DatabaseUrls) -> None:
    engine = create_engine(sqlalchemy_url(empty.owner))
    with engine.connect() as connection:
        with connection.begin():
            assert _limits_during(connection) == {"lock_timeout": "5s", "statement_timeout": "10min"}
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "0"
    engine.dispose()


def _limits_during(connection: Connection) -> dict[str, str]:
    """Upgrade, and look at the limits before the commit."""
    command.upgrade(alembic_config(connection), "head")
    return {
        name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
        for name in ("lock_timeout", "statement_timeout")
    }


def test_a_homes_own_cancel_window_becomes_a_parameter_of_falls(empty: DatabaseUrls) -> None:
    """What the home had of its own is kept; those with the usual one have nothing of their own."""
    own, usual = uuid.uuid4(), uuid.uuid4()
    _with_homes(empty, "0013", "fall_cancel_s", {own: 45, usual: 20})
    upgrade(empty.owner)
    stored = rows(empty.owner, 'SELECT detector, home_id, "values" FROM detector_parameters')
    assert stored == [("fall", own, {"cancel_s": 45})]
    assert msgspec.convert(stored[0][2], FallParameters) == FallParameters(cancel_s=45)


def test_a_homes_own_inactivity_span_becomes_a_parameter(empty: DatabaseUrls) -> None:
    """It joins what the home has of its own; what was set over the API for the home itself holds."""
    own, usual, pets, both = (uuid.uuid4() for _ in range(4))
    _with_homes(empty, "0016", "inactivity_s", {own: 7200, usual: 43_200, pets: 3600, both: 3600})
    with psycopg.connect(empty.owner) as conn:
        for home, values in ((pets, {"pets": True}), (both, {"fixed_s": 1800})):
            conn.execute(
                'INSERT INTO detector_parameters (id, detector, home_id, "values")'
                " VALUES (gen_random_uuid(), 'inactivity', %s, %s)", [home, Jsonb(values)],
            )  # fmt: skip
        conn.execute(
            "INSERT INTO deadline (kind, subject, due_at) VALUES ('inactivity', %s, carebed_now() + interval '9 h')",
            [str(both)],
        )
    upgrade(empty.owner)
    stored = {home: msgspec.convert(values, InactivityParameters) for home, values in rows(
        empty.owner, "SELECT home_id, \"values\" FROM detector_parameters WHERE detector = 'inactivity'"
    )}  # fmt: skip
    assert stored == {
        own: InactivityParameters(fixed_s=7200),
        pets: InactivityParameters(fixed_s=3600, pets=True),
        both: InactivityParameters(fixed_s=1800),
    }
    assert rows(empty.owner, "SELECT due_at <= carebed_now() FROM deadline") == [(True,)]


def _with_homes(empty: DatabaseUrls, revision: str, column: str, homes: dict[uuid.UUID, int]) -> None:
    """The schema of that revision, and homes with these values in one of its columns."""
    engine = create_engine(sqlalchemy_url(empty.owner))
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), revision)
    engine.dispose()
    station = uuid.uuid4()
    with psycopg.connect(empty.owner) as conn:
        conn.execute("INSERT INTO area (code, name, level) VALUES ('350102001001', 'x', 'community')")
        conn.execute("INSERT INTO station (id, name, area_code) VALUES (%s, 'x', '350102001001')", [station])
        for home, value in homes.items():
            conn.execute(
                f"INSERT INTO home (id, name, area_code, station_id, {column})"
                " VALUES (%s, 'x', '350102001001', %s, %s)".encode(), [home, station, value],
            )  # fmt: skip
