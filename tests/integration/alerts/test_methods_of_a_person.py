"""Stories of a person's own methods: one after the other until he answers, and not a word too many afterwards."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time

import pytest
from fake_channel import FakeChannel
from station_world import StationWorld, founded

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.delivery import UNDELIVERED_S
from alerts.moves import Move
from alerts.outbox import Outbox
from alerts.policy import Policy, Step
from alerts.waiting import after_quiet
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id
from tests.at_work import at_work

ONLY_LIN = Policy(
    name="lin", steps=(Step(delay_s=0, call=("rota:1",)), Step(delay_s=600, call=("rota:1",))), loop_s=600
)


class Night:
    """The station, lin with an SMS and a voice method, and the outbox."""

    def __init__(self, world: StationWorld) -> None:
        self.world = world
        self.sms, self.voice = FakeChannel("sms"), FakeChannel("voice")
        self.outbox = Outbox(world.database, [self.sms, self.voice])

    async def method(self, who: str, channel: str, address: str, rank: int = 0, **more: object) -> None:
        """A verified method."""
        row = {"verified": "carebed_now()", "wait_s": 20, **more}
        await self.world.do(
            f"""INSERT INTO contact_method (id, staff_id, channel, address, rank, wait_s, verified_at)
               VALUES (:id, :staff, :channel, :address, :rank, :wait_s, {row["verified"]})""",
            id=new_id(), staff=self.world.people[who], channel=channel, address=address, rank=rank,
            wait_s=row["wait_s"],
        )  # fmt: skip

    async def after(self, seconds: float) -> None:
        """Time passes; then everything that is due goes out."""
        await self.world.after(seconds)
        await self.round()

    async def round(self) -> None:
        """One round of the outbox, with no pause or lease left from the one before."""
        await self.world.do(
            "UPDATE notification SET next_attempt_at = clock_timestamp() - interval '1 s'"
            " WHERE next_attempt_at < 'infinity'"
        )
        await self.outbox.cycle()

    async def states(self) -> dict[str, str]:
        """Address -> delivery state of the last call to it."""
        rows = await self.world.rows(
            """SELECT DISTINCT ON (address) address, state FROM notification
               JOIN contact_method ON contact_method.id = contact_method_id
               WHERE notification.kind = 'called'
               ORDER BY address, notification.created_at DESC, notification.id DESC"""
        )
        return {row.address: row.state for row in rows}


@pytest.fixture
async def night(urls: DatabaseUrls) -> AsyncIterator[Night]:
    """Lin alone on tier 1, with SMS first and voice after it."""
    async with founded(urls.engine, urls.owner, ("live", "sms", "voice")) as world:
        await world.policy(ONLY_LIN)
        await world.do("DELETE FROM rota WHERE staff_id <> :lin", lin=world.people["lin"])
        night = Night(world)
        await night.method("lin", "sms", "sms-lin")
        await night.method("lin", "voice", "voice-lin", 1, wait_s=30)
        yield night


async def test_the_next_method_comes_by_itself_when_the_first_stays_without_an_answer(night: Night) -> None:
    await night.world.alarm()
    await night.round()
    assert (night.sms.take(), night.voice.take()) == ([("sms-lin", "called")], [])
    await night.after(5)
    assert night.voice.take() == []
    await night.after(26)
    assert (night.sms.take(), night.voice.take()) == ([], [("voice-lin", "called")])


async def test_a_method_that_fails_brings_the_next_one_at_once(night: Night) -> None:
    night.sms.does = Undeliverable("no such number")
    await night.world.alarm()
    await night.round()
    await night.round()
    assert night.voice.take() == [("voice-lin", "called")]
    assert await night.states() == {"sms-lin": "failed", "voice-lin": "handed_over"}
    (row,) = await night.world.rows("SELECT failures, failed_at FROM contact_method WHERE address = 'sms-lin'")
    assert row.failures == 1
    assert row.failed_at is not None
    night.sms.take()
    await night.world.alarm("smoke")
    await night.round()
    assert night.voice.take() == [("voice-lin", "called")], "what failed comes last from now on"
    assert night.sms.take() == []
    await night.after(31)
    assert night.sms.take() == [("sms-lin", "called")], "and is still better than nothing"


async def test_a_provider_that_is_down_is_tried_again_and_the_next_method_as_well(night: Night) -> None:
    night.sms.does = NotTaken("HTTP 503")
    await night.world.alarm()
    await night.round()
    await night.round()
    assert night.voice.take() == [("voice-lin", "called")]
    assert night.sms.take() == [("sms-lin", "called")] * 2
    night.sms.does = Handover(delivered=True)
    await night.round()
    assert (await night.states())["sms-lin"] == "delivered"


async def test_a_provider_that_hangs_holds_up_no_other_channel(night: Night) -> None:
    hang = asyncio.Event()

    async def send(outgoing: Outgoing) -> Handover:
        night.sms.sent.append(outgoing)
        await hang.wait()
        return Handover()

    night.sms.send = send
    night.voice.does = Handover(delivered=True)
    await night.world.do("UPDATE contact_method SET wait_s = 0")
    async with at_work(night.outbox):
        for number in range(18):  # more than all the slots of SMS
            await night.world.alarm(key=f"alarm-{number}")
        async with asyncio.timeout(10):
            while len(night.voice.sent) < 18:
                await asyncio.sleep(0.02)


async def test_an_answer_withdraws_what_has_not_gone_out(night: Night) -> None:
    alarm = await night.world.alarm()
    await night.round()
    await night.world.move("lin", Move.ACCEPT, alarm)
    await night.after(120)
    assert (len(night.sms.take()), night.voice.take()) == (1, [])
    assert (await night.states())["voice-lin"] == "expired"


async def test_who_has_left_hears_nothing_more_of_an_alarm_that_he_was_called_to(night: Night) -> None:
    await night.world.alarm()
    await night.round()
    assert night.sms.take() == [("sms-lin", "called")]
    await night.world.do("UPDATE staff SET active = false WHERE id = :lin", lin=night.world.people["lin"])
    await night.after(UNDELIVERED_S + 1)
    await night.after(31)
    assert (night.sms.take(), night.voice.take()) == ([], [])
    assert await night.states() == {"sms-lin": "failed", "voice-lin": "failed"}
    assert not (await night.world.rows("SELECT FROM contact_method WHERE failures > 0 OR failed_at IS NOT NULL"))


async def test_who_has_left_is_not_told_of_the_end_nor_is_it_tried_by_another_method(night: Night) -> None:
    alarm = await night.world.alarm()
    await night.round()
    assert night.sms.take() == [("sms-lin", "called")]
    await night.world.do("UPDATE staff SET active = false WHERE id = :lin", lin=night.world.people["lin"])
    await night.world.move("passer-by", Move.ACCEPT, alarm)
    for _ in range(3):
        await night.round()
    assert (night.sms.take(), night.voice.take()) == ([], [])
    told = await night.world.rows(
        "SELECT channel, state, error FROM notification WHERE kind = 'handled' AND contact_method_id IS NOT NULL"
    )
    assert told == [("sms", "failed", "person has left")]


async def test_everybody_who_was_called_is_told_that_it_is_handled_and_nobody_else(night: Night) -> None:
    await night.method("wu", "sms", "sms-wu")
    alarm = await night.world.alarm()
    await night.after(31)
    assert (len(night.sms.take()), len(night.voice.take())) == (1, 1)
    await night.world.move("passer-by", Move.ACCEPT, alarm)
    await night.round()
    assert night.sms.take() == [("sms-lin", "handled")]
    assert night.voice.take() == [], "nobody is telephoned for what he can read"
    await night.world.move("passer-by", Move.RESOLVE, alarm)
    await night.round()
    assert night.sms.take() == [("sms-lin", "resolved")]


async def test_who_was_called_by_a_method_that_is_gone_hears_of_the_end_by_another(night: Night) -> None:
    await night.method("lin", "sms", "sms-new", 2)
    alarm = await night.world.alarm()
    await night.round()
    await night.world.do("UPDATE contact_method SET removed_at = carebed_now() WHERE address = 'sms-lin'")
    await night.world.move("passer-by", Move.ACCEPT, alarm)
    await night.round()
    assert (night.sms.take(), night.voice.take()) == ([("sms-lin", "called"), ("sms-new", "handled")], [])


async def test_news_that_one_method_does_not_take_come_by_the_next(night: Night) -> None:
    alarm = await night.world.alarm()
    await night.round()
    night.sms.does = Undeliverable("no such number")
    await night.world.move("passer-by", Move.ACCEPT, alarm)
    for _ in range(3):
        await night.round()
    assert night.sms.take() == [("sms-lin", "called"), ("sms-lin", "handled")]
    assert night.voice.take() == [("voice-lin", "handled")], "once"


async def test_a_desk_that_was_called_hears_that_it_is_handled_and_over(night: Night) -> None:
    await night.world.do("DELETE FROM policy")
    await night.world.policy(Policy(name="desk", steps=(Step(delay_s=0, call=("rota:1", "desk")),)))
    await night.method("desk", "sms", "sms-desk")
    alarm = await night.world.alarm()
    await night.round()
    assert night.sms.take() == [("sms-desk", "called"), ("sms-lin", "called")]
    await night.world.move("lin", Move.ACCEPT, alarm)
    await night.round()
    assert night.sms.take() == [("sms-desk", "handled")], "and not he who has accepted"
    await night.world.move("lin", Move.EN_ROUTE, alarm)
    await night.world.move("lin", Move.RESOLVE, alarm)
    await night.round()
    assert night.sms.take() == [("sms-desk", "resolved")]


async def test_a_call_of_whose_delivery_nothing_is_known_is_sent_again_until_somebody_answers(night: Night) -> None:
    alarm = await night.world.alarm()
    await night.round()
    await night.after(UNDELIVERED_S + 1)
    assert night.sms.take() == [("sms-lin", "called")] * 2
    await night.after(2 * UNDELIVERED_S + 1)
    assert night.sms.take() == [("sms-lin", "called")]
    await night.world.move("lin", Move.ACCEPT, alarm)
    await night.after(3600)
    assert night.sms.take() == [("sms-lin", "called")], "he has not moved: called anew, and that once"


async def test_a_delivered_call_is_not_sent_again_and_proves_its_method(night: Night) -> None:
    night.sms.does = Handover(delivered=True)
    await night.world.alarm()
    await night.round()
    await night.after(UNDELIVERED_S + 1)
    assert night.sms.take() == [("sms-lin", "called")]
    (row,) = await night.world.rows("SELECT delivered_at FROM contact_method WHERE address = 'sms-lin'")
    assert row.delivered_at is not None


async def test_the_next_step_takes_the_place_of_calls_that_wait(night: Night) -> None:
    await night.world.alarm()
    await night.round()
    await night.after(601)
    await night.round()
    rows = await night.world.rows(
        "SELECT count(*) AS n FROM notification WHERE channel = 'sms' AND due_at < 'infinity'"
    )
    assert rows[0].n == 1, "one call is under way for each method, however often the ladder goes round"


async def test_presses_again_and_again_ring_a_telephone_only_now_and_then(night: Night) -> None:
    alarm = await night.world.alarm()
    await night.world.move("lin", Move.ACCEPT, alarm)
    await night.world.shift(40)
    for _ in range(3):
        await night.world.press()
        await night.world.shift(2)
    await night.round()
    assert [kind for _, kind in night.sms.take()].count("repeated") == 1


async def test_what_was_verified_long_ago_comes_last_and_what_never_was_is_not_used(
    night: Night,
) -> None:
    await night.world.do(
        "UPDATE contact_method SET verified_at = carebed_now() - interval '200 days' WHERE channel = 'sms'"
    )
    await night.method("lin", "sms", "never", verified="NULL")
    await night.world.alarm()
    await night.round()
    assert (night.sms.take(), night.voice.take()) == ([], [("voice-lin", "called")])
    await night.after(21)
    assert night.sms.take() == [("sms-lin", "called")]


async def test_work_orders_go_together_once_a_span_and_not_in_quiet_hours(night: Night) -> None:
    await night.method("desk", "sms", "sms-desk")
    for number in range(3):
        await night.world.alarm("battery", key=f"battery-{number}")
    await night.round()
    assert night.sms.take() == []
    await night.after(61)
    assert [one.more for one in night.sms.sent] == [2]
    night.sms.take()
    await night.world.alarm("battery", key="battery-9")
    await night.after(600)
    assert night.sms.take() == []
    await night.after(1300)
    assert night.sms.take() == [("sms-desk", "called")]


async def test_work_orders_to_several_people_are_one_message_to_each_of_them(night: Night) -> None:
    await night.method("desk", "sms", "sms-desk")
    await night.method("night-desk", "sms", "sms-night-desk")
    async with night.world.database.transaction() as conn:
        await night.world.raise_in(conn, *(night.world.signal("battery", key=f"battery-{one}") for one in range(12)))
    await night.world.tick()
    await night.after(61)
    await night.outbox.cycle()
    assert sorted((one.address, one.more) for one in night.sms.sent) == [("sms-desk", 11), ("sms-night-desk", 11)]


async def test_quiet_hours_hold_work_orders_and_nothing_else(night: Night) -> None:
    await night.method("desk", "sms", "sms-desk")
    await night.world.do(
        """INSERT INTO quiet_hours (staff_id, quiet_from, quiet_until)
           SELECT id, (carebed_now() AT TIME ZONE 'Asia/Shanghai')::time - interval '10 minutes',
               (carebed_now() AT TIME ZONE 'Asia/Shanghai')::time + interval '3 hours' FROM staff"""
    )
    await night.world.alarm("battery")
    await night.world.alarm()
    await night.after(3600)
    assert set(night.sms.take()) == {("sms-lin", "called")}
    await night.after(3600)
    assert set(night.sms.take()) == {("sms-lin", "called")}
    await night.after(3700)
    assert ("sms-desk", "called") in night.sms.take()


def test_quiet_hours_run_over_midnight() -> None:
    evening = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai
    morning = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    for at in (evening, datetime(2026, 11, 22, 20, 0, tzinfo=UTC)):
        assert after_quiet(at, time(22), time(7), "Asia/Shanghai") == morning
    assert after_quiet(morning, time(22), time(7), "Asia/Shanghai") == morning
