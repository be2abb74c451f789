"""What a previous run left behind on the same data directory, and its orderly end.

A service is recognised by its working directory, compared by device and inode, and by its program: that holds across
mount namespaces and PID reuse, which a PID file does not.
"""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from carebed.embedded.child import ended
from carebed.errors import StartError


def processes_in(directory: Path, program: str) -> list[int]:
    """PIDs of running processes named `program` whose working directory is `directory`."""
    try:
        wanted = directory.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            here = (entry / "cwd").stat()
            name = (entry / "comm").read_text().strip()
        except OSError:  # It ended meanwhile, or is not ours to look at.
            continue
        if name == program and (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return sorted(found)


async def clear(directory: Path, program: str, stop: signal.Signals, patience_s: float = 5.0) -> None:
    """Wait until nothing of a previous run is left in `directory`.

    Its parent's death has already told it to end; after `patience_s` it is told again with `stop`, and then killed.
    Raises `StartError` when even that does not help.
    """
    for number in (None, stop, signal.SIGKILL):
        left = processes_in(directory, program)
        if number is not None:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        try:
            async with asyncio.timeout(patience_s):
                for pid in left:
                    await _gone(pid)
        except TimeoutError:
            continue
        if not processes_in(directory, program):
            return
    pids = ", ".join(map(str, processes_in(directory, program)))
    raise StartError(f"A {program} of a previous run still works on {directory} (PID {pids}): end it and start again.")


async def _gone(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        await ended(pid)
