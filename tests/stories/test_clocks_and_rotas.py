"""Who is called and by which ladder depends on the hour: swapped shifts, and the nights when clocks change."""

from calendars import agrees, it_is, ladder_between, offers_next_shift, takes_turns
from storyteller import Story

from alerts.moves import Move
from alerts.policy import Policy, Step

NIGHT = Policy(name="night", steps=(Step(0, ("rota:2",)), Step(60, ("manager",))))


async def test_who_has_agreed_to_a_swap_is_called_in_the_others_place(story: Story) -> None:
    await story.off_duty("lin")
    await takes_turns(story, 1, "lin", "wu")
    swap, begins_in_s = await offers_next_shift(story, "lin", "passer-by")
    await agrees(story, "passer-by", swap)
    await story.fast_forward(begins_in_s + 60)
    await story.press()
    await story.expect_call("passer-by", "desk")
    # On the day after it is the turn of whoever it was before.
    await story.does("passer-by", Move.RESOLVE)
    await story.expect_silence(86_400)
    await story.press()
    await story.expect_call("wu", "desk")


async def test_an_offer_that_nobody_agreed_to_changes_nothing(story: Story) -> None:
    await story.off_duty("lin")
    await takes_turns(story, 1, "lin", "wu")
    _, begins_in_s = await offers_next_shift(story, "lin", "passer-by")
    await story.fast_forward(begins_in_s + 60)
    await story.press()
    await story.expect_call("lin", "desk")


async def test_the_ladder_of_the_hour_holds_for_what_is_raised_in_it(story: Story) -> None:
    await it_is(story, "2027-06-01T05:59:50+08:00", "Asia/Shanghai")
    await ladder_between(story, "22:00", "06:00", NIGHT)
    await story.press()
    await story.expect_call("wu")
    await story.fast_forward(30)
    await story.press("smoke")
    await story.expect_call("lin", "desk")
    # What was raised at night goes on by the ladder of the night.
    await story.expect_call("manager", within=31)


async def test_in_the_hour_that_is_left_out_in_spring_there_is_a_ladder_at_every_moment(story: Story) -> None:
    await it_is(story, "2027-03-28T01:59:50+01:00", "Europe/Berlin")
    await ladder_between(story, "22:00", "02:30", NIGHT)
    await story.press()
    await story.expect_call("wu")
    # Ten seconds later it is three: the night is over before its time.
    await story.fast_forward(20)
    await story.press("smoke")
    await story.expect_call("lin", "desk")


async def test_in_the_hour_that_comes_twice_in_autumn_the_night_comes_twice(story: Story) -> None:
    await it_is(story, "2027-10-31T02:40:00+02:00", "Europe/Berlin")
    await ladder_between(story, "22:00", "02:30", NIGHT)
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.RESOLVE)
    # Half an hour later it is ten past two again.
    await story.expect_silence(1_800)
    await story.press()
    await story.expect_call("wu")
    await story.does("wu", Move.RESOLVE)
    await story.expect_silence(1_500)
    await story.press()
    await story.expect_call("lin", "desk")
