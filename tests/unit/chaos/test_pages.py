"""Steps of ladders, in the order of the log."""

from tests.chaos.pages import out_of_order


def test_steps_that_follow_each_other_are_in_order_whatever_other_alarms_do() -> None:
    assert out_of_order([("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)]) == []


def test_an_alarm_that_was_opened_again_begins_again() -> None:
    assert out_of_order([("a", 1), ("a", 2), ("a", 0), ("a", 1)]) == []


def test_a_skipped_and_a_doubled_step_are_named() -> None:
    assert out_of_order([("a", 2)]) == ["a: step 2 after step 0"]
    assert out_of_order([("a", 1), ("a", 1), ("a", 3)]) == ["a: step 1 after step 1", "a: step 3 after step 1"]
