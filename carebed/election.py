"""One process of several does what only one may do: whoever holds an advisory lock on a connection of its own.

The lock goes with the connection, so who dies or is cut off is followed within seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg import AsyncConnection

from carebed.database import OUTAGE
from carebed.logs import get_logger

log = get_logger()

_AGAIN_S = 1.0
_ASK_S = 2.0
_ANSWER_S = 5.0


class Election:
    """`lock`: the advisory lock's number; `name`: what logs and the database's list of connections call it."""

    def __init__(self, url: str, lock: int, name: str) -> None:
        self._url = url
        self._lock = lock
        self._name = name
        self._won = asyncio.Event()

    @property
    def leading(self) -> bool:
        """Whether this process is the one."""
        return self._won.is_set()

    async def won(self) -> None:
        """Wait until this process is the one."""
        await self._won.wait()

    async def run(self) -> None:
        """A named task: stand for election until cancelled."""
        while True:
            try:
                await self._stand()
            except OUTAGE as error:
                if self.leading:
                    log.warning("election_lost", what=self._name, error=type(error).__name__)
            finally:
                self._won.clear()
            await asyncio.sleep(_AGAIN_S)

    async def _stand(self) -> None:
        async with elected(self._url, self._lock, self._name) as still:
            self._won.set()
            while True:
                await asyncio.sleep(_ASK_S)
                await still()


@asynccontextmanager
async def elected(
    url: str, lock: int, name: str, standing_by: Callable[[], None] = lambda: None
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Wait until this process is the one; what is within may go on for as long as what is yielded, called every few
    seconds, does not raise one of `OUTAGE`. `standing_by` is called while another process is the one."""
    async with await AsyncConnection.connect(
        url, autocommit=True, application_name=f"carebed-{name}-lock", connect_timeout=5,
        keepalives_idle=5, keepalives_interval=5, keepalives_count=2,
    ) as conn:  # fmt: skip

        async def ask(question: LiteralString, *about: object) -> object:
            async with asyncio.timeout(_ANSWER_S):
                row = await (await conn.execute(question, about)).fetchone()
            return None if row is None else row[0]

        async def still() -> None:
            await ask("SELECT 1")

        while await ask("SELECT pg_try_advisory_lock(%s)", lock) is not True:
            standing_by()
            await asyncio.sleep(_ASK_S)
        log.info("elected", what=name)
        yield still
