"""Nobody is there, or nobody answers: it never ends in silence."""

from msgspec.structs import replace
from recording import THE_LIST
from setting import LADDER
from storyteller import Story

from alerts.moves import Move


async def test_nobody_on_call_and_the_next_step_comes_at_once(story: Story) -> None:
    await story.off_duty("lin")
    await story.press()
    await story.expect_call("desk", "wu")
    await story.expect(step=2, due_in=60)
    await story.expect_log("raised", "no_one_on_call", "paged", "paged")


async def test_at_its_end_the_list_is_called_and_the_ladder_goes_round_until_somebody_answers(story: Story) -> None:
    await story.press()
    for exhausted in (False, True, True):
        await story.expect_call("lin", "desk", within=61)
        await story.expect(exhausted=exhausted)
        await story.expect_call("wu", within=61)
        await story.expect_call("manager", within=61)
        await story.expect(state="raised", exhausted=True, due_in=60)
        await story.expect_silence(59)
        await story.expect_told("last_resort", THE_LIST, within=2)
    await story.expect(step=9)
    await story.does("manager", Move.ACCEPT)
    await story.expect_told("handled", "lin", "wu", THE_LIST)
    await story.expect(owner="manager", exhausted=True)
    await story.does("manager", Move.RESOLVE)
    await story.expect_told("resolved", "lin", "wu", THE_LIST)
    await story.expect_silence(86_400)


async def test_everybody_declines_and_the_list_comes_at_once_and_the_next_round_keeps_its_distance(
    story: Story,
) -> None:
    await story.press()
    for _ in range(2):
        await story.expect_call("lin", "desk", within=1)
        await story.does("lin", Move.DECLINE)
        await story.expect_call("wu")
        await story.does("wu", Move.DECLINE)
        await story.expect_call("manager")
        await story.expect_silence(10)
        await story.does("manager", Move.DECLINE)
        await story.expect_told("last_resort", THE_LIST)
        await story.expect(state="raised", owner=None, exhausted=True)
        await story.expect_silence(100)
        await story.fast_forward(10)
    await story.expect_call("lin", "desk", within=1)


async def test_who_declines_after_the_list_was_called_is_called_again_when_the_next_round_comes(story: Story) -> None:
    await story.policy(replace(LADDER, steps=LADDER.steps[:1], loop_s=300))
    await story.press()
    for _ in range(2):
        await story.expect_call("lin", "desk", within=31)
        await story.expect_told("last_resort", THE_LIST, within=60)
        await story.does("lin", Move.DECLINE)
        await story.expect_silence(210)
    await story.expect_call("lin", "desk", within=31)


async def test_not_a_soul_and_then_somebody_comes_on_duty(story: Story) -> None:
    await story.off_duty("lin", "wu", "desk", "manager")
    await story.press()
    await story.expect_told("last_resort", THE_LIST)
    await story.expect(state="raised", owner=None, step=3, exhausted=True, due_in=120)
    await story.expect_silence(100)
    await story.on_duty("passer-by", 2)
    await story.expect_call("passer-by", within=21)
    await story.expect(step=5, due_in=60)


async def test_not_a_soul_in_a_ladder_of_many_rounds(story: Story) -> None:
    await story.policy(replace(LADDER, repeat=3))
    await story.off_duty("lin", "wu", "desk", "manager")
    await story.press()
    # Nobody has heard of it: the other rounds are for people who do.
    await story.expect_told("last_resort", THE_LIST)
    await story.expect(exhausted=True, step=3, due_in=120)
    await story.on_duty("passer-by", 1)
    await story.expect_call("passer-by", within=121)
    await story.expect_silence(100)


async def test_a_provider_that_is_down_delays_and_loses_nothing(story: Story) -> None:
    story.channel.down = True
    await story.press()
    await story.expect_silence(20)
    assert story.channel.refused > 4, "it is tried again and again"
    story.channel.down = False
    # Tried last after 15 s, and next after 31: before step 2, which comes after 60, however much real time passes too.
    await story.expect_call("lin", "desk", within=20)
    await story.expect_call("wu", within=60)
