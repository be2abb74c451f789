"""What messages of the alarm lane mean."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.wire import TYPES, Lane, Message
from ingest.detect.signals import LATE, late_s, read_signal

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "call", "cancel", "active"),
    [
        ("sos", "sos", None, True), ("assist", "assist", None, True), ("fall", "fall", None, False),
        ("smoke", "smoke", None, False), ("gas", "gas", None, False), ("leak", "leak", None, False),
        ("doorbell", "doorbell", None, False), ("sos_cancel", None, "sos", True), ("fall_cancel", None, "fall", True),
        ("check_in", None, None, True), ("hummed", None, None, False),
    ],
)  # fmt: skip
def test_every_type_has_its_meaning(kind: str, call: str | None, cancel: str | None, active: bool) -> None:
    """A call, a cancel, a sign of activity, or nothing; `false` never means anything."""
    signal = read_signal(Message(id="a", time=NOW, type=kind, value=True))
    assert (signal.call, signal.cancel, signal.active) == (call, cancel, active)
    negative = read_signal(Message(id="a", time=NOW, type=kind, value=False))
    assert (negative.call, negative.cancel, negative.active) == (None, None, False)


def test_no_type_of_the_alarm_lane_is_forgotten() -> None:
    """Each but the check-in calls or cancels."""
    for kind in TYPES[Lane.ALARM] - {"check_in"}:
        signal = read_signal(Message(id="a", time=NOW, type=kind))
        assert (signal.call is None) != (signal.cancel is None)


@pytest.mark.parametrize(
    ("age", "expected"), [(None, None), (timedelta(0), None), (LATE, None), (timedelta(seconds=61.5), 61)]
)
def test_a_press_is_late_after_a_minute(age: timedelta | None, expected: int | None) -> None:
    """One lost resend is no delay worth a word."""
    assert late_s(None if age is None else NOW - age, NOW) == expected
