"""When a session stops reading and when it reads again: memory is bounded, and no flood stops the others."""

from typing import NamedTuple


class Load(NamedTuple):
    """Messages received and not yet acknowledged, and their bytes."""

    messages: int
    size_bytes: int


class Bounds:
    """A quarter of the limit is dealt out to the sessions, each its own; the rest is for whoever comes first.

    So all that is pending stays below the limit (plus one socket read a session), and a quiet session goes on reading
    while a flooded one waits.
    """

    def __init__(self, limit: Load, sessions: int) -> None:
        own = Load(max(1, limit.messages // (4 * sessions)), max(1, limit.size_bytes // (4 * sessions)))
        self._own = own
        self._all = Load(
            max(1, limit.messages - own.messages * sessions), max(1, limit.size_bytes - own.size_bytes * sessions)
        )

    def must_pause(self, everything: Load, own: Load) -> bool:
        """Too much is pending, and this session holds more than its own share of it."""
        return _over(everything.messages, self._all.messages, own.messages, self._own.messages) or _over(
            everything.size_bytes, self._all.size_bytes, own.size_bytes, self._own.size_bytes
        )

    def may_resume(self, everything: Load, own: Load) -> bool:
        """Well below again: three quarters, so that a socket is not paused and resumed with every batch."""
        return not self.must_pause(
            Load(everything.messages * 4 // 3, everything.size_bytes * 4 // 3),
            Load(own.messages * 4 // 3, own.size_bytes * 4 // 3),
        )


def _over(everything: int, all_limit: int, own: int, own_limit: int) -> bool:
    return everything >= all_limit and own >= own_limit


def fair_shares(queued: list[int], room: int) -> list[int]:
    """How many messages each session contributes to a batch of `room`: equal turns, and what one does not need goes to
    the others; the first in the list get what does not divide."""
    shares = [0] * len(queued)
    left = [index for index, count in enumerate(queued) if count]
    while left and room > 0:
        turn = max(1, room // len(left))
        for index in left:
            taken = min(turn, queued[index] - shares[index], room)
            shares[index] += taken
            room -= taken
        left = [index for index in left if shares[index] < queued[index]]
    return shares
