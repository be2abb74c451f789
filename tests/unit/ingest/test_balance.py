"""Who serves which group: whatever comes, goes, or dies, and in whatever order workers look."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.balance import Colleague, plan, the_dead
from ingest.lease import LANE_LEASES

NAMES = [f"w{number}" for number in range(6)]

#: What happens next: a worker comes, leaves in order, dies, or has its turn.
events = st.lists(st.tuples(st.sampled_from(["come", "leave", "die", "turn", "turn"]), st.sampled_from(NAMES)))


class Lane:
    """The rows, and workers that look one after the other, as transactions let them."""

    def __init__(self) -> None:
        self.owners: dict[str, str | None] = dict.fromkeys(LANE_LEASES)
        self.workers: set[str] = set()
        self.moves = 0

    def happens(self, what: str, who: str) -> None:
        """One event; whoever dies is found dead at once, as the rows tell the same to everybody."""
        if what == "come":
            self.workers.add(who)
        elif what in ("leave", "die"):
            self.workers.discard(who)
            self.owners = {group: None if owner == who else owner for group, owner in self.owners.items()}
        elif who in self.workers:
            self.turn(who)

    def turn(self, who: str) -> None:
        """A round of one worker."""
        todo = plan(who, self.workers, self.owners)
        for group in todo.hand_over:
            assert self.owners[group] == who
            self.owners[group] = None
        free = [group for group, owner in self.owners.items() if owner is None and group not in todo.hand_over]
        for group in free[: todo.take]:
            self.owners[group] = who
            self.moves += 1

    def settle(self) -> None:
        """Everybody looks as often as it takes."""
        for _ in range(len(NAMES) + 2):
            for who in sorted(self.workers):
                self.turn(who)

    def counts(self) -> list[int]:
        """Groups of each worker."""
        held = Counter(self.owners.values())
        return [held[who] for who in self.workers]


@given(events)
def test_in_the_end_every_group_is_served_and_shares_are_equal(history: list[tuple[str, str]]) -> None:
    """Whatever happened, and whoever had his turn in the middle of it."""
    lane = Lane()
    for what, who in history:
        lane.happens(what, who)
    lane.happens("come", "w0")
    lane.settle()
    assert None not in lane.owners.values()
    assert max(lane.counts()) - min(lane.counts()) <= 1
    before = dict(lane.owners)
    lane.settle()
    assert lane.owners == before


@pytest.mark.parametrize("there", range(1, 6))
def test_who_comes_gets_a_share_and_nothing_else_moves(there: int) -> None:
    """Every move costs the group a reconnect."""
    lane = Lane()
    for who in NAMES[:there]:
        lane.happens("come", who)
    lane.settle()
    lane.moves = 0
    lane.happens("come", NAMES[there])
    lane.settle()
    assert lane.moves == len(LANE_LEASES) // (there + 1)


@pytest.mark.parametrize("there", range(2, 6))
def test_who_goes_leaves_his_groups_and_nothing_else_moves(there: int) -> None:
    lane = Lane()
    for who in NAMES[:there]:
        lane.happens("come", who)
    lane.settle()
    lane.moves, held = 0, Counter(lane.owners.values())[NAMES[0]]
    lane.happens("die", NAMES[0])
    lane.settle()
    assert lane.moves == held


def test_more_workers_than_groups_leaves_some_without() -> None:
    workers = [f"w{number}" for number in range(20)]
    owners: dict[str, str | None] = dict.fromkeys(LANE_LEASES)
    assert sorted(plan(who, workers, owners).quota for who in workers) == [0] * 3 + [1] * 17


def test_a_group_that_is_being_handed_over_is_nobodys_yet() -> None:
    """Its owner counts it no more and does not take it back, and nobody else may take it."""
    owners: dict[str, str | None] = {"0": "w0", "1": "", "2": "w0", "3": ""}
    assert plan("w0", ["w0", "w1"], owners).hand_over == []
    assert plan("w0", ["w0", "w1"], owners).take == 0
    assert plan("w1", ["w0", "w1"], owners).take == 2


HUNG = Colleague("hung", expired=True)
GONE = Colleague("gone", gone=True)
FINE = Colleague("fine")


def test_who_watched_long_enough_sees_who_is_dead() -> None:
    assert the_dead([HUNG, GONE, FINE], watched_s=4.0, lease_s=4.0, been_away=True) == ["hung", "gone"]


def test_who_was_away_himself_judges_nobody_at_first() -> None:
    """The database is back: the others' leases have run out and their connections are gone, as his own were."""
    assert the_dead([HUNG, GONE, Colleague("both", expired=True, gone=True)], 3.9, 4.0, been_away=True) == []


def test_who_has_just_started_takes_a_closed_connection_for_a_death_and_a_late_renewal_for_nothing_yet() -> None:
    """So a process that is started again has its groups back at once, and a slow one keeps its own."""
    assert the_dead([HUNG, GONE, FINE], 0.0, 4.0, been_away=False) == ["gone"]
