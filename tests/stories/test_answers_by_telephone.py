"""Who is told by telephone answers by telephone: a reply, a link, a key; each about the one call that it belongs to."""

from answering import follows_link, presses_key, replies, reports
from storyteller import Story

from alerts.answers import Result
from alerts.moves import Move
from alerts.notification import Delivery


async def test_a_reply_with_its_code_is_an_answer_and_comes_twice_without_harm(story: Story) -> None:
    await story.telephones("sms", "voice", of=["lin", "wu"])
    await story.press()
    (told,) = await story.expect_call("lin", by="sms")
    assert await replies(story, "lin", f"1 {told.code}", reply_id="r1") is Result.GOING
    assert await replies(story, "lin", f"1 {told.code}", reply_id="r1") is None
    await story.expect_told("answer", "lin", by="sms")
    await story.expect(state="acknowledged", owner="lin", due_in=180)
    await story.expect_log("raised", "paged", "accepted")
    await story.expect_silence(100)


async def test_a_reply_that_he_cannot_come_calls_the_next_at_once(story: Story) -> None:
    await story.telephones("sms", of=["lin", "wu"])
    await story.press()
    await story.expect_call("lin", by="sms")
    assert await replies(story, "lin", "2") is Result.NOT_GOING
    await story.expect_told("answer", "lin", by="sms")
    await story.expect_call("wu", by="sms")


async def test_who_has_said_that_he_goes_and_then_that_he_cannot_gives_it_back(story: Story) -> None:
    await story.telephones("sms", "voice", of=["lin", "wu", "manager"])
    await story.press()
    (told,) = await story.expect_call("lin", by="sms")
    assert await replies(story, "lin", "1") is Result.GOING
    await story.expect_told("answer", "lin", by="sms")
    assert await replies(story, "lin", f"2 {told.code}") is Result.NOT_GOING, "and not that the alarm is over"
    await story.expect_told("answer", "lin", by="sms")
    await story.expect_call("wu", by="sms")
    await story.expect(state="raised", owner=None, step=2)
    await story.does("wu", Move.EN_ROUTE)
    await story.expect_told("handled", "lin", by="sms")
    assert await replies(story, "wu", "2") is Result.NOT_GOING
    await story.expect_told("answer", "wu", by="sms")
    await story.expect_call("manager", by="sms")
    await story.expect(state="raised", owner=None, step=3)


async def test_a_desk_that_cannot_after_all_gives_it_back(story: Story) -> None:
    await story.telephones("voice", of=["desk", "lin", "wu"])
    await story.press()
    _, desk = await story.expect_call("lin", "desk", by="voice")
    assert await presses_key(story, desk, "1") is Result.TAKEN
    assert await presses_key(story, desk, "2") is Result.NOT_GOING
    await story.expect_call("wu", by="voice")
    await story.expect(state="raised", owner=None, step=2)


async def test_of_two_desks_that_take_charge_the_first_hears_that_it_is_no_longer_his(story: Story) -> None:
    await story.telephones("voice", of=["desk", "lin"])
    await story.press()
    _, desk = await story.expect_call("lin", "desk", by="voice")
    assert await presses_key(story, desk, "1") is Result.TAKEN
    await story.does("manager", Move.ACKNOWLEDGE)
    await story.expect_told("taken_over", "desk", by="voice")
    await story.expect(state="acknowledged", owner="manager", due_in=120)
    await story.does("manager", Move.ACKNOWLEDGE)  # his own move again is none


async def test_a_key_is_an_answer_and_the_desks_key_takes_charge(story: Story) -> None:
    await story.telephones("voice", of=["lin", "desk", "wu"])
    await story.press()
    lin, desk = await story.expect_call("lin", "desk", by="voice")
    assert await presses_key(story, desk, "1") is Result.TAKEN
    await story.expect(state="acknowledged", owner="desk", due_in=120)
    assert await presses_key(story, lin, "7") is None, "no key that means anything"
    assert await presses_key(story, lin, "1") is Result.GOING
    await story.expect_told("handled", "desk")
    await story.expect(state="acknowledged", owner="desk", due_in=180)


async def test_from_a_stairwell_he_says_that_he_is_on_the_way_and_there(story: Story) -> None:
    await story.telephones("sms", of=["lin", "wu"])
    await story.press()
    await story.expect_call("lin", by="sms")
    assert await replies(story, "lin", "1") is Result.GOING
    (how,) = await story.expect_told("answer", "lin", by="sms")
    await story.fast_forward(120)
    assert await replies(story, "lin", "在楼里了吗") is Result.UNCLEAR
    await story.expect_told("answer", "lin", by="sms")
    await story.expect(state="acknowledged", owner="lin")
    assert await replies(story, "lin", f"3{how.code}") is Result.ON_THE_WAY
    await story.expect_told("answer", "lin", by="sms")
    await story.expect(state="en_route", owner="lin")
    await story.expect_silence(1_700)  # nobody else is called while he walks
    assert await replies(story, "lin", "到了") is Result.THERE
    await story.expect_told("answer", "lin", by="sms")
    await story.expect(state="on_scene", owner="lin")
    assert await replies(story, "lin", "4") is Result.THERE
    await story.expect_told("answer", "lin", by="sms")
    await story.expect_log("raised", "paged", "accepted", "en_route", "arrived")
    assert len(story.visits) == 1


async def test_stuck_on_the_way_one_word_and_the_others_need_not(story: Story) -> None:
    await story.telephones("sms", of=["lin", "wu"])
    await story.press()
    await story.expect_call("lin", by="sms")
    assert await replies(story, "lin", "3") is Result.ON_THE_WAY
    await story.expect_told("answer", "lin", by="sms")
    await story.expect_told("expired", "lin", within=1_801, by="sms")
    await story.expect_call("wu", by="sms")
    await story.expect(state="raised", owner=None)
    assert await replies(story, "lin", "在路上") is Result.ON_THE_WAY
    await story.expect_told("answer", "lin", by="sms")
    await story.expect_told("handled", "wu", by="sms")
    await story.expect(state="en_route", owner="lin", due_in=1_800)
    await story.expect_silence(1_700)


async def test_a_word_without_a_code_is_about_what_he_is_overdue_for_and_not_the_next_call(story: Story) -> None:
    await story.telephones("sms", of=["lin"])
    await story.press()
    await story.expect_call("lin", by="sms")
    await story.does("lin", Move.EN_ROUTE)
    await story.expect_told("expired", "lin", within=1_801, by="sms")
    first = story.alarm
    await story.press("smoke")
    await story.expect_call("lin", by="sms")
    assert await replies(story, "lin", "1") is Result.UNCLEAR, "either"
    await story.expect_told("answer", "lin", by="sms")
    assert await replies(story, "lin", "3") is Result.ON_THE_WAY
    await story.expect_told("answer", "lin", by="sms")
    await story.expect(state="raised", owner=None)
    story.alarm = first
    await story.expect(state="en_route", owner="lin", due_in=1_800)


async def test_who_went_by_a_key_is_written_to_how_he_goes_on_and_asked_when_he_says_nothing(story: Story) -> None:
    await story.telephones("voice", "sms", of=["lin", "wu"])
    await story.press()
    (call,) = await story.expect_call("lin", by="voice")
    assert await presses_key(story, call, "1") is Result.GOING
    (how,) = await story.expect_told("answer", "lin", by="sms")
    assert how.code
    (asked,) = await story.expect_told("expired", "lin", within=181, by="voice")
    await story.expect_call("wu", by="voice")
    assert await presses_key(story, asked, "3") is Result.ON_THE_WAY
    await story.expect_told("answer", "lin", by="sms")
    await story.expect_told("handled", "wu", by="voice")
    assert await replies(story, "lin", f"4{how.code}") is Result.THERE
    await story.expect_told("answer", "lin", by="sms")
    await story.expect(state="on_scene", owner="lin")


async def test_a_link_of_a_step_that_has_passed_counts_and_is_told_so(story: Story) -> None:
    await story.telephones("sms", of=["lin", "wu"])
    await story.press()
    (first,) = await story.expect_call("lin", by="sms")
    await story.expect_call("wu", within=60, by="sms")
    result = await follows_link(story, first, Move.ACCEPT)
    assert result.stale
    await story.expect_told("handled", "wu", by="sms")
    await story.expect(state="acknowledged", owner="lin", step=2)
    await follows_link(story, first, Move.ARRIVE)
    await story.expect(state="on_scene", owner="lin", due_in=3_600)


async def test_the_first_way_is_reported_as_failed_and_the_next_one_does_not_wait(story: Story) -> None:
    await story.telephones("sms", "voice", of=["lin"])
    story.providers["sms"].confirms = False
    await story.press()
    (told,) = await story.expect_call("lin", by="sms")
    await reports(story, told, Delivery.FAILED)
    await story.expect_call("lin", by="voice")
    # And the message itself goes out again, for the carrier may have been at fault.
    await story.expect_told("called again", "lin", within=11, by="sms")
    await reports(story, told, Delivery.DELIVERED)
    await story.does("lin", Move.ACCEPT)
    await story.expect_silence(100)


async def test_whoever_the_desk_puts_down_as_going_hears_of_it_and_can_say_that_he_does_not(story: Story) -> None:
    await story.telephones("sms", of=["lin", "wu"])
    await story.press()
    await story.expect_call("lin", by="sms")
    await story.does("desk", Move.ACCEPT, responder_id=story.people["wu"])
    await story.expect_told("handled", "lin", by="sms")
    (told,) = await story.expect_told("sent", "wu", by="sms")
    await story.expect(state="acknowledged", owner="wu", due_in=180)
    assert await replies(story, "wu", f"2 {told.code}") is Result.NOT_GOING
    await story.expect_told("answer", "wu", by="sms")
    await story.expect_call("wu", by="sms")  # the next step's
    await story.expect(state="raised", owner=None, step=2)


async def test_whoever_the_desk_puts_down_as_going_says_by_his_reply_that_he_is_on_the_way(story: Story) -> None:
    await story.telephones("sms", of=["lin"])
    await story.press()
    await story.expect_call("lin", by="sms")
    await story.does("desk", Move.ACCEPT, responder_id=story.people["lin"])
    (told,) = await story.expect_told("sent", "lin", by="sms")
    assert await replies(story, "lin", f"3 {told.code}") is Result.ON_THE_WAY
    await story.expect_told("answer", "lin", by="sms")
    await story.does("desk", Move.ARRIVE, responder_id=story.people["lin"])
    await story.expect_log("raised", "paged", "accepted", "en_route", "arrived")
    await story.expect_silence(30)
