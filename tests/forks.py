"""Our processes by fork from one that has everything imported: a start then costs hundredths of a second instead of one
or two, and a thousand faults meet processes that are there. Each is what `carebed ...` is, from its command line on.

As a program it reads one JSON line for each process, {"arguments": .., "environment": .., "log": ..}, and answers with
its PID; they die with it, and it ends when its standard input does.
"""

import asyncio
import ctypes
import importlib
import json
import os
import random
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from carebed.cli import main as carebed
from carebed.embedded.child import Child

_PR_SET_PDEATHSIG = 1
_IMPORTED = ("ingest.main", "alerts.main", "api.main", "carebed.scheduler", "uvloop", "uvicorn.protocols.http.auto")


class Forked(Child):
    """A process that another one started for us; nobody learns its exit code."""

    def __init__(self, name: str, pid: int, log: Path) -> None:
        self.name, self.log = name, log
        self._pid = pid
        self._descriptor: int | None = None
        with suppress(ProcessLookupError):  # it has ended already
            self._descriptor = os.pidfd_open(pid)

    @property
    def pid(self) -> int:
        """Its PID."""
        return self._pid

    @property
    def returncode(self) -> int | None:
        """None while it runs, afterwards 0."""
        if self._descriptor is None:
            return 0
        if not select.select([self._descriptor], [], [], 0)[0]:
            return None
        os.close(self._descriptor)
        self._descriptor = None
        return 0

    async def wait(self) -> int:
        """Wait for the end."""
        while self.returncode is None:
            await asyncio.sleep(0.02)
        return 0

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs; no other process can be meant."""
        if self.returncode is None and self._descriptor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)


class Forks:
    """The process that forks them."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._one = asyncio.Lock()

    async def open(self) -> None:
        """Start it; it imports while others get ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.forks", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )

    async def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
        """`carebed ARGUMENTS` with that environment, its output at the end of `log`."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"arguments": list(arguments), "environment": dict(environment), "log": str(log)}
        async with self._one:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            pid = int(await self._process.stdout.readline())
        return Forked(name, pid, log)

    async def close(self) -> None:
        """End it, and all that it started."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()


def _live(arguments: list[str], environment: dict[str, str], log: str) -> None:
    """The forked process, to its end."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.argv = ["carebed", *arguments]
    carebed()


def _fork(asked: dict[str, object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _live(**asked)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Until standard input ends."""
    for module in _IMPORTED:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the dead away
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        sys.stdout.write(f"{_fork(json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
