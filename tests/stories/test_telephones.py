"""A person has several ways to be reached, and one after the other is tried until he answers."""

from storyteller import Story

from alerts.moves import Move


async def test_the_next_way_is_tried_until_he_answers(story: Story) -> None:
    await story.telephones("sms", "voice", of=["lin"])
    await story.press()
    await story.expect_call("lin", by="sms")
    await story.expect_silence(19)
    await story.expect_call("lin", within=2, by="voice")
    await story.does("lin", Move.ACCEPT)
    await story.expect_silence(100)


async def test_who_answers_is_not_called_by_the_next_way(story: Story) -> None:
    await story.telephones("sms", "voice", of=["lin"])
    await story.press()
    await story.expect_call("lin", by="sms")
    await story.fast_forward(10)
    await story.does("lin", Move.EN_ROUTE)
    await story.expect_silence(1_000)


async def test_a_number_that_does_not_exist_brings_the_next_way_at_once(story: Story) -> None:
    await story.telephones("sms", "voice", of=["lin"])
    story.providers["sms"].unknown.add("lin")
    await story.press()
    await story.expect_call("lin", by="voice")


async def test_a_provider_that_is_down_is_tried_again_and_the_next_way_at_once(story: Story) -> None:
    await story.telephones("sms", "voice", of=["lin"])
    story.providers["sms"].down = True
    await story.press()
    await story.expect_call("lin", by="voice")
    story.providers["sms"].down = False
    await story.expect_call("lin", within=5, by="sms")


async def test_other_news_just_before_keeps_none_from_his_telephone(story: Story) -> None:
    await story.telephones("sms", of=["lin"])
    await story.press()
    await story.expect_call("lin", by="sms")
    await story.does("lin", Move.ACCEPT)
    await story.fast_forward(10)
    assert not await story.cancel()
    await story.expect_told("cancel_remark", "lin", by="sms")
    await story.expect_silence(145)
    await story.press()
    await story.expect_told("repeated", "lin", by="sms")
    await story.expect_told("expired", "lin", within=29, by="sms")
    await story.press()
    story.nothing_unexpected()  # that somebody calls he has just heard


async def test_of_two_who_go_neither_is_told_that_he_need_not(story: Story) -> None:
    await story.on_duty("passer-by", 1)
    await story.telephones("sms", of=["lin", "passer-by", "desk"])
    await story.press()
    await story.expect_call("lin", "passer-by", "desk", by="sms")
    await story.does("lin", Move.ACCEPT)
    await story.expect_told("handled", "passer-by", "desk", by="sms")
    # Who had not read that yet accepts as well: were the first one told now that he need not, nobody would go.
    await story.does("passer-by", Move.ACCEPT)
    story.nothing_unexpected()
    await story.does("passer-by", Move.ARRIVE)
    await story.does("passer-by", Move.RESOLVE)
    await story.expect_told("resolved", "lin", "desk", by="sms")


async def test_everybody_who_was_called_hears_that_it_is_handled_and_over(story: Story) -> None:
    await story.telephones("sms", of=["lin", "desk", "wu"])
    await story.press()
    await story.expect_call("lin", "desk", by="sms")
    await story.does("lin", Move.ACCEPT)
    await story.expect_told("handled", "desk", by="sms")
    await story.does("lin", Move.RESOLVE)
    await story.expect_told("resolved", "desk", by="sms")
    await story.expect_silence(86_400)
