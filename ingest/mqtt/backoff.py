"""How long to wait before the next connection."""

from random import Random

from ingest.mqtt.connection import Kind

_FIRST_S = {Kind.LOST: 0.1, Kind.REFUSED: 1.0, Kind.TAKEN_OVER: 5.0}
_LONGEST_S = {Kind.LOST: 5.0, Kind.REFUSED: 15.0, Kind.TAKEN_OVER: 60.0}
"""A lost connection is found again at once; a refused one needs a person; whoever took a session over may be right, and
two owners must not throw each other out in a tight loop."""


def pause_s(kind: Kind, attempt: int, chance: Random) -> float:
    """Seconds before attempt number `attempt` (1 = the first after the end): doubling, with half of it left to chance,
    so that the sessions of all workers do not come back in the same moment."""
    longest = min(_LONGEST_S[kind], _FIRST_S[kind] * 2.0 ** min(attempt - 1, 20))
    return longest * chance.uniform(0.5, 1.0)
