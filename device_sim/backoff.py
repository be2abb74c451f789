"""How long a gateway waits before it connects again."""

import random

#: A connection that held so long was a good one: the next trouble is a new one.
_SETTLED_S = 30.0


class Backoff:
    """Pauses that double from half a second, until a connection has held.

    A connection that breaks soon after it was made counts as a failure too: two programs with one credential would
    otherwise throw each other out several times a second for ever (Mosquitto 2.0.11 does not tell them why).
    """

    def __init__(self, first_s: float = 0.5, longest_s: float = 30.0, chance: random.Random | None = None) -> None:
        """Half of each pause is drawn by chance, so that a city does not come back in one instant."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = min(first_s, longest_s)
        self._chance = chance or random.Random()

    def pause_s(self, held_s: float) -> float:
        """The pause after a connection that held for `held_s` (0 when none came about)."""
        if held_s >= _SETTLED_S:
            self._next_s = min(self._first_s, self._longest_s)
        pause_s = self._next_s * self._chance.uniform(0.5, 1.0)
        self._next_s = min(self._next_s * 2, self._longest_s)
        return pause_s
