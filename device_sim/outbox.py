"""A device's memory of alarm messages: resent byte for byte until the backend has receipted them.

Times here are seconds of a monotonic clock, given by the caller, so that the rules are tested without waiting.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.limits import OTHER_ROUTE_AFTER, RESEND_AT_MOST, RESEND_MAX_S, RESEND_MIN_S
from gateway.wire import Receipt


@dataclass(eq=False)
class Entry:
    """One alarm message on its way. `settled` gets the final receipt, or None when the device gave up."""

    topic: str
    device: str
    id: str
    payload: bytes
    born_s: float
    settled: asyncio.Future[Receipt | None] = field(repr=False)
    due_s: float = 0.0
    sent_s: float | None = None
    sendings: int = 0
    other_route: bool = False


class Outbox:
    """Alarm messages without a final receipt, oldest first."""

    def __init__(
        self,
        *,
        resend_s: tuple[float, float] = (RESEND_MIN_S, RESEND_MAX_S),
        give_up_s: float = RESEND_AT_MOST.total_seconds(),
        chance: random.Random | None = None,
    ) -> None:
        """`resend_s` is the span from which each pause is drawn; after `give_up_s` a message is given up."""
        self._resend_s = resend_s
        self._give_up_s = give_up_s
        self._chance = chance or random.Random()
        self._entries: dict[tuple[str, str], Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def put(self, topic: str, device: str, message_id: str, payload: bytes, now_s: float) -> Entry:
        """Take a message; it is due at once."""
        settled: asyncio.Future[Receipt | None] = asyncio.get_running_loop().create_future()
        entry = Entry(topic, device, message_id, payload, now_s, settled, due_s=now_s)
        self._entries[(device, message_id)] = entry
        return entry

    def due(self, now_s: float) -> list[Entry]:
        """What is to be sent now."""
        return [entry for entry in self if entry.due_s <= now_s]

    def sent(self, entry: Entry, now_s: float) -> None:
        """Note a sending and draw the pause before the next."""
        entry.sendings += 1
        entry.sent_s = now_s
        entry.due_s = now_s + self._chance.uniform(*self._resend_s)

    def reconnected(self, now_s: float) -> None:
        """A new connection: what was sent on the old one may be lost, so it goes again, soon."""
        for entry in self:
            if entry.sent_s is not None:
                entry.due_s = min(entry.due_s, max(now_s, entry.sent_s + self._resend_s[0]))

    def receipted(self, device: str, receipt: Receipt) -> Entry | None:
        """Settle the message that a receipt names; None when it is unknown or is to be resent (`hold`)."""
        if not receipt.final or receipt.id is None:
            return None
        entry = self._entries.pop((device, receipt.id), None)
        if entry is not None and not entry.settled.done():
            entry.settled.set_result(receipt)
        return entry

    def give_up(self, now_s: float) -> list[Entry]:
        """Drop what has been resent for too long."""
        stale = [entry for entry in self if now_s - entry.born_s >= self._give_up_s]
        for entry in stale:
            del self._entries[(entry.device, entry.id)]
            if not entry.settled.done():
                entry.settled.set_result(None)
        return stale

    def needing_other_route(self, now_s: float) -> list[Entry]:
        """Messages that have just waited 60 s for a receipt, once each: the device starts its other route."""
        late = [e for e in self if not e.other_route and now_s - e.born_s >= OTHER_ROUTE_AFTER.total_seconds()]
        for entry in late:
            entry.other_route = True
        return late
