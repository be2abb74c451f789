"""`carebed up` as a stranger meets it: one command, one ready file, and a house that stays up."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from carebed.embedded.ports import free_port

_PROCESSES = {"ingest-alarm", "ingest-reading", "alerts", "api", "scheduler", "broker", "database"}


class Up:
    """A running `carebed up --demo --no-sim` on free ports."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        """Start it; `ready()` waits for it."""
        self.data_dir = data_dir
        self.ready_file = data_dir.with_suffix(".ready.json")
        self.ready_file.unlink(missing_ok=True)  # A killed one cannot take its file away.
        self.output = data_dir.with_suffix(".out")
        command = [
            sys.executable, "-m", "carebed", "up", "--demo", "--no-sim", "--homes", "3", "--data-dir", str(data_dir),
            "--http-port", str(free_port()), "--mqtt-port", str(free_port()), "--ready-file", str(self.ready_file),
            *options,
        ]  # fmt: skip
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment()
            )

    def ready(self) -> dict[str, Any]:
        """The ready file, as soon as it is there."""

        def there() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            return self.ready_file.exists()

        _until(there, 90)
        content: dict[str, Any] = json.loads(self.ready_file.read_text())
        return content

    def pids(self) -> dict[str, int]:
        """Process -> PID, now."""
        return {name: pids[0] for name, pids in self.ready()["processes"].items()}

    def stop(self) -> float:
        """SIGTERM; returns how many seconds the end took."""
        began = time.monotonic()
        self.process.terminate()
        assert self.process.wait(30) == 0, self.output.read_text()
        return time.monotonic() - began


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CAREBED_")}


def _until(condition: Callable[[], bool], limit_s: float = 20) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _all_gone(pids: dict[str, int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids.values())


@contextmanager
def _running(data_dir: Path) -> Iterator[Up]:
    up = Up(data_dir)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.kill()
        up.process.wait()


def _count(url: str, table: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_the_ready_file_lets_a_stranger_in_and_the_end_is_orderly(tmp_path: Path) -> None:
    with _running(tmp_path / "data") as up:
        ready = up.ready()
        assert stat.S_IMODE(up.ready_file.stat().st_mode) == 0o600
        assert set(ready["processes"]) == _PROCESSES
        assert {name: len(pids) for name, pids in ready["processes"].items()} == dict.fromkeys(_PROCESSES, 1)
        assert {user["role"] for user in ready["users"]} >= {"operator", "caregiver", "manager", "supervisor", "admin"}
        assert len(ready["gateways"]) == 3
        for gateway in ready["gateways"]:
            assert set(gateway) == {"id", "shard", "password", "home", "devices"}
            assert {"id", "kind"} == set(gateway["devices"][0])
        assert _count(ready["database_url"], "gateway") >= 3
        assert str(ready["mqtt"]["port"]) in " ".join(up.process.args)
        names = {name: Path(f"/proc/{pid}/comm").read_text().strip() for name, pid in up.pids().items()}
        assert names["broker"] == "mosquitto"
        assert names["database"] == "postgres"
        pids = up.pids()
        assert up.stop() < 10
        assert _all_gone(pids)
        assert not up.ready_file.exists()

        # A second start on the same directory: the same people, gateways and passwords.
        again = Up(tmp_path / "data")
        try:
            second = again.ready()
            assert second["users"] == ready["users"]
            assert second["gateways"] == ready["gateways"]
        finally:
            again.stop()


def test_whoever_is_killed_comes_back_and_the_ready_file_says_so(tmp_path: Path) -> None:
    with _running(tmp_path / "data") as up:
        for name in ("database", "broker", "alerts", "api", "ingest-alarm", "scheduler", "ingest-reading"):
            before = up.pids()
            os.kill(before[name], signal.SIGKILL)

            def renewed(name: str = name, before: dict[str, int] = before) -> bool:
                return up.pids().get(name) not in (None, before[name])

            _until(renewed)
            # Nobody else went down with it: each is told to bear it.
            after = up.pids()
            assert {other: pid for other, pid in after.items() if other != name} == {
                other: pid for other, pid in before.items() if other != name
            }
        assert _count(up.ready()["database_url"], "gateway") >= 3
        up.stop()


def test_kill_9_leaves_nobody_behind_and_the_next_start_works(tmp_path: Path) -> None:
    with _running(tmp_path / "data") as up:
        pids = up.pids()
        up.process.kill()
        up.process.wait()
        _until(lambda: _all_gone(pids), 10)
    with _running(tmp_path / "data") as again:
        again.ready()
        assert not _all_gone(again.pids())
        again.stop()


def _refusal(tmp_path: Path, *options: str, **environment: str) -> str:
    """What `carebed up` says when it refuses to start, with exit code 2 and no traceback."""
    defaults = {"--data-dir": str(tmp_path / "data"), "--http-port": str(free_port()), "--mqtt-port": str(free_port())}
    chosen = {**defaults, **dict(zip(options[::2], options[1::2], strict=True))}
    done = subprocess.run(
        [sys.executable, "-m", "carebed", "up", *(part for pair in chosen.items() for part in pair)],
        capture_output=True, text=True, check=False, timeout=60, env={**_environment(), **environment},
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("option", ["--http-port", "--mqtt-port"])
def test_a_busy_port_is_named_with_its_option(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert f"Port {port} for" in (said := _refusal(tmp_path, option, port))
        assert option in said
    assert not (tmp_path / "data").exists()


def test_a_foreign_directory_an_unwritable_one_and_a_ready_file_nowhere(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    assert "are not Carebed's" in _refusal(tmp_path, "--data-dir", str(tmp_path / "photos"))
    assert "Cannot write to the data directory" in _refusal(tmp_path, "--data-dir", "/proc/carebed")
    assert "Cannot write /no/such/ready" in _refusal(tmp_path, "--ready-file", "/no/such/ready")


def test_a_second_one_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    from carebed.embedded.datadir import DataDirectory

    data = DataDirectory(tmp_path / "data")
    assert "is in use by another `carebed up`" in _refusal(tmp_path)
    data.close()
