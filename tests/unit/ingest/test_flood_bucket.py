"""A gateway's bucket: nobody is refused what he was entitled to, and nobody gets more by anybody's clock."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.flood import SPAN_S, Bucket, weight
from ingest.mqtt import Incoming

RATE = 10.0
FULL = RATE * SPAN_S

#: Seconds between sentinels (a gap is an outage of ours), how long each waits in the queue, objects behind each.
STREAM = st.lists(
    st.tuples(st.sampled_from([1.0, 1.0, 5.0, 3600.0]), st.floats(0, 4000), st.integers(0, 50_000)), min_size=1,
    max_size=20,
)  # fmt: skip


def drain(stream: list[tuple[float, float, int]]) -> list[tuple[float, float, int, int]]:
    """Judge what stands before each sentinel, when that is reached: (published, drained, sent, let through)."""
    bucket = Bucket(RATE, FULL, 0.0)
    known_s = published_s = now_s = 0.0
    judged = []
    for gap_s, wait_s, sent in stream:
        published_s += gap_s
        now_s = max(now_s, published_s + wait_s)  # a queue is drained in its order
        through = min(sent, max(0, int(bucket.left(known_s, now_s))))
        bucket.spend(through, known_s)
        known_s = published_s
        judged.append((published_s, now_s, sent, through))
    return judged


@given(STREAM)
def test_what_was_published_within_the_limit_is_never_refused_however_late_it_comes(stream: list) -> None:
    """A stream that keeps to the limit between any two sentinels goes through whole."""
    within = [(gap_s, wait_s, min(sent, int(RATE * gap_s))) for gap_s, wait_s, sent in stream]
    for _, _, sent, through in drain(within):
        assert through == sent


@given(STREAM)
def test_nobody_takes_in_more_than_a_minutes_worth_and_the_limit_by_the_time_of_draining(stream: list) -> None:
    judged = [(0.0, 0.0, 0, 0), *drain(stream)]
    for begin in range(1, len(judged)):
        taken = 0
        for (_, before_s, _, _), (_, now_s, _, through) in pairwise(judged[begin - 1 :]):
            taken += through
            assert before_s <= now_s
            # Credit for the time that the first of them may have waited, and not a second more.
            assert taken <= FULL + RATE * (now_s - judged[begin - 1][0]) + 1


def test_an_hour_of_our_own_absence_is_an_hours_worth_and_the_next_minute_is_a_minutes() -> None:
    """3,600 messages in one go, published while nobody listened; then as many at once with everybody there."""
    bucket = Bucket(RATE, FULL, 0.0)
    assert bucket.left(0.0, 3_600.0) == FULL + 36_000
    bucket.spend(36_000, 0.0)
    assert bucket.left(3_600.0, 3_600.0) == FULL
    bucket.spend(FULL, 3_600.0)
    assert bucket.left(3_600.0, 3_600.0) == 0
    assert bucket.left(3_601.0, 3_601.0) == RATE


def test_a_clock_that_is_behind_the_databases_gives_no_less_than_the_bucket_holds() -> None:
    assert Bucket(RATE, FULL, 100.0).left(100.0, 40.0) == FULL


@pytest.mark.parametrize(
    ("payload", "objects"),
    [(b'{"id": "a"}', 1), (b'[{"id": "a"}]', 1), (b' [{"id":1},{"id":2}]', 2), (b"[]", 1), (b"", 1), (b"[garbage", 1)],
)
def test_an_array_counts_its_objects(payload: bytes, objects: int) -> None:
    assert weight(Incoming("t", payload, None, 1, 1, 0.0)) == objects
