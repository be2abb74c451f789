"""Fair turns, bounds, pauses: the arithmetic of the intake."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt.backoff import pause_s
from ingest.mqtt.bounds import Bounds, Load, fair_shares
from ingest.mqtt.connection import Kind


def test_equal_turns_and_what_one_does_not_need_goes_to_the_others() -> None:
    assert fair_shares([1_000, 1_000, 1_000], 300) == [100, 100, 100]
    assert fair_shares([1_000, 10, 0, 1_000], 300) == [145, 10, 0, 145]
    assert fair_shares([5, 5], 100) == [5, 5]
    assert fair_shares([9, 9, 9], 2) == [1, 1, 0]


@given(st.lists(st.integers(0, 500), max_size=20), st.integers(0, 3_000))
def test_shares_fill_the_batch_and_nobody_starves_beside_a_larger_share(queued: list[int], room: int) -> None:
    shares = fair_shares(queued, room)
    assert sum(shares) == min(room, sum(queued))
    assert all(0 <= share <= count for share, count in zip(shares, queued, strict=True))
    unsatisfied = [share for share, count in zip(shares, queued, strict=True) if share < count]
    assert not unsatisfied or max(shares) - min(unsatisfied) <= 1


def test_the_flooded_session_pauses_and_the_quiet_one_does_not() -> None:
    bounds = Bounds(Load(1_600, 10**9), sessions=4)  # 100 each, 1,200 for whoever comes first
    assert bounds.must_pause(Load(1_250, 0), Load(1_150, 0))
    assert not bounds.must_pause(Load(1_250, 0), Load(50, 0))
    assert not bounds.must_pause(Load(1_100, 0), Load(1_100, 0))


def test_bytes_count_like_messages() -> None:
    bounds = Bounds(Load(10**6, 1_600), sessions=4)
    assert bounds.must_pause(Load(3, 1_250), Load(1, 1_150))
    assert not bounds.must_pause(Load(3, 1_250), Load(2, 50))


@given(st.integers(1, 50), st.integers(1, 10**5), st.integers(0, 10**5), st.integers(0, 10**5))
def test_whoever_may_resume_need_not_pause(sessions: int, limit: int, others: int, own: int) -> None:
    bounds = Bounds(Load(limit, 10**9), sessions)
    load = Load(others + own, 0), Load(own, 0)
    assert not (bounds.may_resume(*load) and bounds.must_pause(*load))


@given(st.integers(1, 30), st.integers(1, 10**5))
def test_when_all_have_paused_the_limit_holds(sessions: int, limit: int) -> None:
    """Sessions that read one message at a time until each must pause never exceed the limit (but one each)."""
    bounds = Bounds(Load(limit, 10**9), sessions)
    own = max(1, limit // (4 * sessions))
    flooded = max(1, limit - own * sessions)
    everything = flooded + own * (sessions - 1)
    assert bounds.must_pause(Load(everything, 0), Load(own, 0))
    assert everything <= limit + sessions


@pytest.mark.parametrize("kind", Kind)
def test_pauses_double_up_to_a_limit_and_are_left_to_chance_by_half(kind: Kind) -> None:
    pauses = [pause_s(kind, attempt, Random(7)) for attempt in range(1, 40)]
    longest = {Kind.LOST: 5, Kind.REFUSED: 15, Kind.TAKEN_OVER: 60}[kind]
    assert pauses == sorted(pauses)
    assert longest / 2 <= pauses[-1] <= longest
    assert len({pause_s(kind, 9, Random(seed)) for seed in range(20)}) == 20


def test_a_lost_connection_is_tried_again_at_once_and_a_lost_fight_is_not() -> None:
    assert pause_s(Kind.LOST, 1, Random(1)) <= 0.1
    assert pause_s(Kind.TAKEN_OVER, 1, Random(1)) >= 2.5
