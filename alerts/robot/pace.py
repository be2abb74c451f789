"""How often a robot posts: one by one while little happens, else summaries, so that no limit is ever reached.

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
    """`window_s`: over which the provider counts. `singles`: events that are posted one by one in it; where more wait,
    all of them are one summary, the first at once and further ones every `summary_s`: a storm is shown in few posts,
    and costs us few. `most`: posts in the window at all, less than the provider allows, for what we send within a
    minute of ours may reach it within less. `spacing_s`: between any two."""

    singles: int
    most: int
    summary_s: float = 6.0
    spacing_s: float = 0.0
    window_s: float = 60.0

    def turn(self, ages_s: Sequence[float], waiting: int = 1) -> Turn:
        """`ages_s`: how long ago this group's last posts were; `waiting`: events to be shown."""
        recent = [age for age in ages_s if age < self.window_s]
        if len(recent) >= self.most or (recent and min(recent) < self.spacing_s):
            return Turn.NOTHING
        if waiting <= self.singles - len(recent):
            return Turn.ONE
        return Turn.SUMMARY if self.rest_s(ages_s) <= 0 else Turn.NOTHING

    def rest_s(self, ages_s: Sequence[float]) -> float:
        """How long until the next summary."""
        return self.summary_s - min(ages_s, default=self.summary_s)
