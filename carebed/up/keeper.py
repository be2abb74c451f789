"""Keeps a child running: when it dies it is started again, after pauses that grow while it keeps dying."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

from carebed.embedded.child import Child
from carebed.up.console import say

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_HEALTHY_AFTER_S = 30.0


class Keeper:
    """One child, and the next one after it."""

    def __init__(self, name: str, start: Callable[[], Awaitable[Child]], stop_with: signal.Signals) -> None:
        """`start` returns the running child or raises `StartError`; `stop_with` asks it to end in order."""
        self.name = name
        self.child: Child | None = None
        self._start = start
        self._stop_with = stop_with

    @property
    def pid(self) -> int | None:
        """PID of the running child."""
        return self.child.pid if self.child is not None and self.child.returncode is None else None

    async def start(self) -> None:
        """Start it the first time; raises what `start` raises."""
        self.child = await self._start()

    async def keep(self, started_again: Callable[[], None]) -> None:
        """Watch it until cancelled. `started_again` is called with every new child."""
        pause_s = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            how = "did not start" if self.child is None else describe(await self.child.wait())
            if time.monotonic() - began >= _HEALTHY_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            say(f"{_clock()} {self.name} {how}; starting it again in {pause_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            try:
                self.child = await self._start()
            except Exception as error:  # noqa: BLE001 - a full disk or a lost connection: the next try may succeed
                self.child = None
                say(f"{_clock()} {error}")
            else:
                say(f"{_clock()} {self.name} runs again (PID {self.child.pid})")
                started_again()

    async def stop(self, grace_s: float) -> None:
        """End the child in order; kill it after `grace_s`."""
        if self.pid is None or self.child is None:
            return
        if not await self.child.stop(self._stop_with, grace_s):
            say(f"{_clock()} {self.name} did not stop within {grace_s:.1f} s and was killed")


def describe(code: int) -> str:
    """An exit code in words."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _clock() -> str:
    return time.strftime("%H:%M:%S")
