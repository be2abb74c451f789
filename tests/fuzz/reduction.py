"""The smallest failure that is left of a round: fewer deliveries, then fewer bytes."""

from collections.abc import Awaitable, Callable
from copy import copy

from tests.fuzz.rounds import Failure, Round
from tests.fuzz.script_broker import Delivery

Given = list[tuple[str, Delivery]]
Play = Callable[[Round], Awaitable[list[Failure]]]
"""Plays a round on a stage and a database of its own."""

_TRIES = 120


class Reduction:
    """Tries at most `_TRIES` smaller rounds. `play` starts from nothing each time."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._tries = 0

    async def smallest(self, plan: Round, failures: list[Failure]) -> Given | None:
        """What still fails; None where the deliveries alone, without the rounds before, do not."""
        named = {id(one.delivery) for one in failures}
        suspects = [one for one in plan.given if id(one[1]) in named]
        if suspects and await self._fails(suspects):
            given = suspects
        elif await self._fails(plan.given):
            given = plan.given
        else:
            return None
        given = await self._fewer(given)
        if len(given) == 1:
            given = [await self._shorter(*given[0])]
        return given

    async def _fails(self, given: Given) -> bool:
        self._tries += 1
        return bool(await self._play(Round(given=[(session, copy(one)) for session, one in given])))

    async def _fewer(self, given: Given) -> Given:
        """Leave out halves, quarters, ... as long as it still fails."""
        pieces = 2
        while len(given) > 1 and self._tries < _TRIES:
            size = -(-len(given) // pieces)
            for start in range(0, len(given), size):
                rest = given[:start] + given[start + size :]
                if rest and await self._fails(rest):
                    given, pieces = rest, max(2, pieces - 1)
                    break
            else:
                if size == 1:
                    return given
                pieces = min(len(given), pieces * 2)
        return given

    async def _shorter(self, session: str, delivery: Delivery) -> tuple[str, Delivery]:
        """Cut pieces out of the payload as long as it still fails."""
        size = len(delivery.payload) // 2
        while size and self._tries < _TRIES:
            start = 0
            while start < len(delivery.payload) and self._tries < _TRIES:
                less = copy(delivery)
                less.payload = delivery.payload[:start] + delivery.payload[start + size :]
                if await self._fails([(session, less)]):
                    delivery = less
                else:
                    start += size
            size //= 2
        return session, delivery
