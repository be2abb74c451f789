"""As whom and where the services run, when root starts them in a place that no other account can enter."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from carebed.embedded import account, launch
from carebed.embedded.account import ServiceAccount
from carebed.embedded.broker import EmbeddedBroker
from carebed.embedded.ports import free_port
from carebed.embedded.postgres import FAST_AND_LOOSE, EmbeddedPostgres
from carebed.embedded.quarters import Quarters
from carebed.errors import StartError

only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts services under another account")


@pytest.fixture
def out_of_reach(tmp_path: Path) -> Path:
    """A data directory below a directory that only root may enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir()
    return closed / "data"


def _modes(path: Path) -> dict[Path, int]:
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in path.parents}


def _uid(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


@only_as_root
async def test_services_run_below_a_closed_directory_and_no_mode_changes(out_of_reach: Path) -> None:
    before = _modes(out_of_reach)
    mounts = _read("/proc/self/mounts")
    database = EmbeddedPostgres(out_of_reach, free_port(), settings=FAST_AND_LOOSE)
    broker = EmbeddedBroker(out_of_reach, free_port())
    try:
        await database.start()
        await broker.start()
        assert 0 not in (_uid(database.pid), _uid(broker.pid))
        # Killed and started again: it finds what it left.
        os.kill(database.pid, signal.SIGKILL)
        await database.start()
    finally:
        await broker.stop()
        await database.stop()
    assert (out_of_reach / "postgres" / "PG_VERSION").exists()
    assert _modes(out_of_reach) == before
    assert _read("/proc/self/mounts") == mounts


@only_as_root
async def test_programs_out_of_reach_are_copied_once(out_of_reach: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As with a virtual environment below a closed home.
    monkeypatch.setattr(ServiceAccount, "runs", lambda _self, _program: False)
    database = EmbeddedPostgres(out_of_reach, free_port(), settings=FAST_AND_LOOSE)
    for _ in range(2):
        await database.start()
        assert "/programs/pginstall18-" in _read(f"/proc/{database.pid}/cmdline")
        await database.stop()
    assert len(_names(out_of_reach / "programs")) == 1


@only_as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv to take the right to mount away")
def test_where_mounting_is_not_permitted_it_says_to_choose_another_directory(out_of_reach: Path) -> None:
    story = f"""
import asyncio, sys
from pathlib import Path
from carebed.embedded.postgres import EmbeddedPostgres
from carebed.errors import StartError
try:
    asyncio.run(EmbeddedPostgres(Path({str(out_of_reach)!r}), {free_port()}).start())
except StartError as error:
    print(error)
"""
    done = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", sys.executable, "-c", story],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "cannot enter the directories above" in done.stdout
    assert "choose another --data-dir" in done.stdout


def test_without_an_account_to_run_as_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.os, "geteuid", lambda: 0)
    for name, sentence in (
        ("no-such-account", "which does not exist: `make setup` creates"),
        ("root", "which is root"),
    ):
        monkeypatch.setenv("CAREBED_SERVICE_ACCOUNT", name)
        with pytest.raises(StartError, match=sentence):
            Quarters.of(tmp_path)


def test_a_user_without_a_name_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(StartError, match="has no entry in /etc/passwd"):
        Quarters.of(tmp_path)


def test_the_launcher_says_why_it_cannot_start_a_program() -> None:
    spec = json.dumps({"parent": os.getpid(), "signal": signal.SIGTERM})
    done = subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, spec, "/no/such/program"],
        capture_output=True, text=True, check=False, timeout=10,
    )  # fmt: skip
    assert done.returncode == launch.LAUNCH_FAILED
    assert done.stderr.startswith("cannot start /no/such/program: ")


def test_the_launcher_starts_nothing_for_a_parent_that_is_gone() -> None:
    spec = json.dumps({"parent": 1 if os.getpid() != 1 else 2, "signal": signal.SIGTERM})
    done = subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, spec, "/bin/echo", "started"],
        capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    assert done.stdout == ""


def _read(path: str) -> str:
    return Path(path).read_text()


def _names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]
