"""Waiting for a signal, and for no longer than a tick: whoever is woken looks at once, and looks all the same when a
signal was lost."""

import asyncio


async def woken_within(wake: asyncio.Event, longest_s: float) -> bool:
    """Wait until it is set, at most so long; whether it was."""
    try:
        async with asyncio.timeout(longest_s):
            await wake.wait()
    except TimeoutError:
        return False
    return True
