"""Those who answer: what they promise and do not keep brings the alarm back."""

import pytest
from answering import board_falls_silent
from msgspec.structs import replace
from recording import THE_LIST
from setting import LADDER
from storyteller import Story

from alerts.alarm import Outcome
from alerts.moves import Move


async def test_a_press_calls_step_after_step_until_somebody_answers(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.expect_silence(59)
    await story.expect_call("wu", within=2)
    await story.does("wu", Move.ACCEPT)
    await story.expect_told("handled", "lin")
    await story.expect(state="acknowledged", owner="wu", step=2, due_in=180)


async def test_the_desk_takes_charge_and_nobody_goes(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("desk", Move.ACKNOWLEDGE)
    await story.expect(state="acknowledged", owner="desk", due_in=120)
    await story.expect_silence(119)
    await story.expect_told("expired", "desk", within=2)
    await story.expect_call("wu")
    await story.expect(state="raised", owner=None, step=2, due_in=60)
    await story.expect_log("raised", "paged", "acknowledged", "acknowledgement_expired", "paged")


async def test_the_desk_signs_off_and_its_alarm_goes_on(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("desk", Move.ACKNOWLEDGE)
    await story.fast_forward(10)
    await story.signs_off("desk")
    await story.expect_call("wu")
    await story.expect(state="raised", owner=None, step=2)


async def test_accepted_and_not_moving(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.ACCEPT)
    await story.expect_silence(179)
    await story.expect_told("expired", "lin", within=2)
    await story.expect_call("wu")
    await story.expect(state="raised", owner=None, step=2)
    # He wakes up after all: it is his again, and the other one is told.
    await story.does("lin", Move.EN_ROUTE)
    await story.expect_told("handled", "wu")
    await story.expect(state="en_route", owner="lin", due_in=1_800)


async def test_on_the_way_and_never_there(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.EN_ROUTE)
    await story.expect_silence(1_799)
    await story.expect_told("expired", "lin", within=2)
    await story.expect_call("wu")
    # Nobody relies on him any more; he may still come.
    await story.expect(state="raised", owner=None, step=2)
    await story.does("wu", Move.ACCEPT)
    await story.expect(state="acknowledged", owner="wu")
    await story.does("lin", Move.ARRIVE)
    await story.expect(state="on_scene", owner="lin")


async def test_on_the_way_and_never_there_with_nobody_left_on_the_last_step(story: Story) -> None:
    await story.off_duty("manager")
    await story.press()
    await story.expect_call("lin", "desk")
    await story.expect_call("wu", within=61)
    await story.does("wu", Move.EN_ROUTE)
    await story.expect_told("handled", "lin")
    # The last step has nobody: the last resort is called, and the ladder begins again.
    await story.expect_told("expired", "wu", within=1_801)
    await story.expect_told("last_resort", THE_LIST)
    await story.expect_call("lin", "desk", within=121)
    await story.expect(state="raised", owner=None, step=4)
    # A word from him, and the others need not.
    await story.does("wu", Move.EN_ROUTE)
    await story.expect_told("handled", "lin", THE_LIST)
    await story.expect(state="en_route", owner="wu", due_in=1_800)


async def test_on_scene_too_long(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.ARRIVE)
    await story.expect_silence(3_599)
    await story.expect_told("expired", "lin", within=2)
    await story.expect_call("wu")
    await story.expect(state="on_scene", owner="lin")
    await story.does("lin", Move.RESOLVE)
    await story.expect_told("resolved", "wu")
    await story.expect(state="resolved", outcome="help_given", due_in=None)
    await story.expect_silence(86_400)


async def test_hand_back_calls_the_next_at_once(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.ACCEPT)
    await story.does("lin", Move.HAND_BACK)
    await story.expect_call("wu")
    await story.expect(state="raised", owner=None, step=2)


async def test_hand_back_to_a_desk_that_has_taken_charge(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("desk", Move.ACKNOWLEDGE)
    await story.does("lin", Move.ACCEPT)
    await story.expect_told("handled", "desk")
    await story.does("lin", Move.HAND_BACK)
    await story.expect_told("handed_back", "desk")
    await story.expect(state="acknowledged", owner="desk", due_in=120)


async def test_the_only_one_there_is_hands_back(story: Story) -> None:
    await story.off_duty("wu", "desk", "manager")
    await story.press()
    await story.expect_call("lin")
    await story.does("lin", Move.ACCEPT)
    await story.does("lin", Move.HAND_BACK)
    # Nobody else is there: the ladder is at its end at once, and the list is called.
    await story.expect_told("last_resort", THE_LIST)
    await story.expect(state="raised", owner=None, step=3, exhausted=True, due_in=120)
    await story.expect_call("lin", within=121)


async def test_a_board_that_falls_silent_gives_its_alarm_back(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("desk", Move.ACKNOWLEDGE)
    await story.expect(owner="desk")
    await board_falls_silent(story, "desk")
    await story.expect_call("wu")
    await story.expect(state="raised", owner=None, step=2, due_in=60)
    await story.expect_log("raised", "paged", "acknowledged", "returned", "paged")


async def test_handed_to_120_with_its_reference(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.ARRIVE)
    with pytest.raises(ValueError, match="reference"):
        await story.does("lin", Move.RESOLVE, outcome=Outcome.HANDED_TO_120)
    await story.expect(state="on_scene", owner="lin")
    await story.does("lin", Move.RESOLVE, outcome=Outcome.HANDED_TO_120, reference="120-4711")
    await story.expect(state="resolved", outcome="handed_to_120", reference="120-4711", due_in=None)
    await story.expect_silence(86_400)


async def test_the_last_one_declines_and_the_next_are_called_at_once(story: Story) -> None:
    await story.on_duty("passer-by", 1)
    await story.press()
    await story.expect_call("lin", "passer-by", "desk")
    await story.does("passer-by", Move.DECLINE)
    await story.expect_silence(30)
    await story.does("lin", Move.DECLINE)
    await story.expect_call("wu")
    await story.expect(step=2, due_in=60)


async def test_an_answer_to_a_step_that_has_passed_counts_and_is_told_so(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.expect_call("wu", within=60)
    result = await story.does("lin", Move.ACCEPT, step=1)
    assert result.stale
    assert result.refused is None
    await story.expect_told("handled", "wu")
    await story.expect(state="acknowledged", owner="lin")
    # To one that is over it no longer counts, and is on record.
    await story.does("lin", Move.RESOLVE)
    await story.expect_told("resolved", "wu")
    late = await story.does("wu", Move.ACCEPT, step=2)
    assert late.refused == "The alarm is already resolved."
    await story.expect_log("raised", "paged", "paged", "accepted", "resolved", "move_refused")


async def test_reopened_it_begins_again(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.RESOLVE)
    await story.expect_silence(3_600)
    await story.does("desk", Move.REOPEN, note="She called again.")
    await story.expect_call("lin", "desk")
    await story.expect(state="raised", step=1, due_in=60, outcome=None)
    await story.expect_call("wu", within=60)


async def test_within_the_span_of_its_ladder_it_can_be_opened_again_and_the_span_begins_anew(story: Story) -> None:
    await story.policy(replace(LADDER, reopen_s=600))
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.RESOLVE)
    await story.expect_silence(599)
    assert (await story.does("desk", Move.REOPEN)).refused is None
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.RESOLVE)
    await story.expect_silence(599)
    assert (await story.does("desk", Move.REOPEN)).refused is None
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.RESOLVE)
    await story.expect_silence(601)
    assert (await story.does("desk", Move.REOPEN)).refused is not None
    await story.expect(state="resolved", due_in=None)
    # Who presses now is helped by a new one.
    await story.press()
    await story.expect_call("lin", "desk")


async def test_after_a_day_it_stays_closed(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.RESOLVE)
    await story.fast_forward(86_401)
    result = await story.does("desk", Move.REOPEN)
    assert result.refused is not None
    await story.expect(state="resolved", due_in=None)
