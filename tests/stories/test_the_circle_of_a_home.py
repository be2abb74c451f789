"""Those who belong to a home: neighbours whom a step calls, and relatives who are told beside it."""

from setting import LADDER
from storyteller import Story

from alerts.moves import Move
from alerts.policy import Policy, Step


async def test_who_is_paired_with_the_home_is_called_by_his_step(story: Story) -> None:
    await story.pair("passer-by", "assigned")
    await story.pair("mrs-ma", "neighbour")
    await story.policy(
        Policy(name="near first", steps=(Step(0, ("assigned",)), Step(30, ("neighbours",)), *LADDER.steps[1:]))
    )
    await story.press()
    await story.expect_call("passer-by")
    await story.expect_call("mrs-ma", within=30)
    await story.does("mrs-ma", Move.ACCEPT)
    await story.expect_told("handled", "passer-by")
    await story.expect(state="acknowledged", owner=None)


async def test_a_home_without_neighbours_does_not_wait_for_them(story: Story) -> None:
    await story.policy(Policy(name="near first", steps=(Step(0, ("neighbours",)), Step(60, ("rota:1",)))))
    await story.press()
    await story.expect_call("lin")
    await story.expect_log("raised", "no_one_on_call", "paged", "paged")


async def test_relatives_are_told_beside_those_who_go_and_that_it_is_over(story: Story) -> None:
    await story.pair("sister", "family")
    await story.press()
    await story.expect_call("lin", "desk")
    await story.expect_told("family_raised", "sister")
    await story.does("lin", Move.EN_ROUTE)
    await story.expect_told("family_coming", "sister")
    await story.does("lin", Move.ARRIVE)
    await story.does("lin", Move.RESOLVE)
    await story.expect_told("family_over", "sister")
    await story.expect_silence(86_400)


async def test_of_what_was_only_inferred_relatives_hear_when_the_first_step_goes_unanswered(story: Story) -> None:
    await story.pair("sister", "family")
    await story.press("inactivity")
    await story.expect_call("lin", "desk")
    await story.expect_silence(59)
    await story.expect_call("wu", within=2)
    await story.expect_told("family_raised", "sister")
