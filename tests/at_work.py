"""The loops of a process, at work for as long as a test needs them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol


class Loops(Protocol):
    """An engine or an outbox."""

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """By their names, as for `run_tasks`."""


@asynccontextmanager
async def at_work(loops: Loops) -> AsyncIterator[None]:
    """They run while the block does, and none ends by itself."""
    tasks = [asyncio.create_task(one, name=name) for name, one in loops.tasks().items()]
    try:
        yield
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
