"""Which readings show that somebody is up and about."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import TYPES, Lane
from ingest.detect.activity import Last, is_compared, judge_change, may_be_activity

START = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("motion", True, True), ("motion", None, True), ("motion", 1.0, True), ("motion", False, False),
        ("motion", 0.0, False), ("presence", True, True), ("presence", False, False), ("door", True, True),
        ("door", False, True), ("bed", True, True), ("bed", False, True), ("water", True, True), ("water", 3.5, True),
        ("water", 0.0, False), ("power", True, True), ("power", 2000.0, False), ("steps", 12.0, True),
        ("steps", 0.0, False), ("steps", "many", False), ("heart_rate", 70.0, False), ("temperature", 21.0, False),
        ("worn", True, False), ("location", None, False), ("something new", True, False),
    ],
)  # fmt: skip
def test_what_may_be_activity(kind: str, value: float | bool | str | None, expected: bool) -> None:
    """Movement, use and change; no vital sign, no wattage, nothing unknown."""
    assert may_be_activity(kind, value) is expected


def test_everything_that_repeats_its_state_is_compared() -> None:
    """What may be activity is either movement, which counts each time, or compared with the value before."""
    counted_each_time = {
        kind for kind in TYPES[Lane.READING] if may_be_activity(kind, True) and not is_compared(kind, True)
    }
    assert counted_each_time == {"motion", "presence"}


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, unique_by=lambda one: one[0]))
def test_in_order_every_change_counts_once_and_nothing_else(readings: list[tuple[int, bool]]) -> None:
    """The first reading counts, then each that differs from the one before; delivered again, the same verdict."""
    last: Last | None = None
    before: bool | None = None
    for second, value in sorted(readings):
        last = judge_change(last, START + timedelta(seconds=second), value)
        assert last.changed is (value != before)
        assert judge_change(last, last.at, value) == last
        before = value


@given(st.integers(1, 1000), st.booleans(), st.booleans())
def test_what_comes_out_of_order_counts_for_its_own_time(seconds: int, value: bool, other: bool) -> None:
    """A backlog that comes late may be a change; it says nothing against anybody."""
    last = Last(START, value, changed=False)
    assert judge_change(last, START - timedelta(seconds=seconds), other).changed
