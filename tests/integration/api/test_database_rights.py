"""What the API's database role can do when somebody gets past the API: see nothing without a scope, forge nothing."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from api_service import Service
from psycopg import errors

from carebed.embedded.postgres import DatabaseUrls


@pytest.fixture
def api_role(district: DatabaseUrls) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A connection as the API's role."""
    with psycopg.connect(district.api, autocommit=True) as conn:
        yield conn


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM staff",
        "SELECT * FROM staff",
        "SELECT secret_hash FROM gateway",
        "UPDATE alarm_event SET type = 'x'",
        "DELETE FROM alarm_event",
        "TRUNCATE alarm_event",
        "DELETE FROM alarm",
        "DELETE FROM response",
        "DELETE FROM visit",
        "UPDATE staff SET role = 'admin'",
        "UPDATE staff_session SET access_expires_at = 'infinity'",
        "INSERT INTO staff (login) VALUES ('x')",
        "UPDATE home SET area_code = '350102000000'",
        "UPDATE clock_shift SET shift = '1 day'",
        "SELECT * FROM inbox",
        "SELECT * FROM quarantine",
        "SELECT * FROM reading",
        "SELECT * FROM rollup_due",
        "SELECT * FROM detection",
        "SELECT * FROM learned",
        "SELECT * FROM wake",
        "INSERT INTO wake (lane, home_id, woken_at) SELECT 'alarm', id, now() FROM home",
        "UPDATE absence SET ends_at = now()",
        "DELETE FROM absence",
        "SELECT door_code FROM access_note",
        "SELECT webhook_url FROM robot_group",
        "SELECT secret FROM robot_group",
        "DELETE FROM robot_group RETURNING webhook_url",
        "DELETE FROM access_log",
        "DELETE FROM command",
        "INSERT INTO reading_hour (device_id, hour, type, readings, numbers) VALUES ('d', now(), 'motion', 1, 0)",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE alarm DISABLE ROW LEVEL SECURITY",
        "SET ROLE carebed_owner",
        "COPY alarm TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_role_is_refused(api_role: "psycopg.Connection[tuple[object, ...]]", statement: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
        api_role.execute(statement.encode())


async def test_without_a_scope_every_table_of_the_field_is_empty(service: Service) -> None:
    await service.raised()
    with psycopg.connect(service.urls.api, autocommit=True) as conn:
        for table in (
            "alarm", "alarm_event", "response", "notification", "deadline", "visit", "home", "resident", "bed",
            "device", "station", "rota", "staff_session", "idempotency", "reading_hour", "device_state", "home_state",
            "absence", "detector_parameters", "command", "access_log", "robot_group",
        ):  # fmt: skip
            assert conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table
        # An emptied setting is not everything: '' must not be a prefix of all.
        for scope in ("", "350102", "x"):
            conn.execute("SELECT set_config('carebed.scope', %s, false)", [scope])
            assert conn.execute("SELECT count(*) FROM alarm").fetchone() == (0,), scope


async def test_nobody_sets_a_detector_or_enters_an_absence_beyond_his_branch(service: Service) -> None:
    theirs = service.home("gw-other-0001")
    with psycopg.connect(service.urls.api, autocommit=True) as conn:
        conn.execute("SELECT set_config('carebed.scope', '/350102', false)")
        for column, value in (("home_id", theirs), ("area_code", "350103001000"), ("area_code", "350000000000")):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(
                    f'INSERT INTO detector_parameters (id, detector, {column}, "values")'
                    " VALUES (gen_random_uuid(), 'bed', %s, '{}')".encode(), [value],
                )  # fmt: skip
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute(
                "INSERT INTO absence (id, home_id, begins_at, ends_at, entered_by)"
                " SELECT gen_random_uuid(), %s, now(), now() + interval '1 day', id FROM staff LIMIT 1", [theirs],
            )  # fmt: skip
        conn.execute("SELECT wake_homes(%s, NULL, '350103001000')", [theirs])
    assert service.sql("SELECT count(*) FROM wake") == [(0,)]


async def test_the_scope_binds_what_is_written_too(service: Service) -> None:
    alarm = await service.raised("gw-other-0001", by="operator-other")
    with psycopg.connect(service.urls.api) as conn:
        conn.execute("SELECT set_config('carebed.scope', '/350102', true)")
        assert conn.execute("UPDATE alarm SET note = 'x' WHERE id = %s", [alarm]).rowcount == 0
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute(
                "INSERT INTO response (alarm_id, staff_id, state, step) SELECT %s, id, 'called', 1 FROM staff LIMIT 1",
                [alarm],
            )


def test_a_session_can_only_be_opened_for_oneself(api_role: "psycopg.Connection[tuple[object, ...]]") -> None:
    (me,) = api_role.execute("SELECT id FROM credential_of('operator')").fetchone() or (None,)
    (other,) = api_role.execute("SELECT id FROM credential_of('admin')").fetchone() or (None,)
    api_role.execute("SELECT set_config('carebed.staff', %s, false)", [str(me)])
    statement = (
        b"INSERT INTO staff_session (id, staff_id, access_hash, refresh_hash, access_expires_at, refresh_expires_at)"
        b" VALUES (%s, %s, %s, %s, now(), now())"
    )
    api_role.execute(statement, [uuid4(), me, b"a", b"b"])
    with pytest.raises(errors.InsufficientPrivilege):
        api_role.execute(statement, [uuid4(), other, b"c", b"d"])
