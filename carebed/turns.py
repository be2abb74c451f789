"""Work through many things in one process without keeping urgent work in it waiting."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

#: Some milliseconds of work on homes or their rows.
_AT_A_TIME = 10

Thing = TypeVar("Thing")


async def in_turns(things: Iterable[Thing]) -> AsyncIterator[Thing]:
    """One after another; after every few of them whoever else is ready gets the processor."""
    for number, one in enumerate(things, 1):
        yield one
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)
