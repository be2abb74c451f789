"""Settles what channels took, many messages in one transaction: whatever comes in while one is under way is the next.

A message is a transaction of its own no longer, so a storm of alarms is told at the pace of its channels and not of
the database's commits; a single one waits for nothing. Rows that somebody else is changing (an answer withdraws calls)
are settled alone afterwards, for who holds many must wait for nobody.
"""

import asyncio

from alerts import delivery
from alerts.delivery import Taken
from carebed.database import OUTAGE, Database

#: In one transaction at most.
_BATCH = 100

#: Channel, and seconds since a message was due.
Waits = list[tuple[str, float]]


class Settler:
    """Of one outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Taken, asyncio.Future[Waits]]] = []
        self._running: asyncio.Task[None] | None = None

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
                for one, done in await self._together(batch):
                    await self._alone(one, done)
            except OUTAGE as lost:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(lost)

    async def _together(
        self, batch: list[tuple[Taken, asyncio.Future[Waits]]]
    ) -> list[tuple[Taken, asyncio.Future[Waits]]]:
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

    async def _alone(self, taken: Taken, done: asyncio.Future[Waits]) -> None:
        async with self._database.transaction() as conn:
            waits = await delivery.handed_over(conn, [taken])
        if not done.done():
            done.set_result(waits)
