"""A process that dies at the n-th moment of its work: before a statement, before a commit, after one, around a send.

What it had not committed is rolled back, and nothing of it does anything more, as after kill -9.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import Database


class Killed(BaseException):
    """No code of ours survives it."""


def _quietly(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Nobody asks after the tasks of a process that has died."""
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


class Mortal(Database):
    """The database as a process sees it that may die."""

    def __init__(self, url: str) -> None:
        super().__init__(url, application="nights", pool_size=6)
        self.deaths = 0
        self._left: int | None = None
        self._others: set[asyncio.Task[Any]] = set()
        self._dead = False
        self.died = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(_quietly)
        event.listen(self.engine.sync_engine, "before_cursor_execute", self._statement)

    def dies_in(self, moments: int | None) -> None:
        """It dies at this moment from now on; None: it lives."""
        self._left, self._others = moments, asyncio.all_tasks()

    def moment(self) -> None:
        """One more."""
        if self._left is not None and not self._dead:
            self._left -= 1
            if self._left < 0:
                self._dead = True
                self.deaths += 1
                self.died.set()
        if self._dead:
            raise Killed

    async def revive(self) -> None:
        """Another process: whatever the dead one had begun is gone."""
        left = asyncio.all_tasks() - self._others
        if left:
            await asyncio.wait(left, timeout=0.05)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._left, self._dead = None, False
        self.died.clear()

    def _statement(self, *_: Any) -> None:
        self.moment()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """As it is, with a moment before and after its commit."""
        async with super().transaction() as conn:
            yield conn
            self.moment()
        self.moment()
