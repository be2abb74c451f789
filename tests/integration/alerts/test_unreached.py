"""Stories of somebody who cannot be reached: whoever has the board sees it, once for each call, and nobody else is."""

from collections.abc import AsyncIterator

import pytest
from fake_channel import FakeChannel
from station_world import StationWorld, founded

from alerts.channel import WEB_PUSH, Handover, NotTaken, Undeliverable
from alerts.moves import Move
from alerts.outbox import Outbox
from alerts.policy import Policy, Step
from alerts.unreached import Unreached
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id

LIN_TWICE = Policy(
    name="lin", steps=(Step(delay_s=0, call=("rota:1",)), Step(delay_s=60, call=("rota:1",))), loop_s=3_600
)


class Night:
    """Lin and Chen are called, by SMS and by telephone."""

    def __init__(self, world: StationWorld) -> None:
        self.world = world
        self.sms, self.voice = FakeChannel("sms"), FakeChannel("voice")
        self.outbox = Outbox(world.database, [self.sms, self.voice])
        self.unreached = Unreached(world.database)

    async def has(self, who: str, *channels: str) -> None:
        """Verified methods in this order."""
        for rank, channel in enumerate(channels):
            await self.world.do(
                "INSERT INTO contact_method (id, staff_id, channel, address, rank, verified_at)"
                " VALUES (:id, :staff, :channel, :address, :rank, carebed_now())",
                id=new_id(), staff=self.world.people[who], channel=channel, address=f"{who}-{channel}", rank=rank,
            )  # fmt: skip

    async def round(self, times: int = 1) -> None:
        """What is due goes out, whatever pause it has; then two processes look."""
        for _ in range(times):
            await self.world.do("UPDATE notification SET next_attempt_at = clock_timestamp() - interval '1 s'"
                                " WHERE next_attempt_at < 'infinity'")  # fmt: skip
            await self.outbox.cycle()
        await self.unreached.cycle()
        await self.unreached.cycle()

    async def said(self) -> list[tuple[str, int, list[str]]]:
        """Of whom the logs say it: who, at which step, by which channels."""
        rows = await self.world.rows(
            "SELECT login, data -> 'step' AS step, data -> 'channels' AS channels FROM alarm_event"
            " JOIN staff ON staff.id::text = data ->> 'responder' WHERE type = 'not_reached' ORDER BY seq"
        )
        return [(row.login, row.step, row.channels) for row in rows]


@pytest.fixture
async def night(urls: DatabaseUrls) -> AsyncIterator[Night]:
    """A quiet one."""
    async with founded(urls.engine, urls.owner, ("live", "sms", "voice")) as world:
        await world.policy(LIN_TWICE)
        night = Night(world)
        await night.has("lin", "sms", "voice")
        yield night


async def test_who_cannot_be_reached_by_any_method_is_named_once_for_each_call(night: Night) -> None:
    await night.has("chen", "voice")
    night.sms.does = Undeliverable("no such number")
    night.voice.does = NotTaken("busy")
    alarm = await night.world.alarm()
    await night.round()
    assert await night.said() == [], "the telephones have been tried once"
    await night.round(2)
    assert sorted(await night.said()) == [("chen", 1, ["voice"]), ("lin", 1, ["sms", "voice"])]
    version = (await night.world.read(alarm)).version
    await night.round(2)
    assert len(await night.said()) == 2
    assert (await night.world.read(alarm)).version == version
    night.voice.does = Handover()
    await night.world.after(61)
    await night.round(2)
    assert len(await night.said()) == 2, "the second call rings"
    # Opened again, the alarm begins with its first step anew, and the telephones are out of order again.
    night.voice.does = NotTaken("busy")
    await night.world.move("desk", Move.RESOLVE, alarm)
    await night.world.move("desk", Move.REOPEN, alarm)
    await night.world.tick()
    await night.round(3)
    assert sorted((await night.said())[2:]) == [("chen", 1, ["voice"]), ("lin", 1, ["sms", "voice"])]


@pytest.mark.parametrize(
    "reached",
    [
        "UPDATE notification SET state = 'delivered' WHERE channel = 'live' AND staff_id = :lin",
        "UPDATE response SET state = 'declined' WHERE staff_id = :lin",
        "UPDATE notification SET state = 'handed_over', error = NULL WHERE channel = 'voice' AND staff_id = :lin",
    ],
    ids=["on his page", "answered", "by telephone"],
)
async def test_who_is_reached_in_some_way_is_not_named(night: Night, reached: str) -> None:
    night.sms.does = night.voice.does = Undeliverable("no such number")
    await night.world.alarm()
    await night.outbox.cycle()
    await night.outbox.cycle()
    await night.world.do(reached, lin=night.world.people["lin"])
    assert await night.unreached.cycle() == 0
    await night.world.alarm("gas")
    await night.round(2)
    said = [one for one in await night.said() if one[0] == "lin"]
    assert said == [("lin", 1, ["sms", "voice"])], "of another alarm he knows nothing"


async def test_a_message_that_cannot_be_composed_counts_as_a_failed_attempt(
    night: Night, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("Xu Wenjing, 12 West Street")

    monkeypatch.setattr("alerts.outgoing.words", broken)
    await night.has("chen", "voice")
    await night.world.alarm()
    await night.outbox.cycle()
    rows = await night.world.rows(
        "SELECT channel, error, due_at <= carebed_now() AS due, next_attempt_at < clock_timestamp() + interval '5 s'"
        " AS soon FROM notification WHERE staff_id = :lin AND contact_method_id IS NOT NULL ORDER BY channel",
        lin=night.world.people["lin"],
    )
    assert [tuple(row) for row in rows] == [("sms", "not composed: KeyError", True, True), ("voice", None, True, True)]
    await night.round(2)
    assert sorted(await night.said()) == [("chen", 1, ["voice"]), ("lin", 1, ["sms", "voice"])]
    logged = capsys.readouterr()
    assert "Wenjing" not in logged.out + logged.err


async def test_a_step_whose_people_hear_nothing_is_followed_at_once(night: Night) -> None:
    """Wu and the manager have no methods. A page that is open is heard; a closed one is not."""
    steps = (Step(0, ("rota:2",)), Step(60, ("rota:1",)), Step(60, ("rota:2",)), Step(60, ("manager",)))
    await night.world.do("DELETE FROM policy")
    await night.world.policy(Policy(name="wu first", steps=steps, loop_s=3_600))
    alarm = await night.world.alarm()
    assert await night.said() == [("wu", 1, []), ("chen", 2, [])]
    assert (await night.world.read(alarm)).step == 2, "lin has two telephones"
    assert await night.world.answer(alarm, "wu") == "called", "he sees it when he opens his page"
    await night.world.do(
        "INSERT INTO staff_session (id, staff_id, access_hash, refresh_hash, access_expires_at, refresh_expires_at,"
        " seen_at) VALUES (:id, :staff, 'a', 'b', 'infinity', 'infinity', clock_timestamp())",
        id=new_id(), staff=night.world.people["wu"],
    )  # fmt: skip
    await night.world.after(61)
    row = await night.world.read(alarm)
    assert (row.step, row.exhausted) == (3, False)
    assert 59 < row.due_in_s <= 60


async def test_where_people_have_their_pages_alone_nobody_is_unreachable(urls: DatabaseUrls) -> None:
    async with founded(urls.engine, urls.owner, ("live", WEB_PUSH)) as world:
        alarm = await world.alarm()
        assert (await world.read(alarm)).step == 1
        assert "not_reached" not in await world.log(alarm)
