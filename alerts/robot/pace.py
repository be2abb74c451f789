"""How often a robot posts: the first few of a minute one by one, then summaries, so that no limit is ever reached.

A pure rule over the times of the last posts, which stand in the database (`robot_group.posts`): whichever process
posts next goes on where the last one stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Turn(Enum):
    """What a group may post now."""

    NOTHING = "nothing"
    ONE = "one"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Pace:
    """`window_s`: over which the provider counts. `singles`: posts in it after which only summaries go out, one every
    `summary_s`. `most`: posts in it at all, less than the provider allows: what we send within one minute of ours may
    reach it within less. `spacing_s`: between any two."""

    singles: int
    most: int
    summary_s: float = 6.0
    spacing_s: float = 0.0
    window_s: float = 60.0

    def turn(self, ages_s: Sequence[float]) -> Turn:
        """`ages_s`: how long ago this group's last posts were."""
        recent = [age for age in ages_s if age < self.window_s]
        if len(recent) >= self.most or (recent and min(recent) < self.spacing_s):
            return Turn.NOTHING
        if len(recent) < self.singles:
            return Turn.ONE
        return Turn.SUMMARY if min(recent) >= self.summary_s else Turn.NOTHING
