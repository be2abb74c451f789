"""Whether the sessions that a session waits for are known to the broker, asked at the broker itself.

A broker that lost its store knows no session. Until a shard group's is made anew nobody listens to its gateways, and
the broker says so to each that publishes (reason code 0x10), unless a filter of the stray session matches: then it
acknowledges what nobody will ever get. So the stray session subscribes last. Whoever serves the other groups need not
be asked, nor be alive: it is the broker that knows them. Its answer holds for as long as the connection does, for a
session ends only with the store, or a month after its connection.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class RollCall:
    """One connection's. `who`: whom to wait for -> a topic to which he is subscribed, and nobody else."""

    def __init__(
        self, connection: "Connection", who: Mapping[str, str], all_there: Callable[[], None],
        missing: Callable[[str | None], None],
    ) -> None:  # fmt: skip
        """`missing` is called with None when somebody is found missing for the first time, and with a sentence for the
        readiness page when it takes longer than a start does."""
        self._connection = connection
        self._all_there = all_there
        self._missing = missing
        self._calls = list(who.items())
        self._pause_s = _FIRST_PAUSE_S
        self._found_missing = False

    def call(self) -> None:
        """Ask for the next one."""
        connection = self._connection
        if connection.closed.done() or connection.outbox is None:
            return
        if not self._calls:
            self._all_there()
            return
        connection.outbox.ask(self._calls[0][1], self._answered)

    def _answered(self, there: bool) -> None:
        if there:
            del self._calls[0]
            self.call()
            return
        if not self._found_missing:
            self._found_missing = True
            self._missing(None)
        if self._pause_s >= _LONGEST_PAUSE_S:
            self._missing(f"waits until the broker knows the session of {self._calls[0][0]}")
        asyncio.get_running_loop().call_later(self._pause_s, self.call)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
