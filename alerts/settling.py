"""Settles what channels took, many messages in one transaction: whatever comes in while one is under way is the next.

A message is a transaction of its own no longer, so a storm of alarms is told at the pace of its channels and not of
the database's commits; a single one waits for nothing. Rows that somebody else is changing (an answer withdraws calls)
are settled alone, beside what comes after them: who holds many must wait for nobody, and nobody for who waits. So is
each message of a batch that the database refuses, for one that cannot be written must not stop the others.
"""

import asyncio
from collections.abc import Iterable

import psycopg
from sqlalchemy import exc

from alerts import delivery
from alerts.delivery import Taken
from carebed.database import Database

#: In one transaction at most.
_BATCH = 100
#: Settled alone at the same time: each may wait for a lock, and has a connection meanwhile.
_ALONE = 4

#: The database is away or overloaded; anything else is about what was to be written.
AWAY = (
    exc.OperationalError, exc.InterfaceError, exc.TimeoutError, psycopg.OperationalError, psycopg.InterfaceError,
    OSError,
)  # fmt: skip

#: Channel, and seconds since a message was due.
Waits = list[tuple[str, float]]
_Waiting = tuple[Taken, asyncio.Future[Waits]]


class Settler:
    """Of messages that may wait for each other (`alerts.outbox.Class`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None
        self._room = asyncio.Semaphore(_ALONE)
        self._alone: set[asyncio.Task[None]] = set()

    async def settle(self, taken: Taken) -> Waits:
        """Return when it is committed. Raises what the database raised."""
        done: asyncio.Future[Waits] = asyncio.get_running_loop().create_future()
        self._waiting.append((taken, done))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                rest = await self._together(batch)
            except AWAY as lost:
                for _, done in batch:
                    _fail(done, lost)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one of them, the others go on
                if len(batch) == 1:
                    _fail(batch[0][1], error)
                else:
                    self._apart(batch)
            else:
                self._apart(rest)

    def _apart(self, messages: Iterable[_Waiting]) -> None:
        """Settle each by itself, beside what comes next."""
        for taken, done in messages:
            task = asyncio.create_task(self._by_itself(taken, done))
            self._alone.add(task)
            task.add_done_callback(self._alone.discard)

    async def _together(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Settle what is free; returns the rest."""
        async with self._database.transaction() as conn:
            free = await delivery.free_of_others(conn, [one for one, _ in batch])
            waits = await delivery.handed_over(conn, free)
        settled = {id(carried) for carried, _ in free}
        rest = []
        for one, done in batch:
            if id(one[0]) not in settled:
                rest.append((one, done))
            elif not done.done():
                done.set_result(waits)
                waits = []  # of the whole batch: counted once
        return rest

    async def _by_itself(self, taken: Taken, done: asyncio.Future[Waits]) -> None:
        try:
            async with self._room, self._database.transaction() as conn:
                waits = await delivery.handed_over(conn, [taken])
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            _fail(done, error)
        else:
            if not done.done():
                done.set_result(waits)


def _fail(done: asyncio.Future[Waits], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
