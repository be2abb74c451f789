"""Gaps between sentinels."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import GROUPS, Lane, sentinel_topic
from ingest.watermark import GAP, Stamp, is_gap, read_stamp

START = datetime(2026, 11, 22, tzinfo=UTC)

seconds = st.lists(st.integers(1, 100), min_size=1)


@given(seconds)
def test_a_gap_is_a_pause_between_two_sentinels_in_whatever_order_they_come(offsets: list[int]) -> None:
    """Not the age of the batch."""
    pauses = [later - earlier for earlier, later in zip([0, *sorted(offsets)], sorted(offsets), strict=False)]
    expected = max(pauses) > GAP.total_seconds()
    assert is_gap(START, [START + timedelta(seconds=one) for one in offsets]) is expected


@given(seconds)
def test_sentinels_of_the_past_are_no_gap(offsets: list[int]) -> None:
    """Delivered again after a reconnect."""
    assert not is_gap(START, [START - timedelta(seconds=one) for one in offsets])


def test_a_minute_of_one_batch_is_no_gap() -> None:
    """A slow commit, with a sentinel a second behind it."""
    assert not is_gap(START, [START + timedelta(seconds=one) for one in range(1, 61)])


def test_a_sentinel_is_read_and_nothing_else_is() -> None:
    """Stamps with zones; no nonsense, no missing half."""
    assert read_stamp(b'{"stamp":"2026-11-22T00:00:00Z","at":"2026-11-22T00:00:00Z"}') == Stamp(START, START)
    for payload in (b"", b"x", b"[]", b'{"stamp":"2026-11-22T00:00:00Z"}', b'{"stamp":1,"at":2}'):
        assert read_stamp(payload) is None
    assert len({sentinel_topic(group, Lane.ALARM) for group in GROUPS}) == len(GROUPS)
