"""Pressed again and again: the next step comes at once, one at a time."""

from cases import BY_HAND, DESK, FIRST, ON_CALL, WEARER, after, logged, raised

from alerts import ladder, lifecycle
from alerts.case import Case
from alerts.urgency import Urgency, press

THREE = Urgency(presses=3, span_s=30, pause_s=15)


def pressed(*seconds: float) -> tuple[Case, list[bool]]:
    """An alarm whose first step has been taken, pressed at these moments; the first press opened it."""
    case = raised()
    case.presses = (after(0),)
    ladder.take_step(case, after(0), ON_CALL)
    return case, [press(case, after(second), WEARER, 1, THREE) for second in seconds]


def test_the_third_press_within_half_a_minute_brings_the_next_step() -> None:
    case, urged = pressed(5, 10)
    assert urged == [False, True]
    assert (case.next_step_at, case.due_at) == (after(10), after(10))
    event = case.events[-1]
    assert (event.type, event.data) == ("urged", {"presses": 3, "within_s": 30, "brings": 2})


def test_presses_that_are_far_apart_bring_nothing() -> None:
    case, urged = pressed(20, 40, 55)
    assert urged == [False, False, False]
    assert case.next_step_at == after(60)


def test_one_step_at_a_time_and_not_more_often_than_every_so_many_seconds() -> None:
    case, _ = pressed(2, 4)
    ladder.take_step(case, after(4), ON_CALL)
    assert case.step == 2
    assert [press(case, after(second), WEARER, 1, THREE) for second in (6, 8, 10, 12, 18)] == [False] * 5
    assert press(case, after(19), WEARER, 1, THREE)
    ladder.take_step(case, after(19), ON_CALL)
    assert (case.step, logged(case).count("urged")) == (3, 2)


def test_a_step_that_is_due_already_is_not_brought_forward_and_the_presses_count_on() -> None:
    case = raised()
    case.presses = (after(0),)
    assert not press(case, after(1), WEARER, 1, THREE)
    assert not press(case, after(2), WEARER, 1, THREE), "nobody has taken the first step yet"
    ladder.take_step(case, after(2), ON_CALL)
    assert press(case, after(3), WEARER, 1, THREE)


def test_a_double_press_is_two() -> None:
    case, _ = pressed()
    assert press(case, after(3), WEARER, 2, THREE)


def test_whoever_holds_it_is_not_overrun_and_a_suspicion_keeps_its_windows() -> None:
    held, _ = pressed()
    lifecycle.acknowledge(held, after(1), DESK, BY_HAND)
    suspected = raised(suspected_s=80)
    accepted, _ = pressed()
    lifecycle.accept(accepted, after(1), FIRST, BY_HAND)
    for case in (held, suspected, accepted):
        due_at = case.due_at
        assert not press(case, after(2), WEARER, 5, THREE)
        assert case.due_at == due_at
