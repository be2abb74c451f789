"""A running process of ours: awaited without a thread, stopped with a limit, its output in a log file."""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, Signals

_LOGS_KEPT = 3


class Child:
    """A started program. Start it from the main thread: the kernel ties its life to the thread that started it."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start `command`. Its own session keeps a Ctrl-C at the terminal from reaching it before its turn."""
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The program's own PID: the launcher execs, nothing stands between."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for the end and return the exit code."""
        if self._process.poll() is None:
            await ended(self.pid)
        return self._process.wait()

    def send(self, number: Signals) -> None:
        """Send a signal, if it still runs."""
        self._process.send_signal(number)

    async def stop(self, number: Signals, grace_s: float) -> bool:
        """Ask it to end with `number`, kill it after `grace_s`; True when it ended by itself."""
        self.send(number)
        try:
            async with asyncio.timeout(grace_s):
                await self.wait()
        except TimeoutError:
            self.send(SIGKILL)
            await self.wait()
            return False
        return True

    def log_tail(self, lines: int = 15) -> str:
        """The end of its log, for a person who has to find out why it does not run."""
        return log_tail(self.log, lines)


async def ended(pid: int) -> None:
    """Return when the process has ended (it may still wait to be reaped)."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def run_to_end(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> int:
    """Run a program that ends by itself and return its exit code."""
    child = Child(name, command, log, environment)
    try:
        return await child.wait()
    finally:
        if child.returncode is None:
            await child.stop(SIGKILL, grace_s=1)


def log_tail(log: Path, lines: int = 15) -> str:
    """The last `lines` of a log file; empty where there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 200 * lines))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def rotate(log: Path) -> None:
    """Begin a new log file and keep the last few: `name.log.1` is the newest of them."""
    for number in range(_LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
