"""One open stream: what waits to be written to it, who listens, and why it ends."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from alerts.view import AlarmView
from api.principal import Principal
from carebed.wake import woken_within

#: A comment at least this often, so that a client that hears nothing for 12 s knows that the line is dead.
BEAT_S = 5.0
BEAT = b": beat\n\n"

#: Events that may wait for one client. Beyond it the stream ends, and the client reconnects with its last event id.
WAITING_EVENTS = 1_000


def event(kind: str, data: str, number: int | None = None) -> bytes:
    """One server-sent event (WHATWG HTML, 9.2). `data` is one line of JSON; `number` becomes the last event id."""
    head = f"event: {kind}\n" if number is None else f"id: {number}\nevent: {kind}\n"
    return f"{head}data: {data}\n\n".encode()


def may_see(principal: Principal, alarm: AlarmView) -> bool:
    """Row-level security's rule for alarms, for fan-out: in one's areas, or one was called to it, and that is still in
    sight."""
    return f"/{alarm.area_code}".startswith(principal.scope) or principal.id in alarm.called


@dataclass(eq=False)
class Subscriber:
    """A stream that the hub writes to. `since`: the hub's cursor when it began; later events are pushed."""

    principal: Principal
    since: int
    over: bool = False
    reason: str | None = None
    _waiting: deque[tuple[bytes, UUID | None]] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, encoded: bytes, notification: UUID | None = None) -> bool:
        """Queue an encoded event; False when the stream is over or too far behind (it ends then)."""
        if not self.over and len(self._waiting) >= WAITING_EVENTS:
            self.end(None)
        if self.over:
            return False
        self._waiting.append((encoded, notification))
        self._wake.set()
        return True

    def end(self, reason: str | None) -> None:
        """End the stream. `reason` is told to the client (`event: end`); None just closes, and the board turns red."""
        if not self.over:
            self.over, self.reason = True, reason
            self._waiting.clear()
            self._wake.set()

    async def next(self) -> tuple[bytes, list[UUID]]:
        """What to write now, and the notifications in it: waiting events, or a beat; empty when the stream is over."""
        if not self._waiting and not self.over:
            left_s = self.principal.expires_at.timestamp() - time.time()
            if not await woken_within(self._wake, max(0.0, min(BEAT_S, left_s))):
                if left_s > BEAT_S:
                    return BEAT, []
                self.end("expired")
        self._wake.clear()
        if self.over:
            return b"", []
        waiting = list(self._waiting)
        self._waiting.clear()
        return b"".join(encoded for encoded, _ in waiting), [one for _, one in waiting if one is not None]
