"""Processor time of other processes, as Linux counts it."""

import os
from contextlib import suppress
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int, *, children: bool = False) -> float:
    """Seconds of processor time of a process; with `children`, of those too that run under it or have ended."""
    fields = _stat(pid)
    total = sum(int(value) for value in fields[11 : 15 if children else 13]) * _TICK_S
    if children:
        for child in _children(pid):
            with suppress(FileNotFoundError):  # it has just ended, and is counted with its parent's from now on
                total += cpu_s(child)
    return total


def _children(pid: int) -> list[int]:
    return [int(one) for one in (Path(f"/proc/{pid}/task/{pid}/children").read_text()).split()]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
