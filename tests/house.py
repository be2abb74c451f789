"""The whole house for stories: `carebed up --demo --no-sim` as a child, and a way to wait for what must happen."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from carebed.embedded import ports


class House:
    """A running `carebed up`, found by its ready file."""

    def __init__(self, data_dir: Path, homes: int, environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.ready_file = data_dir.parent / f"{data_dir.name}-ready.json"
        self._homes = homes
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.http_port, self.mqtt_port = ports.free_port(), ports.free_port()

    def start(self) -> "House":
        """Start it and wait for the ready file."""
        command = [
            sys.executable, "-m", "carebed", "up", "--demo", "--no-sim", "--homes", str(self._homes),
            "--data-dir", str(self.data_dir), "--http-port", str(self.http_port), "--mqtt-port", str(self.mqtt_port),
            "--ready-file", str(self.ready_file),
        ]  # fmt: skip
        log = (self.data_dir.parent / f"{self.data_dir.name}-up.log").open("ab")
        self._process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **self._environment}
        )
        log.close()
        wait_for(lambda: self.ready_file.exists() or self._process is None or self._process.poll() is not None, 90)
        if not self.ready_file.exists():
            self.stop()  # it may still be starting, and nobody else would end it
            pytest.fail(f"carebed up did not become ready:\n{Path(log.name).read_text()[-4000:]}")
        return self

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=20)
            self._process = None

    @property
    def ready(self) -> dict[str, Any]:
        """The ready file as it is now (PIDs change when processes are started again)."""
        content: dict[str, Any] = json.loads(self.ready_file.read_text())
        return content

    @property
    def http(self) -> str:
        """The API's address."""
        return str(self.ready["http"])

    def user(self, role: str, number: int = 0) -> dict[str, Any]:
        """A demo login of that role."""
        return [user for user in self.ready["users"] if user["role"] == role][number]

    def pid(self, process: str) -> int:
        """The process's PID now."""
        return int(self.ready["processes"][process][0])

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database under the role that sees every row."""
        with psycopg.connect(self.ready["database_url"]) as conn:
            return conn.execute(statement, values).fetchall()

    def advance_clock(self, seconds: float) -> None:
        """`carebed clock advance`."""
        subprocess.run(
            [sys.executable, "-m", "carebed", "clock", "advance", str(seconds), "--data-dir", str(self.data_dir)],
            check=True, capture_output=True,
        )  # fmt: skip


def wait_for(condition: Any, timeout_s: float, every_s: float = 0.05) -> Any:
    """Poll until `condition()` is true and return its value; the last value after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(every_s)
