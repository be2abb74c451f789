"""Mosquitto as a child process with a generated configuration; passwords from our own users and the gateway table."""

import asyncio
import re
import signal
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg

from carebed.embedded import leftover, ports
from carebed.embedded.broker_config import access_list, configuration
from carebed.embedded.broker_users import own_passwords, password_hash, password_lines, refused
from carebed.embedded.child import Child
from carebed.embedded.datadir import write_atomically
from carebed.embedded.quarters import Quarters, find_program
from carebed.errors import StartError
from carebed.logs import get_logger

log = get_logger()

# The first with a fair use_username_as_clientid and the limits used here; what Debian bookworm has.
_OLDEST = (2, 0, 11)
_START_PATIENCE_S = 20.0  # It reads its saved state before it listens.
_POLL_S = 10.0

#: (gateway id, password hash)
Gateways = Iterable[tuple[str, str]]


class EmbeddedBroker:
    """A Mosquitto of our own in `data_dir`/broker; passwords of our users in `users_file`."""

    def __init__(self, data_dir: Path, port: int, *, log_file: Path | None = None) -> None:
        """Raises `StartError` without a Mosquitto that will do, or without an account to run as."""
        self.port = port
        self.child: Child | None = None
        self._quarters = Quarters.of(data_dir)
        self._program = mosquitto(self._quarters)
        self._directory = self._quarters.data_dir / "broker"
        self._log_file = log_file or self._quarters.data_dir / "broker.log"
        self.users_file = self._quarters.data_dir / "secrets" / "mqtt-users.json"
        self.users_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        #: Our own users and their passwords.
        self.users = own_passwords(self.users_file)
        self._own_hashes = {user: password_hash(password) for user, password in self.users.items()}
        self._passwords = ""
        self._refused: dict[str, str] = {}
        self.set_gateways(())

    @property
    def pid(self) -> int:
        """PID of Mosquitto itself."""
        if self.child is None:
            raise StartError("The broker has not been started.")
        return self.child.pid

    async def start(self) -> Child:
        """Start it and return when it takes connections. Raises `StartError` with what to do."""
        await self.stop()
        await leftover.clear(self._directory, "mosquitto", signal.SIGTERM)
        ports.require_free(self.port, "the MQTT broker", "--mqtt-port")
        self._write_files()
        argv = (self._program, "-c", "mosquitto.conf")
        command = self._quarters.command(argv, self._directory, signal.SIGTERM)
        self.child = Child("broker", command, self._log_file, {"PATH": "/usr/bin:/bin", "TZ": "UTC"})
        if not await self._listens(self.child):
            await self.stop()
            raise StartError(f"The MQTT broker does not start; the end of {self._log_file}:\n{self.child.log_tail()}")
        return self.child

    async def stop(self, grace_s: float = 3.0) -> None:
        """End it in order: it saves its state."""
        if self.child is not None and self.child.returncode is None:
            await self.child.stop(signal.SIGTERM, grace_s)

    def save(self) -> None:
        """Have it write its sessions and messages to disk now."""
        if self.child is not None:
            self.child.send(signal.SIGUSR1)

    def set_gateways(self, gateways: Gateways) -> None:
        """Let exactly these gateways in. A running broker disconnects at once those that are gone or re-passworded."""
        listed = list(gateways)
        refusals = {gateway: reason for gateway, hashed in listed if (reason := refused(gateway, hashed))}
        for gateway in refusals.keys() - self._refused.keys():
            log.warning("gateway_without_login", gateway=gateway, reason=refusals[gateway])
        self._refused = refusals
        text = password_lines(self._own_hashes, listed)
        if text == self._passwords:
            return
        if self.child is not None and self.child.returncode is None:
            self._write("passwords", text)
            self.child.send(signal.SIGHUP)
        self._passwords = text

    def _write_files(self) -> None:
        self._quarters.directory(self._directory)
        self._write("passwords", self._passwords)
        self._write("acl", access_list())
        listener = f"{self.port} 127.0.0.1"
        self._write("mosquitto.conf", configuration(listener=listener, files="./", store="./", log="stderr"))

    def _write(self, name: str, text: str) -> None:
        account = self._quarters.account
        write_atomically(self._directory / name, text, owner=(account.uid, account.gid) if account else None)

    async def _listens(self, child: Child) -> bool:
        for _ in range(int(_START_PATIENCE_S / 0.02)):
            if child.returncode is not None:
                return False
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return True
        return False


def mosquitto(quarters: Quarters) -> Path:
    """The Mosquitto of this machine. Raises `StartError` that says what to install."""
    program = find_program("mosquitto")
    if program is None:
        raise StartError("Mosquitto, the MQTT broker, is missing: run `make setup`, or `apt-get install mosquitto`.")
    answer = subprocess.run(  # noqa: S603 - the broker that this machine has
        [program, "-h"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", answer.stdout + answer.stderr)
    if found is None or tuple(map(int, found.groups())) < _OLDEST:
        version = ".".join(found.groups()) if found else "unknown"
        raise StartError(
            f"{program} is version {version}, and Carebed needs Mosquitto {'.'.join(map(str, _OLDEST))} or later: "
            "install a newer one."
        )
    if not quarters.runs(program):
        raise StartError(f"The service's account cannot run {program}: install it where everybody can.")
    return program


async def read_gateways(url: str) -> list[tuple[str, str]]:
    """The gateways that may log in and their password hashes."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as conn:
        return await _may_log_in(conn)


async def follow_gateways(url: str, apply: Callable[[Gateways], None]) -> None:
    """Hand `apply` the gateways that may log in, now and after every change, until cancelled.

    Woken by NOTIFY `carebed_registry`; a look every 10 s covers a lost line or a change made by hand. `url`: the
    reader's. While the database is away, or the disk full, the broker keeps the passwords it has.
    """
    there = True
    while True:
        seen: object = None
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as conn:
                await conn.execute("LISTEN carebed_registry")
                there = True
                while True:
                    seen = await _apply_if_changed(conn, seen, apply)
                    async for _ in conn.notifies(timeout=_POLL_S, stop_after=1):
                        pass
        except (psycopg.Error, OSError):
            if there:
                log.warning("gateway_list_not_followed")
            there = False
            await asyncio.sleep(1)


async def _apply_if_changed(
    conn: psycopg.AsyncConnection[tuple[object, ...]], seen: object, apply: Callable[[Gateways], None]
) -> object:
    """Read a checksum of who may log in (cheap at 100,000 gateways), and all of them only when it changed."""
    now = await (await conn.execute(_CHECKSUM)).fetchone()
    if now != seen:
        apply(await _may_log_in(conn))
    return now


async def _may_log_in(conn: psycopg.AsyncConnection[tuple[object, ...]]) -> list[tuple[str, str]]:
    rows = await (await conn.execute(_MAY_LOG_IN)).fetchall()
    return [(str(gateway), str(hashed)) for gateway, hashed in rows]


_CHECKSUM = """
    SELECT count(*), sum(hashtextextended(id || ' ' || secret_hash, 0))
    FROM gateway WHERE revoked_at IS NULL AND secret_hash IS NOT NULL"""

_MAY_LOG_IN = "SELECT id, secret_hash FROM gateway WHERE revoked_at IS NULL AND secret_hash IS NOT NULL ORDER BY id"
