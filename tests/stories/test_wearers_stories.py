"""The wearer presses again, cancels, falls."""

from storyteller import Story

from alerts.moves import Move


async def test_cancelled_before_anybody_took_it(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    assert await story.cancel()
    await story.expect_told("cancelled", "lin")
    await story.expect(state="cancelled", due_in=None)
    await story.expect_silence(3_600)


async def test_cancelled_after_somebody_took_it_is_for_him_to_judge(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.ACCEPT)
    assert not await story.cancel()
    await story.expect_told("cancel_remark", "lin")
    await story.expect(state="acknowledged", owner="lin")
    # And it stays a matter for people when he does not keep his word.
    await story.expect_told("expired", "lin", within=181)
    await story.expect_call("wu")
    assert not await story.cancel()
    await story.expect_told("cancel_remark", "lin", "wu")
    await story.expect(state="raised")


async def test_pressed_again_tells_holder_and_desk_and_moves_no_deadline(story: Story) -> None:
    await story.press()
    await story.expect_call("lin", "desk")
    await story.does("lin", Move.ACCEPT)
    await story.fast_forward(60)
    await story.press()
    await story.expect_told("repeated", "lin", "desk")
    await story.expect(repeats=1, owner="lin", due_in=120)


async def test_a_suspected_fall_calls_nobody_until_its_windows_are_over(story: Story) -> None:
    await story.press("fall", suspected_s=90)
    await story.expect(state="suspected", step=0, due_in=90)
    await story.expect_silence(89)
    await story.expect_call("lin", "desk", within=2)
    await story.expect_log("suspected", "confirmed", "paged")


async def test_a_fall_that_is_cancelled_in_time_disturbs_nobody(story: Story) -> None:
    await story.press("fall", suspected_s=90)
    await story.fast_forward(60)
    assert await story.cancel("fall")
    await story.expect(state="cancelled", due_in=None)
    await story.expect_silence(3_600)
