"""A gateway's memory of readings and health messages: kept 2 min after their PUBACK, republished after each reconnect.

A broker that dies forgets what it acknowledged in its last moments, so its PUBACK alone is no durability. And one that
says with it that nobody listens has thrown the message away: nothing is published for a while, and then it again.
Times are seconds of a monotonic clock, given by the caller.
"""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from gateway.limits import KEEP_AFTER_PUBACK, NOBODY_LISTENS_PAUSE_S


@dataclass(eq=False, slots=True)
class Parcel:
    """One payload on its topic. `acked_s` is when the broker acknowledged it last."""

    topic: str
    payload: bytes
    acked_s: float | None = None


class Shelf:
    """Payloads in the order of their making: sent ones first, then those that wait."""

    def __init__(
        self, keep_s: float = KEEP_AFTER_PUBACK.total_seconds(), room: int = 100_000,
        pause_s: float = NOBODY_LISTENS_PAUSE_S,
    ) -> None:  # fmt: skip
        """`room` bounds what waits while the broker is away, beyond it the oldest is dropped and counted; `pause_s` is
        how long nothing is published when nobody listens."""
        self._keep_s = keep_s
        self._room = room
        self._pause_s = pause_s
        self._sent: deque[Parcel] = deque()
        self._waiting: deque[Parcel] = deque()
        self._unacked = 0
        self._unheard: list[Parcel] = []
        self._rests_until_s = 0.0
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

    def take(self, now_s: float) -> Parcel | None:
        """The next payload to send, in order; it stays on the shelf."""
        if now_s < self._rests_until_s:
            return None
        if self._unheard:
            self._unacked -= len(self._unheard)
            self._waiting.extendleft(reversed(self._unheard))
            self._unheard.clear()
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

    def unheard(self, parcel: Parcel, now_s: float) -> None:
        """The broker took it and nobody is subscribed: it is as if it had not been sent, and nothing is for a while."""
        with suppress(ValueError):  # sent again meanwhile, on another connection
            self._sent.remove(parcel)
            self._unheard.append(parcel)
            self._rests_until_s = now_s + self._pause_s

    def rewind(self, now_s: float) -> int:
        """A new connection: everything still kept is to be sent again, before what waits. How many come again."""
        again = self._unheard + [p for p in self._sent if p.acked_s is None or now_s - p.acked_s <= self._keep_s]
        self._sent.clear()
        self._waiting.extendleft(reversed(again))
        self._unheard.clear()
        self._unacked = 0
        self._rests_until_s = 0.0
        return len(again)

    @property
    def rests(self) -> bool:
        """Whether something waits for a pause to end."""
        return bool(self._unheard)

    @property
    def empty(self) -> bool:
        """Whether nothing waits and everything sent is acknowledged."""
        return not self._waiting and self._unacked == 0
