"""Plays a night: does one act after the other, as processes that may die, and lets the promises be looked at."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import Row, text

from alerts.channel import LAST_RESORT
from alerts.firing import AlarmHandler
from alerts.moves import Hooks
from alerts.outbox import Outbox
from carebed.clock import advance
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.engine import Engine
from tests.nights.founding import Ground, found, set_clock
from tests.nights.mortal import Mortal
from tests.nights.program import CHANNELS, Night
from tests.nights.providers import Post, Provider
from tests.station import NEXT_DUE
from visits.visit import record_arrival, record_departure

ROUTES = (*CHANNELS, LAST_RESORT)
THROUGH = ("live", *ROUTES)
#: More of them in one go, and something is due again and again.
_ROUNDS = 60
#: Of a long span the rest passes with nobody looking.
_HOPS = 30

# Messages pause in real time, which no night has.
_MESSAGES_AGE = text("""
    UPDATE notification SET next_attempt_at = next_attempt_at - :by
    WHERE state IN ('pending', 'handed_over') AND due_at < 'infinity'
""")
_BACK = text("UPDATE clock_shift SET shift = shift - :by")


class Broken(AssertionError):
    """A promise that was not kept."""


class Stage:
    """`eyes`: looks at the database, and never dies. `back_s`: how far the clock has gone back in all."""

    def __init__(self, urls: DatabaseUrls, night: Night, number: int) -> None:
        self.night = night
        self.ground = Ground(number)
        self.mortal = Mortal(urls.engine)
        self.eyes = Database(urls.engine, application="nights-eyes", pool_size=1)
        self.owner = Database(urls.owner, application="nights-clock", pool_size=1)
        self.post = Post(self.mortal, Random(night.seed + " post"), dead=self.ground.dead)
        self.hooks = Hooks(record_arrival, record_departure, THROUGH)
        self.back_s = 0.0
        self.settled_at = night.starts_at
        """When it was last seen that nothing is due."""
        self._start()

    async def begin(self) -> None:
        """Write what it is set in."""
        async with self.owner.transaction() as conn:
            await set_clock(conn, self.night)
        async with self.eyes.transaction() as conn:
            await found(conn, self.night, self.ground)

    async def close(self) -> None:
        """Whatever became of it, nothing is due any more."""
        async with self.eyes.transaction() as conn:
            await conn.execute(text("UPDATE alarm SET state = 'cancelled', outcome = NULL, closed_at = carebed_now() "
                                    "WHERE closed_at IS NULL"))  # fmt: skip
            await conn.execute(text("DELETE FROM deadline"))
            await conn.execute(text("UPDATE notification SET due_at = 'infinity' WHERE due_at < 'infinity'"))
        for database in (self.mortal, self.eyes, self.owner):
            await database.close()

    def _start(self) -> None:
        """The processes, anew."""
        self._engine = Engine(self.mortal, {"alarm": AlarmHandler(THROUGH)}, process="nights")
        self._outbox = Outbox(self.mortal, [Provider(name, self.post) for name in ROUTES])

    # What an act does

    async def perform(self, work: Callable[[], Awaitable[object]], killed_at: int | None, *, settles: bool) -> None:
        """Do it. Where the process dies, whoever asked asks again, and the next process goes on."""

        async def whole() -> None:
            await work()
            if settles:
                await self.settle()

        self.mortal.dies_in(killed_at)
        doing = asyncio.create_task(whole())
        death = asyncio.create_task(self.mortal.died.wait())
        await asyncio.wait((doing, death), return_when=asyncio.FIRST_COMPLETED)
        died = death.done()
        death.cancel()
        if died:
            await self.mortal.revive()
            self._start()
            await whole()
        else:
            await doing
        self.mortal.dies_in(None)

    async def settle(self) -> None:
        """Whatever is due now is dealt with, and its messages are handed over."""
        for _ in range(_ROUNDS):
            ((at,),) = await self.rows("SELECT carebed_now()")
            claimed = await self.look()
            if not claimed and not await self._outbox.cycle():
                self.settled_at = at
                return
        raise Broken("something is due again and again")

    async def look(self) -> int:
        """One look of the engine; how much was due."""
        return sum([await self._engine.cycle(life_critical=critical) for critical in (True, False)])

    # Time

    async def time_passes(self, seconds: float) -> None:
        """From one thing that is due to the next."""
        left = seconds
        for _ in range(_HOPS):
            due_s: float | None = (await self.rows(NEXT_DUE))[0][0]
            step = left if due_s is None else min(left, max(0.001, due_s))
            await self.jump(step)
            left -= step
            await self.settle()
            if left <= 0:
                return
        await self.jump(left)

    async def jump(self, seconds: float) -> None:
        """Time goes on, and nobody looks."""
        async with self.owner.transaction() as conn:
            await advance(conn, timedelta(seconds=seconds))
            await conn.execute(_MESSAGES_AGE, {"by": timedelta(seconds=seconds)})
        self.post.at_s += seconds

    async def back(self, seconds: float) -> None:
        """The clock is set back a little."""
        async with self.owner.transaction() as conn:
            await conn.execute(_BACK, {"by": timedelta(seconds=seconds)})
        self.back_s += seconds

    # What stands in the database

    async def rows(self, statement: Any, **values: Any) -> list[Row[Any]]:
        """Read, or change what no part of a night is about."""
        async with self.eyes.transaction() as conn:
            asked = text(statement) if isinstance(statement, str) else statement
            result = await conn.execute(asked, values)
            return list(result.all()) if result.returns_rows else []

    async def together(self, *works: Callable[[], Awaitable[object]]) -> None:
        """At the same time."""
        outcomes = await asyncio.gather(*(work() for work in works), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
