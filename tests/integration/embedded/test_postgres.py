"""The database as a service: made once, rights by role, nothing lost by a crash, a clear word when it cannot start."""

import asyncio
import os
import re
import signal
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from carebed.embedded.datadir import read_json
from carebed.embedded.ports import free_port
from carebed.embedded.postgres import EmbeddedPostgres
from carebed.errors import StartError


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A running database, with the durability of the real one."""
    database = EmbeddedPostgres(tmp_path, free_port())
    await database.start()
    yield database
    await database.stop()


async def _one(url: str, statement: str) -> object:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        row = await (await conn.execute(statement.encode())).fetchone()
    return None if row is None else row[0]


async def _do(url: str, *statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        for statement in statements:
            await conn.execute(statement.encode())


async def test_each_role_may_do_its_part_and_no_more(database: EmbeddedPostgres) -> None:
    urls = database.urls()
    await _do(
        urls.owner,
        "CREATE TABLE thing (id int)",
        "INSERT INTO thing VALUES (1), (2)",
        "ALTER TABLE thing ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE shut (id int)",
        "GRANT SELECT ON thing TO carebed_api, carebed_engine, carebed_reader",
    )
    counted = {
        role: await _one(url, "SELECT count(*) FROM thing")
        for role, url in {"reader": urls.reader, "engine": urls.engine, "api": urls.api}.items()
    }
    assert counted == {"reader": 2, "engine": 2, "api": 0}
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await _do(urls.reader, "DELETE FROM thing")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await _one(urls.reader, "SELECT count(*) FROM shut")
    for url in (urls.owner, urls.engine, urls.api, urls.reader):
        assert await _one(url, "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user") is False


async def test_a_wrong_password_is_refused_also_on_this_machine(database: EmbeddedPostgres) -> None:
    wrong = re.sub(r":[^:@]+@", ":guess@", database.urls().admin)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await _one(wrong, "SELECT 1")


async def test_durability_is_on_and_only_loopback_listens(database: EmbeddedPostgres) -> None:
    admin = database.urls().admin
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await _one(admin, f"SHOW {setting}") == "on"
    assert await _one(admin, "SHOW listen_addresses") == "127.0.0.1"
    assert await _one(admin, "SHOW server_version_num") >= "180000"


async def test_kill_9_loses_nothing_that_was_committed(database: EmbeddedPostgres) -> None:
    owner = database.urls().owner
    await _do(owner, "CREATE TABLE kept (id int)", "INSERT INTO kept SELECT generate_series(1, 1000)")
    unfinished = await psycopg.AsyncConnection.connect(owner)
    await unfinished.execute("INSERT INTO kept VALUES (0)")
    os.kill(database.pid, signal.SIGKILL)
    await database.start()
    await unfinished.close()
    assert await _one(owner, "SELECT count(*) FROM kept") == 1000


async def test_a_second_start_finds_everything_again(database: EmbeddedPostgres, tmp_path: Path) -> None:
    await _do(database.urls().owner, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
    await database.stop()
    again = EmbeddedPostgres(tmp_path, free_port())
    await again.start()
    try:
        assert await _one(again.urls().owner, "SELECT id FROM kept") == 7
    finally:
        await again.stop()


async def test_a_server_left_over_from_a_killed_run_is_waited_for(database: EmbeddedPostgres, tmp_path: Path) -> None:
    client = await psycopg.AsyncConnection.connect(database.urls().owner, autocommit=True)
    await client.execute("CREATE TABLE kept (id int)")
    # The slow way to stop: it waits for the client to go, and so does the new one for it.
    os.kill(database.pid, signal.SIGTERM)
    again = EmbeddedPostgres(tmp_path, free_port())
    starting = asyncio.create_task(again.start())
    await asyncio.wait({starting}, timeout=0.3)
    assert not starting.done()
    await client.close()
    await starting
    try:
        assert again.pid != database.pid
        assert await _one(again.urls().owner, "SELECT count(*) FROM kept") == 0
    finally:
        await again.stop()


async def test_a_pid_file_of_somebody_elses_process_does_not_keep_it_down(
    database: EmbeddedPostgres, tmp_path: Path
) -> None:
    os.kill(database.pid, signal.SIGKILL)
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    _set_first_line(pid_file, str(os.getppid()))
    await database.start()
    assert await _one(database.urls().reader, "SELECT 1") == 1


def _set_first_line(path: Path, line: str) -> None:
    path.write_text("\n".join([line, *path.read_text().splitlines()[1:]]) + "\n")


async def test_passwords_are_for_us_alone_and_never_on_a_command_line(
    database: EmbeddedPostgres, tmp_path: Path
) -> None:
    _check_secrets(tmp_path, Path(f"/proc/{database.pid}/cmdline"))


def _check_secrets(data_dir: Path, command_line: Path) -> None:
    secrets = data_dir / "secrets" / "database.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert not (data_dir / ".initdb-password").exists()
    shown = command_line.read_text()
    assert not [role for role, password in read_json(secrets).items() if password in shown]


async def test_a_busy_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartError, match=rf"Port {port} for the database is busy"):
            await EmbeddedPostgres(tmp_path, port).start()


async def test_lost_passwords_are_said_in_a_sentence(database: EmbeddedPostgres, tmp_path: Path) -> None:
    await database.stop()
    (tmp_path / "secrets" / "database.json").unlink()
    with pytest.raises(StartError, match=r"database\.json is gone.*restore the file, or choose a new --data-dir"):
        await EmbeddedPostgres(tmp_path, free_port()).start()


async def test_another_major_version_is_said_in_a_sentence(database: EmbeddedPostgres, tmp_path: Path) -> None:
    await database.stop()
    _set_first_line(tmp_path / "postgres" / "PG_VERSION", "15")
    with pytest.raises(StartError, match="is of PostgreSQL 15, and this is 18"):
        await database.start()


async def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"The database does not start(.|\n)*nonsense"):
        await EmbeddedPostgres(tmp_path, free_port(), settings={"nonsense": "1"}).start()
