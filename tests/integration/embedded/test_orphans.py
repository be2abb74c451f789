"""Whatever ends the parent, nobody is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from carebed.embedded.child import Child, ended
from carebed.embedded.leftover import processes_in
from carebed.embedded.ports import free_port
from carebed.embedded.postgres import FAST_AND_LOOSE, EmbeddedPostgres
from carebed.embedded.quarters import own_command

_PARENT = """
import asyncio, signal, sys, time
from pathlib import Path
from carebed.embedded.broker import EmbeddedBroker
from carebed.embedded.child import Child
from carebed.embedded.postgres import EmbeddedPostgres
from carebed.embedded.quarters import own_command

data, database_port, broker_port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
database, broker = EmbeddedPostgres(data, database_port), EmbeddedBroker(data, broker_port)

async def start():
    await database.start()
    await broker.start()

asyncio.run(start())
sleeper = Child("sleeper", own_command(["/bin/sleep", "600"], signal.SIGKILL), data / "sleeper.log", {})
print(database.pid, broker.pid, sleeper.pid, flush=True)
time.sleep(600)
"""


def _a_parent_that_is_killed(data_dir: Path) -> list[int]:
    """Start database, broker and a process of ours under a parent, kill -9 it, and return the three PIDs."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(data_dir), str(free_port()), str(free_port())],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    return pids


async def test_kill_9_of_the_parent_ends_database_broker_and_processes(tmp_path: Path) -> None:
    pids = _a_parent_that_is_killed(tmp_path)
    assert len(pids) == 3
    async with asyncio.timeout(10):
        for pid in pids:
            await _is_gone(pid)
        while processes_in(tmp_path / "postgres", "postgres"):
            await asyncio.sleep(0.02)
    # And what they left is sound: it starts at once.
    again = EmbeddedPostgres(tmp_path, free_port(), settings=FAST_AND_LOOSE)
    await again.start()
    await again.stop()


async def test_a_start_in_the_middle_of_the_old_ones_end_waits_for_it(tmp_path: Path) -> None:
    old = _a_parent_that_is_killed(tmp_path)[0]
    again = EmbeddedPostgres(tmp_path, free_port(), settings=FAST_AND_LOOSE)
    await again.start()
    assert again.pid != old
    await again.stop()


async def _is_gone(pid: int) -> None:
    try:
        await ended(pid)
    except ProcessLookupError:
        return


async def test_a_child_is_stopped_in_order_and_killed_when_it_does_not_listen(tmp_path: Path) -> None:
    polite = Child("polite", own_command(["/bin/sleep", "600"], signal.SIGKILL), tmp_path / "polite.log", {})
    assert await polite.stop(signal.SIGTERM, grace_s=5)
    assert polite.returncode == -signal.SIGTERM
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    log = tmp_path / "deaf.log"
    deaf = Child("deaf", own_command([sys.executable, "-c", script], signal.SIGKILL), log, {})
    async with asyncio.timeout(10):
        while "deaf" not in deaf.log_tail():
            await asyncio.sleep(0.02)
    assert not await deaf.stop(signal.SIGTERM, grace_s=0.2)
    assert deaf.returncode == -signal.SIGKILL


def test_a_process_that_only_looks_like_ours_is_left_alone(tmp_path: Path) -> None:
    elsewhere = subprocess.Popen(["sleep", "600"], cwd=tmp_path)
    with elsewhere:
        try:
            assert processes_in(tmp_path, "sleep") == [elsewhere.pid]
            assert processes_in(tmp_path, "postgres") == []
            assert processes_in(tmp_path.parent, "sleep") == []
            assert processes_in(tmp_path / "nothing", "sleep") == []
        finally:
            os.kill(elsewhere.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_waiting_for_a_child_returns_how_it_ended(tmp_path: Path, number: signal.Signals) -> None:
    child = Child("child", own_command(["/bin/sleep", "600"], signal.SIGKILL), tmp_path / "child.log", {})
    waiting = asyncio.create_task(child.wait())
    child.send(number)
    assert await waiting == -number
