"""Named tasks under one roof: when one dies the process ends, and whoever started it starts it again.

A process that limps on without one of its tasks looks alive and answers nobody; ending is the honest thing.
"""

import asyncio
import signal
from collections.abc import Coroutine, Mapping
from typing import Any

from carebed.logs import get_logger

log = get_logger()

_STOP_GRACE_S = 8.0


class TaskDied(Exception):
    """A named task ended although nobody asked it to."""


async def run_tasks(tasks: Mapping[str, Coroutine[Any, Any, None]], stop: asyncio.Event | None = None) -> None:
    """Run named coroutines until SIGTERM or SIGINT (then cancel them in order and return) or until one ends.

    A task that ends by itself, with or without an exception, raises `TaskDied` here after the others were cancelled.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = {asyncio.create_task(coroutine, name=name) for name, coroutine in tasks.items()}
    stopper = asyncio.create_task(stop.wait(), name="stop")
    try:
        done, _ = await asyncio.wait({*running, stopper}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        stopper.cancel()
        for task in running:
            task.cancel()
        await asyncio.wait({*running, stopper}, timeout=_STOP_GRACE_S)
    dead = next((task for task in done if task is not stopper), None)
    if dead is None:
        log.info("stopped")
        return
    error = None if dead.cancelled() else dead.exception()
    log.error("task_died", task=dead.get_name(), error=repr(error))
    raise TaskDied(f"task {dead.get_name()} ended: {error!r}") from error
