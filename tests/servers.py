"""The PostgreSQL servers that the suites can run on: `CAREBED_TEST_POSTGRES` names one of `SERVERS`.

Without it: PostgreSQL 18 from the wheel, as in `carebed up`.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from carebed.embedded import ports
from carebed.embedded.account import ServiceAccount
from carebed.embedded.postgres import FAST_AND_LOOSE, EmbeddedPostgres
from carebed.embedded.quarters import Quarters, find_program

ROOT = Path(__file__).parent.parent

#: Debian, Fedora and GitHub's machines have half of their memory there; a container has 64 MB unless told otherwise.
MEMORY = Path("/dev/shm")  # noqa: S108 - the directory made in it is ours alone
#: A test process needs some 300 MB of it.
_ROOM_BYTES = 4 << 30

#: A test opens some twenty connections, each of which would hash its password 4,096 times over. Unknown to version 15.
QUICK_SIGN_IN = {"scram_iterations": "1"}

#: No background workers: they would hold connections to databases that tests clone and drop.
TIMESCALE = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "0",
}


class DebianPostgres(EmbeddedPostgres):
    """The PostgreSQL 15 of Debian bookworm, where its package is installed."""

    major = 15

    def _programs(self) -> Path:
        return Path(f"/usr/lib/postgresql/{self.major}/bin")


@dataclass(frozen=True)
class RootQuarters(Quarters):
    """A data directory below a root directory of its own, as a service in there sees it."""

    root: Path = Path("/")

    def seen(self, path: Path) -> Path:
        """Paths outside the root directory are names of programs in there already."""
        return Path("/") / path.relative_to(self.root) if path.is_relative_to(self.root) else path

    def command(self, argv: Sequence[str | Path], directory: Path, parent_died: signal.Signals) -> list[str]:
        """In the root directory, as the account, until the parent dies."""
        del directory
        assert self.account is not None
        become = ["--reuid", str(self.account.uid), "--regid", str(self.account.gid), "--clear-groups"]
        until = ["--pdeathsig", parent_died.name.removeprefix("SIG")]
        return [str(find_program("chroot")), str(self.root), "setpriv", *become, *until, *map(str, argv)]


class TimescalePostgres(EmbeddedPostgres):
    """PostgreSQL 17 with TimescaleDB's Apache edition, in the root directory that `make timescale` sets up."""

    major = 17

    def __init__(self) -> None:
        """Its data lie in the root directory, under its `postgres` account, until `stop`."""
        where = subprocess.run([ROOT / "scripts/timescale", "where"], capture_output=True, text=True, check=True)
        root = Path(where.stdout.strip())
        self.data = root / "srv" / uuid.uuid4().hex
        # No shared memory file system in there.
        settings = FAST_AND_LOOSE | QUICK_SIGN_IN | TIMESCALE | {"dynamic_shared_memory_type": "mmap"}
        super().__init__(self.data, ports.free_port(), settings=settings)
        self._quarters = RootQuarters(self.data, _account(root, "postgres"), root=root)

    def _programs(self) -> Path:
        return Path(f"/usr/lib/postgresql/{self.major}/bin")

    async def stop(self, grace_s: float = 5.0) -> None:
        """Stop it and remove its data."""
        await super().stop(grace_s)
        if self.child is not None:
            shutil.rmtree(self.data, ignore_errors=True)


@contextmanager
def room_in_memory(otherwise: Path) -> Iterator[Path]:
    """A directory in memory for a server whose databases come and go with every test: to clone one and drop it again
    costs a fifth of the work there. `otherwise` where there is too little memory.

    Whose test process was killed is removed by the next one; the lock on a directory says that its process lives.
    """
    with suppress(OSError):
        _remove_abandoned()
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < _ROOM_BYTES:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="carebed-test-", dir=MEMORY, ignore_cleanup_errors=True) as name:
        directory = os.open(name, os.O_RDONLY)
        fcntl.flock(directory, fcntl.LOCK_EX)
        try:
            yield Path(name)
        finally:
            os.close(directory)


def _remove_abandoned() -> None:
    for path in MEMORY.glob("carebed-test-*"):
        if path.stat().st_ctime > time.time() - 60:
            continue  # it may not have been locked yet
        directory = os.open(path, os.O_RDONLY)
        try:
            with suppress(BlockingIOError):
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(directory)


def _account(root: Path, name: str) -> ServiceAccount:
    lines = (line.split(":") for line in (root / "etc/passwd").read_text().splitlines())
    return next(ServiceAccount(name, int(line[2]), int(line[3])) for line in lines if line[0] == name)


def server(data_dir: Path) -> EmbeddedPostgres:
    """The server for this run, not yet started."""
    wanted = os.environ.get("CAREBED_TEST_POSTGRES", "embedded")
    if wanted == "timescale":
        return TimescalePostgres()
    if wanted == "15":
        return DebianPostgres(data_dir, ports.free_port(), settings=FAST_AND_LOOSE)
    return EmbeddedPostgres(data_dir, ports.free_port(), settings=FAST_AND_LOOSE | QUICK_SIGN_IN)


def has_timescale() -> bool:
    """Whether this run's server has TimescaleDB."""
    return os.environ.get("CAREBED_TEST_POSTGRES") == "timescale"
