"""Starts ingest processes by fork from one that has everything imported, so that a story can kill a hundred of them.

Reads one JSON line for each, {"lane": .., "environment": {..}, "log": ..}, and answers with its PID. Each is a process
like `carebed ingest --lane ...`, from the settings on; it dies with this one.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys

import uvloop

from carebed.errors import CarebedError
from carebed.logs import configure_logs
from carebed.settings import load_settings
from carebed.supervision import TaskDied
from gateway.lanes import Lane
from ingest.main import run

_PR_SET_PDEATHSIG = 1


def _live(lane: str, environment: dict[str, str], log: str) -> int:
    """The forked process, to its end; its exit code."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.environ.update(environment)
    try:
        settings = load_settings()
        configure_logs(f"ingest-{lane}", settings.log_level)
        uvloop.run(run(settings, Lane(lane)))
    except (TaskDied, CarebedError, asyncio.CancelledError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def main() -> None:
    """Until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: the kernel takes them away
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(_live(**json.loads(line)))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
