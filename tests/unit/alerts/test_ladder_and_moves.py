"""Moves and steps of one alarm in memory: what they change, whom they tell, and what they refuse."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from cases import BY_HAND, DESK, FIRST, LADDER, ON_CALL, SECOND, STRANGER, THIRD, WEARER, after, called, logged, raised

from alerts import ladder, lifecycle
from alerts.alarm import KINDS, Outcome, Priority, State
from alerts.case import Case
from alerts.lifecycle import Refused
from alerts.policy import DEFAULT_POLICY, PLATFORM_POLICY, WORK_ORDER_POLICY, Policy
from alerts.response import ResponseState


def test_each_step_calls_its_own_people_and_arms_the_next() -> None:
    case = raised()
    ladder.take_step(case, after(0), {"rota:1": [FIRST], "desk": [DESK]})
    assert called(case) == [FIRST, DESK]
    assert (case.state, case.step, case.due_at) == (State.RAISED, 1, after(60))
    ladder.take_step(case, after(60), {"rota:2": [SECOND], "desk": [DESK]})
    assert called(case) == [SECOND, DESK]
    ladder.take_step(case, after(120), {"manager": [THIRD]})
    assert (case.step, case.exhausted, case.due_at) == (3, True, after(180)), "then the last resort"
    assert set(case.answers) == {FIRST, SECOND, THIRD}, "the desk takes charge; it is no responder"


@pytest.mark.parametrize("unreachable", [{FIRST}, {FIRST, DESK}], ids=["him", "him and the desk"])
def test_a_step_that_sends_nobody_who_hears_of_it_is_followed_at_once(unreachable: set[UUID]) -> None:
    case = raised()
    ladder.take_step(case, after(0), {"rota:1": [FIRST], "desk": [DESK]}, unreachable=unreachable)
    assert called(case) == [FIRST, DESK], "told all the same"
    assert logged(case)[-2:] == ["not_reached", "paged"]
    assert case.due_at == after(0)
    ladder.take_step(case, after(0), {"rota:2": [FIRST, SECOND]}, unreachable=unreachable)
    assert case.due_at == after(60), "the second hears it"


def test_desk_and_responder_run_out_at_the_same_time() -> None:
    case = raised()
    ladder.take_step(case, after(0), ON_CALL)
    lifecycle.acknowledge(case, after(10), DESK, BY_HAND)
    lifecycle.accept(case, after(20), FIRST, BY_HAND)
    assert (case.owner_staff_id, case.due_at) == (DESK, after(200)), (
        "the desk's time does not run while somebody answers"
    )
    ladder.expire(case, after(200))
    assert logged(case)[-2:] == ["acceptance_expired", "acknowledgement_expired"]
    assert (case.owner_staff_id, case.state, case.due_at) == (None, State.RAISED, after(200))


OVERDUE_AT = after(10 + LADDER.en_route_s)


def on_the_way() -> Case:
    """FIRST has set out, and was to be there by OVERDUE_AT."""
    case = raised()
    ladder.take_step(case, after(0), ON_CALL)
    lifecycle.en_route(case, after(10), FIRST, BY_HAND)
    return case


def overdue() -> Case:
    """He is not there by then."""
    case = on_the_way()
    ladder.expire(case, OVERDUE_AT)
    return case


def test_who_is_overdue_holds_it_no_longer_and_the_ladder_goes_its_way() -> None:
    """He was to be there by now: as if he were not coming, and no step waits for somebody whom it did not call."""
    case = overdue()
    called(case)
    assert (case.state, case.owner_staff_id) == (State.RAISED, None)
    ladder.take_step(case, OVERDUE_AT, {"rota:2": [FIRST], "desk": []})
    assert called(case) == [], "he is not called again"
    assert case.due_at == OVERDUE_AT, "and nobody else was: the next step at once"
    ladder.take_step(case, OVERDUE_AT, {"manager": [THIRD]})
    assert called(case) == [THIRD]
    assert case.due_at == case.last_resort_at == OVERDUE_AT + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("comes", "span_s"), [(lifecycle.en_route, 1_800), (lifecycle.accept, 1_800), (lifecycle.arrive, 3_600)]
)
def test_who_is_overdue_and_comes_after_all_has_it_again(comes: Callable[..., object], span_s: int) -> None:
    case = overdue()
    ladder.take_step(case, OVERDUE_AT, {"rota:2": [SECOND]})
    again = OVERDUE_AT + timedelta(seconds=5)
    case.messages.clear()
    comes(case, again, FIRST, BY_HAND)
    assert (case.owner_staff_id, case.next_step_at) == (FIRST, None)
    assert case.due_at == again + timedelta(seconds=span_s)
    assert [(one.kind, one.staff_id) for one in case.messages] == [("handled", SECOND)]
    count = len(case.events)
    comes(case, again, FIRST, BY_HAND)
    assert len(case.events) == count, "he has said so"


def test_who_stays_overdue_is_asked_again_and_hurries_nothing() -> None:
    case = overdue()
    ladder.take_step(case, OVERDUE_AT, {"rota:2": [SECOND]})
    due = case.next_step_at = OVERDUE_AT + timedelta(hours=2)
    again = OVERDUE_AT + timedelta(seconds=case.policy.en_route_s)
    assert case.due_at == again
    ladder.expire(case, again)
    assert logged(case)[-1] == "arrival_overdue"
    assert case.next_step_at == due


def test_whoever_stays_away_has_nobody_called_while_somebody_else_is_there() -> None:
    case = overdue()
    lifecycle.arrive(case, OVERDUE_AT + timedelta(seconds=10), SECOND, BY_HAND)
    ladder.expire(case, OVERDUE_AT + timedelta(seconds=case.policy.en_route_s))
    assert logged(case)[-1] == "arrival_overdue"
    assert case.next_step_at is None


def test_who_is_overdue_and_gives_it_back_hurries_nothing() -> None:
    case = overdue()
    ladder.take_step(case, OVERDUE_AT, {"rota:2": [SECOND]})
    due = case.next_step_at
    lifecycle.hand_back(case, OVERDUE_AT + timedelta(seconds=5), FIRST, BY_HAND)
    assert (case.next_step_at, case.answers[FIRST].state) == (due, ResponseState.HANDED_BACK)


def test_while_somebody_comes_nobody_is_called_because_another_is_late() -> None:
    case = on_the_way()
    lifecycle.en_route(case, after(100), SECOND, BY_HAND)
    case.messages.clear()
    ladder.expire(case, OVERDUE_AT)
    assert (case.owner_staff_id, case.next_step_at) == (SECOND, None)
    lifecycle.arrive(case, OVERDUE_AT + timedelta(seconds=10), FIRST, BY_HAND)
    assert [(one.kind, one.staff_id) for one in case.messages] == [("expired", FIRST)]


def test_who_is_overdue_hears_what_whoever_holds_it_would_hear_and_is_overdue_no_longer_when_it_is_over() -> None:
    case = overdue()
    case.messages.clear()
    lifecycle.clear(case, OVERDUE_AT, OVERDUE_AT, {})
    assert [(one.kind, one.staff_id) for one in case.messages] == [("cleared_remark", FIRST)]
    lifecycle.resolve(case, OVERDUE_AT, DESK, BY_HAND, Outcome.HELP_GIVEN, None)
    assert not case.answers[FIRST].overdue


def test_the_desks_time_runs_while_the_only_one_on_the_way_is_overdue() -> None:
    case = overdue()
    later = OVERDUE_AT + timedelta(seconds=10)
    lifecycle.acknowledge(case, later, DESK, BY_HAND)
    assert (case.state, case.due_at) == (
        State.ACKNOWLEDGED, later + timedelta(seconds=case.policy.acknowledged_s),
    )  # fmt: skip


def test_an_overdue_responder_who_is_alone_on_the_ladder_is_not_called_for_ever() -> None:
    case = overdue()
    while case.next_step_at == OVERDUE_AT:
        ladder.take_step(case, OVERDUE_AT, {"rota:1": [FIRST], "desk": []})
    assert (case.step, case.exhausted) == (3, True), "to the end of the round"
    assert case.last_resort_at == OVERDUE_AT, "there is nobody left to call"
    assert case.next_step_at == OVERDUE_AT + timedelta(seconds=case.policy.loop_s)


def test_the_first_to_accept_owns_it_and_the_next_one_takes_over() -> None:
    case = raised()
    lifecycle.accept(case, after(1), SECOND, BY_HAND)
    lifecycle.accept(case, after(2), FIRST, BY_HAND)
    assert case.owner_staff_id == SECOND
    lifecycle.hand_back(case, after(3), SECOND, BY_HAND)
    assert (case.owner_staff_id, case.due_at) == (FIRST, after(182))


def test_whoever_was_not_called_may_come_too() -> None:
    case = raised()
    assert lifecycle.arrive(case, after(5), STRANGER, BY_HAND, at=after(4))
    answer = case.answers[STRANGER]
    assert (answer.state, answer.accepted_at, answer.arrived_at) == (ResponseState.ARRIVED, after(5), after(5))
    assert answer.device_at == after(4)
    assert not lifecycle.arrive(case, after(6), STRANGER, BY_HAND)
    assert answer.arrived_at == after(5)


def test_everybody_hears_once_that_it_is_handled_or_over() -> None:
    case = raised()
    ladder.take_step(case, after(0), ON_CALL)
    case.messages.clear()
    lifecycle.accept(case, after(1), FIRST, BY_HAND)
    assert {message.staff_id for message in case.messages if message.kind == "handled"} == {SECOND, THIRD}
    case.messages.clear()
    lifecycle.resolve(case, after(2), FIRST, BY_HAND, Outcome.HELP_GIVEN, None)
    assert [message.kind for message in case.messages] == ["resolved", "resolved"]


def test_a_refusal_says_why_and_changes_nothing() -> None:
    case = raised()
    lifecycle.accept(case, after(1), FIRST, BY_HAND)
    events, due_at = len(case.events), case.due_at
    with pytest.raises(Refused, match="hand it back"):
        lifecycle.decline(case, after(2), FIRST, BY_HAND)
    with pytest.raises(Refused, match="arrived"):
        lifecycle.leave(case, after(2), FIRST, BY_HAND)
    with pytest.raises(Refused, match="holds"):
        lifecycle.hand_back(case, after(2), SECOND, BY_HAND)
    lifecycle.arrive(case, after(3), FIRST, BY_HAND)
    with pytest.raises(Refused, match="already arrived"):
        lifecycle.en_route(case, after(4), FIRST, BY_HAND)
    assert due_at == after(181)
    assert logged(case)[events:] == ["arrived"]


def test_a_cancel_that_only_remarks_tells_those_who_are_on_it() -> None:
    case = raised()
    ladder.take_step(case, after(0), ON_CALL)
    lifecycle.acknowledge(case, after(1), DESK, BY_HAND)
    case.messages.clear()
    assert not lifecycle.cancel(case, after(2), WEARER, after(2))
    assert case.open
    assert {message.staff_id for message in case.messages if message.kind == "cancel_remark"} >= {DESK, FIRST}


@pytest.mark.parametrize("policy", [DEFAULT_POLICY, WORK_ORDER_POLICY, PLATFORM_POLICY])
def test_the_ladders_we_ship_always_have_somebody_to_tell_and_come_round(policy: Policy) -> None:
    for step in policy.steps:
        assert {"desk", "manager"} & set(step.call)
    assert policy.steps[0].delay_s == 0, "97.5 % within 60 s starts at once"


def test_sos_fall_smoke_and_gas_are_life_critical() -> None:
    critical = {kind for kind, one in KINDS.items() if one.priority is Priority.LIFE_CRITICAL}
    assert critical == {"sos", "fall", "smoke", "gas"}


def test_an_open_alarm_with_nothing_armed_is_due_at_once() -> None:
    """Only damaged data can be like this; whoever touches it wakes it."""
    case = raised()
    ladder.take_step(case, after(0), ON_CALL)
    case.next_step_at = None
    assert case.due_at == case.raised_at
    ladder.expire(case, after(30))
    assert case.next_step_at == after(30)
