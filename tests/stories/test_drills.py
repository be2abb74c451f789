"""A manager has a drill: people are called as ever, nobody goes, and whoever calls in earnest comes first."""

from storyteller import Story

from alerts.moves import Move

EVERYBODY = ("lin", "wu", "desk", "manager")


async def test_nobody_answers_and_that_is_the_result_and_nothing_else(story: Story) -> None:
    await story.telephones("sms", of=EVERYBODY)
    drill = await story.drill(lasts_s=600)
    await story.expect_call("lin", "desk")
    await story.expect_call("wu", within=61)
    await story.expect_call("manager", within=61)
    # The ladder is climbed once, the last resort is not called, and the end comes by itself.
    await story.fast_forward(470)
    await story.expect_told("resolved", *EVERYBODY, within=20)
    await story.expect_told("drill_over", "manager")
    await story.expect(state="resolved", outcome="not_answered", owner=None, due_in=None)
    await story.expect_log("raised", "paged", "paged", "paged", "resolved")
    await story.expect_drill(drill, state="over", reason=None)
    await story.expect_silence(86_400)
    assert await story.alarms() == 1


async def test_everybody_declines_a_drill_and_is_asked_no_more(story: Story) -> None:
    await story.drill(lasts_s=600)
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.DECLINE)
    await story.expect_call("wu")
    await story.does("wu", Move.DECLINE)
    await story.expect_call("manager")
    await story.does("manager", Move.DECLINE)
    await story.expect_silence(590)


async def test_a_press_during_a_drill_climbs_untouched_and_the_drill_gives_way(story: Story) -> None:
    drill = await story.drill()
    await story.expect_call("lin", "desk")
    of_drill = story.alarm
    await story.fast_forward(10)
    press = await story.press()
    assert press != of_drill
    await story.expect_call("lin", "desk")
    await story.expect_call("wu", within=50)  # the drill's second step
    await story.expect_call("wu", within=11)  # and the call's own, a minute after it
    # It has waited for a minute: the drill is over, whoever was called is told, and the call goes on.
    await story.expect_told("resolved", "lin", "wu", within=16)
    await story.expect_drill(drill, state="called_off", reason="unanswered")
    await story.expect(state="raised", step=2)
    await story.expect_call("manager", within=61)
    await story.does("wu", Move.ACCEPT)
    await story.expect_told("handled", "lin", "manager")
    await story.expect_log("raised", "paged", "paged", "paged", "accepted")


async def test_who_accepts_a_drill_ends_it_and_answers_nothing_else(story: Story) -> None:
    await story.pair("daughter", "family")
    drill = await story.drill()
    await story.expect_call("lin", "desk")
    of_drill = story.alarm
    press = await story.press()
    await story.expect_call("lin", "desk")
    await story.expect_told("family_raised", "daughter")  # of the press alone
    story.alarm = of_drill
    await story.does("lin", Move.EN_ROUTE)
    await story.expect(state="resolved", outcome="test")
    assert story.visits == []
    story.alarm = press
    await story.expect(state="raised", step=1, owner=None, due_in=60)
    await story.expect_call("wu", within=61)
    await story.expect_drill(drill, state="over")


async def test_a_planned_drill_waits_while_a_call_is_unanswered_and_is_called_off_in_the_end(story: Story) -> None:
    drill = await story.drill(starts_in_s=60)
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("desk", Move.ACKNOWLEDGE)
    await story.press("fall")
    await story.expect_call("lin", "desk")
    await story.expect_call("wu", within=61)
    await story.expect_drill(drill, state="planned", reason="unanswered")
