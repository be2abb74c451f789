"""PostgreSQL 18 as a child process: made, started, crashed and started again in one directory of the data directory."""

import asyncio
import contextlib
import json
import secrets
import shutil
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from carebed.embedded import leftover, ports
from carebed.embedded.child import Child, log_tail, run_to_end
from carebed.embedded.datadir import read_json, write_atomically
from carebed.embedded.postgres_programs import MAJOR, programs
from carebed.embedded.quarters import Quarters
from carebed.errors import StartError

DATABASE = "carebed"
URLS_FILE = "database-urls.json"
_SUPERUSER = "postgres"
_START_PATIENCE_S = 60.0  # Crash recovery after a power cut replays up to max_wal_size.
_ENVIRONMENT = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}

#: Two cores and a machine shared with everything else. fsync, full_page_writes and synchronous_commit keep their
#: default (on): a receipt promises durability.
_SETTINGS: dict[str, str] = {
    "listen_addresses": "127.0.0.1",
    # TCP only: nothing of ours uses a socket file, and a path over 107 bytes would keep the server from starting.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    # No personal data in the log: neither the statement that failed nor DETAIL and CONTEXT, which quote rows.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

#: For the throw-away database of a test: may lose rows in a power cut, but still not by a kill -9.
FAST_AND_LOOSE: dict[str, str] = {"fsync": "off", "full_page_writes": "off"}

# Role -> its attributes. Row-level security binds the API's role alone; the owner bypasses it as owner of the tables.
_ROLES: dict[str, LiteralString] = {
    "carebed_owner": "LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB",
    "carebed_engine": "LOGIN NOSUPERUSER BYPASSRLS",
    "carebed_api": "LOGIN NOSUPERUSER NOBYPASSRLS",
    "carebed_reader": "LOGIN NOSUPERUSER BYPASSRLS",
}


@dataclass(frozen=True)
class DatabaseUrls:
    """One database as each role reaches it: `postgresql://role:password@127.0.0.1:port/name`."""

    admin: str
    owner: str
    engine: str
    api: str
    reader: str


def running_urls(data_dir: Path) -> DatabaseUrls:
    """The addresses of the database that `carebed up` runs on `data_dir`, for a command at its side."""
    try:
        return DatabaseUrls(**json.loads((data_dir / "secrets" / URLS_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StartError(f"No `carebed up` runs on {data_dir.resolve()}: start it, or name its --data-dir.") from None
    except PermissionError:
        raise StartError(f"{data_dir.resolve()} belongs to another account: run this as that one.") from None


class EmbeddedPostgres:
    """A PostgreSQL server of our own in `data_dir`/postgres; its passwords in `data_dir`/secrets/database.json.

    `start()` and `stop()` may be called from any event loop; the process belongs to the thread that started it.
    """

    major = MAJOR

    def __init__(
        self, data_dir: Path, port: int, *, log: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """`settings` overrides server parameters. Raises `StartError` without an account to run as."""
        self.port = port
        self.child: Child | None = None
        self._quarters = Quarters.of(data_dir)
        self._directory = self._quarters.data_dir / "postgres"
        self._log = log or self._quarters.data_dir / "database.log"
        self._settings = {**_SETTINGS, **(settings or {}), "port": str(port)}
        self._secrets = self._quarters.data_dir / "secrets" / "database.json"
        self._passwords: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """PID of the postmaster."""
        if self.child is None:
            raise StartError("The database has not been started.")
        return self.child.pid

    def urls(self, database: str = DATABASE) -> DatabaseUrls:
        """The addresses of `database` on this server."""

        def url(role: str) -> str:
            return f"postgresql://{role}:{self._passwords[role]}@127.0.0.1:{self.port}/{database}"

        return DatabaseUrls(url(_SUPERUSER), *(url(role) for role in _ROLES))

    async def start(self) -> Child:
        """Start it, made and repaired as needed, and return when it answers. Raises `StartError` with what to do."""
        await self.stop()
        await leftover.clear(self._directory, "postgres", signal.SIGINT)
        ports.require_free(self.port, "the database", "port")
        binaries = self._programs()
        self._read_passwords()
        if not self._directory.exists():
            await self._make(binaries)
        self._prepare()
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        argv: tuple[str | Path, ...] = (
            self._quarters.seen(binaries / "postgres"),
            "-D",
            self._quarters.seen(self._directory),
            *options,
        )
        # SIGINT is PostgreSQL's fast shutdown: sessions end, everything is written.
        command = self._quarters.command(argv, self._directory, signal.SIGINT)
        self.child = Child("database", command, self._log, _ENVIRONMENT)
        try:
            await self._answers(self.child)
            await self._make_roles()
            write_atomically(self._secrets.with_name(URLS_FILE), json.dumps(asdict(self.urls()), indent=2))
        except BaseException:  # an interrupt too: no server is left behind
            await self.stop()
            raise
        return self.child

    async def stop(self, grace_s: float = 5.0) -> None:
        """Shut it down in order; kill what is left after `grace_s`."""
        if self.child is not None and self.child.returncode is None:
            await self.child.stop(signal.SIGINT, grace_s)

    def _programs(self) -> Path:
        """The directory with the programs of version `major`."""
        return programs(self._quarters)

    def _read_passwords(self) -> None:
        self._secrets.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._passwords = {str(role): str(password) for role, password in read_json(self._secrets).items()}
        if not self._passwords and self._directory.exists():
            raise StartError(
                f"{self._secrets} is gone, and with it the passwords of the database beside it: "
                "restore the file, or choose a new --data-dir."
            )
        missing = [role for role in (_SUPERUSER, *_ROLES) if role not in self._passwords]
        if missing:
            self._passwords |= {role: secrets.token_urlsafe(24) for role in missing}
            write_atomically(self._secrets, json.dumps(self._passwords, indent=2))

    async def _make(self, binaries: Path) -> None:
        """Run initdb into a directory of another name, so that one cut short is never taken for a database."""
        unfinished = self._directory.with_name("postgres.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._quarters.directory(unfinished)
        password_file = self._quarters.data_dir / ".initdb-password"
        account = self._quarters.account
        write_atomically(
            password_file, self._passwords[_SUPERUSER], owner=(account.uid, account.gid) if account else None
        )
        argv: tuple[str | Path, ...] = (
            self._quarters.seen(binaries / "initdb"), "-D", self._quarters.seen(unfinished), "-U", _SUPERUSER,
            "--auth=scram-sha-256", f"--pwfile={self._quarters.seen(password_file)}",
            # PostgreSQL's own order of texts, by their bytes: quick, and the same whatever C library comes next.
            "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
        )  # fmt: skip
        command = self._quarters.command(argv, unfinished, signal.SIGKILL)
        try:
            code = await run_to_end("initdb", command, self._log, _ENVIRONMENT)
        finally:
            password_file.unlink()
        if code != 0:
            raise StartError(f"The database could not be made in {self._directory} (initdb):\n{log_tail(self._log)}")
        unfinished.rename(self._directory)

    def _prepare(self) -> None:
        """Check the version, hand the files to the account, drop the PID file of a server that is known to be gone."""
        version = (self._directory / "PG_VERSION").read_text(encoding="utf-8").strip()
        if version != str(self.major):
            raise StartError(
                f"{self._directory} is of PostgreSQL {version}, and this is {self.major}: move it over with "
                "pg_upgrade, or choose a new --data-dir."
            )
        self._quarters.hand_over(self._directory)
        # Its PID may belong to somebody else by now, and the server would then refuse to start.
        (self._directory / "postmaster.pid").unlink(missing_ok=True)

    async def _answers(self, child: Child) -> None:
        """Return when the server takes connections."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_PATIENCE_S):
                while child.returncode is None:
                    with contextlib.suppress(psycopg.OperationalError):
                        await (await self._connect("postgres")).close()
                        return
                    await asyncio.sleep(0.03)
        raise StartError(f"The database does not start; the end of {self._log}:\n{log_tail(self._log)}")

    async def _connect(self, database: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(self.urls(database).admin, autocommit=True, connect_timeout=5)

    async def _make_roles(self) -> None:
        """Create what is missing of roles and database; a start cut short is finished by the next one."""
        async with await self._connect("postgres") as conn:
            there = {row[0] for row in await (await conn.execute("SELECT rolname FROM pg_roles")).fetchall()}
            for role, attributes in _ROLES.items():
                if role not in there:
                    statement = sql.SQL("CREATE ROLE {} " + attributes + " PASSWORD {}")
                    await conn.execute(statement.format(sql.Identifier(role), sql.Literal(self._passwords[role])))
            # Releases before had it read everything; what it reads is granted by the migrations, column by column.
            await conn.execute("REVOKE pg_read_all_data FROM carebed_reader")
            await conn.execute("ALTER ROLE carebed_reader SET default_transaction_read_only = on")
            found = await conn.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
            if found.rowcount == 0:
                await conn.execute(sql.SQL("CREATE DATABASE {} OWNER carebed_owner").format(sql.Identifier(DATABASE)))
