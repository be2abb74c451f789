"""A fall that is not certain yet: how long nobody is paged, and what may end it. Kept with the alarm as JSON.

The figures are fixed when the fall is raised, so a parameter changed at night changes no fall that is under way. The
rule that makes one, and that knows movement when it sees it, is `ingest.detect.fall`.
"""

from datetime import datetime

import msgspec
from msgspec.structs import replace


class Movement(msgspec.Struct, frozen=True):
    """What showed that the person who was thought to have fallen moves: `type` of a reading, or a check-in."""

    at: datetime
    device_id: str
    type: str


class Suspicion(msgspec.Struct, frozen=True):
    """The windows of a suspected fall; times are aware UTC.

    Movement from `moves_from` to before `still_until` ends it, as far as it was heard of after `heard_at`, the receipt
    of the fall: whatever clocks say, that was not before the fall. From `page_at` on people are paged; until then the
    wearer may cancel.
    """

    fallen_at: datetime
    heard_at: datetime
    moves_from: datetime
    still_until: datetime
    page_at: datetime
    watching: bool = True
    """The stillness window has not been judged yet."""

    def fallen_again(self, later: "Suspicion") -> "Suspicion":
        """Another fall while this one is suspected: what moved before it says nothing any more, and no window ends
        later than it would have."""
        still_until = min(self.still_until, later.still_until)
        return Suspicion(
            fallen_at=max(self.fallen_at, later.fallen_at),
            heard_at=later.heard_at,
            moves_from=max(self.moves_from, later.moves_from),
            still_until=still_until,
            page_at=min(self.page_at, later.page_at),
            watching=self.watching and later.watching,
        )

    def judged(self) -> "Suspicion":
        """The stillness window is over and nothing has moved, as far as is known."""
        return replace(self, watching=False)
