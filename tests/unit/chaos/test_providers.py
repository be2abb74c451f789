"""What was sent again although we had been told that it was there."""

from tests.chaos.providers import needless


def test_sent_again_long_after_its_delivery_was_reported_is_needless() -> None:
    assert needless({"a": [0.0, 100.0]}, {"a": 3.0}) == ["message a was sent 97 s after it was reported as delivered"]


def test_again_before_a_report_or_while_one_attempt_is_under_way_is_not() -> None:
    assert needless({"a": [0.0, 60.0], "b": [0.0, 12.0], "c": [0.0, 500.0]}, {"a": 61.0, "b": 5.0}) == []
