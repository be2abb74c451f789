"""A gateway's memory of readings and health messages: kept 2 min after their PUBACK, republished after each reconnect.

A broker that dies forgets what it acknowledged in its last moments, so its PUBACK alone is no durability.
Times are seconds of a monotonic clock, given by the caller.
"""

from collections import deque
from dataclasses import dataclass

from gateway.limits import KEEP_AFTER_PUBACK


@dataclass(eq=False, slots=True)
class Parcel:
    """One payload on its topic. `acked_s` is when the broker acknowledged it last."""

    topic: str
    payload: bytes
    acked_s: float | None = None


class Shelf:
    """Payloads in the order of their making: sent ones first, then those that wait."""

    def __init__(self, keep_s: float = KEEP_AFTER_PUBACK.total_seconds(), room: int = 100_000) -> None:
        """`room` bounds what waits while the broker is away; beyond it the oldest is dropped and counted."""
        self._keep_s = keep_s
        self._room = room
        self._sent: deque[Parcel] = deque()
        self._waiting: deque[Parcel] = deque()
        self._unacked = 0
        self.dropped = 0

    def put(self, topic: str, payload: bytes) -> None:
        """Take a payload to be sent."""
        self.add(Parcel(topic, payload))

    def add(self, parcel: Parcel) -> None:
        """Take a parcel to be sent."""
        if len(self._waiting) >= self._room:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(parcel)

    def take(self) -> Parcel | None:
        """The next payload to send, in order; it stays on the shelf."""
        if not self._waiting:
            return None
        parcel = self._waiting.popleft()
        parcel.acked_s = None
        self._sent.append(parcel)
        self._unacked += 1
        return parcel

    def acked(self, parcel: Parcel, now_s: float) -> None:
        """The broker acknowledged it; what has been kept long enough is let go."""
        if parcel.acked_s is None:
            self._unacked -= 1
        parcel.acked_s = now_s
        while self._sent and self._sent[0].acked_s is not None and now_s - self._sent[0].acked_s > self._keep_s:
            self._sent.popleft()

    def rewind(self, now_s: float) -> int:
        """A new connection: everything still kept is to be sent again, before what waits. How many come again."""
        again = [p for p in self._sent if p.acked_s is None or now_s - p.acked_s <= self._keep_s]
        self._sent.clear()
        self._waiting.extendleft(reversed(again))
        self._unacked = 0
        return len(again)

    @property
    def empty(self) -> bool:
        """Whether nothing waits and everything sent is acknowledged."""
        return not self._waiting and self._unacked == 0
