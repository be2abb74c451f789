"""Relatives have methods, too: the next one comes when the first does not arrive, and nobody who goes waits for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fake_channel import FakeChannel
from station_world import AREA, StationWorld, founded

from alerts.channel import Handover, Outgoing, Undeliverable
from alerts.delivery import report
from alerts.moves import Move
from alerts.notification import Delivery
from alerts.outbox import Outbox
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id
from tests.at_work import at_work


class Evening:
    """A daughter with an SMS and a voice method, and the outbox."""

    def __init__(self, world: StationWorld) -> None:
        self.world = world
        self.sms, self.voice = FakeChannel("sms"), FakeChannel("voice")
        self.outbox = Outbox(world.database, [self.sms, self.voice])

    async def method(self, who: str, channel: str, rank: int = 0, wait_s: int = 20) -> None:
        """A verified method."""
        await self.world.do(
            """INSERT INTO contact_method (id, staff_id, channel, address, rank, wait_s, verified_at)
               VALUES (:id, :staff, :channel, :address, :rank, :wait_s, carebed_now())""",
            id=new_id(), staff=self.world.people[who], channel=channel, address=f"{channel}-{who}", rank=rank,
            wait_s=wait_s,
        )  # fmt: skip

    async def after(self, seconds: float) -> list[tuple[str, str]]:
        """Time passes, and everything that is due goes out, without pauses; what the relative gets."""
        await self.world.after(seconds)
        for _ in range(2):
            await self.world.do(
                "UPDATE notification SET next_attempt_at = clock_timestamp() - interval '1 s'"
                " WHERE next_attempt_at < 'infinity'"
            )
            await self.outbox.cycle()
        return [one for one in (*self.sms.take(), *self.voice.take()) if one[0].endswith("daughter")]

    async def reports(self, kind: str, state: Delivery) -> None:
        """The provider says what became of the SMS of this kind."""
        (row,) = await self.world.rows(
            "SELECT provider_id FROM notification WHERE kind = :kind AND channel = 'sms'", kind=kind
        )
        async with self.world.database.transaction() as conn:
            assert await report(conn, "sms", row.provider_id, state, channels=("sms", "voice"))


@pytest.fixture
async def evening(urls: DatabaseUrls) -> AsyncIterator[Evening]:
    """Nobody of the staff has a method but lin, where a story gives her one."""
    async with founded(urls.engine, urls.owner, ("live", "sms", "voice")) as world:
        world.people["daughter"] = new_id()
        await world.do(
            "INSERT INTO staff (id, name, role, area_code) VALUES (:id, 'D', 'family', :area)",
            id=world.people["daughter"], area=AREA,
        )  # fmt: skip
        await world.do(
            "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (:id, :home, :staff, 'family')",
            id=new_id(), home=world.home, staff=world.people["daughter"],
        )  # fmt: skip
        evening = Evening(world)
        await evening.method("daughter", "sms")
        await evening.method("daughter", "voice", 1, wait_s=30)
        yield evening


async def test_the_next_method_comes_when_nothing_is_known_of_the_first(evening: Evening) -> None:
    await evening.world.alarm()
    assert await evening.after(0) == [("sms-daughter", "family_raised")]
    assert await evening.after(15) == []
    assert await evening.after(16) == [("voice-daughter", "family_raised")]
    assert await evening.after(200) == []


@pytest.mark.parametrize("state", [Delivery.DELIVERED, Delivery.READ])
async def test_what_has_arrived_is_not_said_again_by_telephone(evening: Evening, state: Delivery) -> None:
    await evening.world.alarm()
    await evening.after(0)
    await evening.reports("family_raised", state)
    assert await evening.after(60) == []


async def test_a_channel_that_delivers_at_once_leaves_nothing_to_come(evening: Evening) -> None:
    evening.sms.does = Handover(delivered=True)
    await evening.world.alarm()
    assert await evening.after(0) == [("sms-daughter", "family_raised")]
    assert await evening.after(60) == []


async def test_a_method_that_fails_brings_the_next_one_and_that_one_says_the_rest(evening: Evening) -> None:
    alarm = await evening.world.alarm()
    evening.sms.does = Undeliverable("no such number")
    evening.voice.does = Handover(delivered=True)
    assert await evening.after(0) == [("sms-daughter", "family_raised"), ("voice-daughter", "family_raised")]
    evening.sms.does = Handover()
    await evening.world.move("lin", Move.ACCEPT, alarm)
    assert await evening.after(0) == [("voice-daughter", "family_coming")]
    await evening.world.move("lin", Move.RESOLVE, alarm)
    assert await evening.after(0) == [("voice-daughter", "family_over")]
    assert await evening.after(200) == []


async def test_a_failure_that_is_reported_late_brings_the_next_one_too(evening: Evening) -> None:
    await evening.world.alarm()
    await evening.after(0)
    await evening.reports("family_raised", Delivery.FAILED)
    assert await evening.after(0) == [("voice-daughter", "family_raised")]


async def test_newer_news_takes_the_place_of_what_was_to_come(evening: Evening) -> None:
    alarm = await evening.world.alarm()
    await evening.after(0)
    await evening.world.move("lin", Move.ACCEPT, alarm)
    assert await evening.after(0) == [("sms-daughter", "family_coming")]
    await evening.world.move("lin", Move.RESOLVE, alarm)
    assert await evening.after(60) == [("sms-daughter", "family_over")]


async def test_relatives_whose_provider_hangs_hold_up_nobody_who_goes(evening: Evening) -> None:
    await evening.method("lin", "sms")
    hang = asyncio.Event()
    called: list[str] = []

    async def send(outgoing: Outgoing) -> Handover:
        if outgoing.kind.startswith("family"):
            await hang.wait()
        called.append(outgoing.address)
        return Handover(delivered=True)

    evening.sms.send = send  # type: ignore[method-assign]
    async with at_work(evening.outbox):
        for number in range(9):  # more urgent ones than there are slots for what is urgent
            alarm = await evening.world.alarm("assist", key=f"alarm-{number}")
            await evening.world.move("desk", Move.ACKNOWLEDGE, alarm)
        late = await evening.world.alarm("assist", key="late")
        async with asyncio.timeout(20):
            while len(called) < 10:
                await asyncio.sleep(0.02)
        assert set(called) == {"sms-lin"}
        assert late
        hang.set()
