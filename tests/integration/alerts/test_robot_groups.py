"""Stories of group chats: everything is shown there, never faster than a robot may, and nobody waits for it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fake_channel import FakeChannel
from robot_server import SECRET, RobotServer, robots
from station_world import AREA, StationWorld, founded

from alerts.alarm import Outcome
from alerts.moves import Move
from alerts.outbox import Outbox
from alerts.robot import store
from alerts.robot.dingtalk import DingTalk
from alerts.robot.poster import Poster
from alerts.robot.robots import ROBOTS
from alerts.words import alarm_number
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id


@pytest.fixture
async def server() -> AsyncIterator[RobotServer]:
    """DingTalk and Feishu."""
    async with robots() as server:
        yield server


@dataclasses.dataclass
class Groups:
    """The station's group chats, and who posts to them."""

    world: StationWorld
    server: RobotServer
    poster: Poster

    async def add(self, channel: str = "dingtalk", url: str | None = None, **more: Any) -> UUID:
        """One group; of the whole area unless it says otherwise."""
        shows = ["raised", "answered", "unanswered", "over"]
        row = {"id": new_id(), "name": "G", "channel": channel, "area": AREA, "station": None, "secret": SECRET,
               "url": url or getattr(self.server, channel)(), "language": "en", "shows": shows,
               "work_orders": False} | more  # fmt: skip
        await self.world.do(
            "INSERT INTO robot_group (id, name, channel, area_code, station_id, webhook_url, secret, language, shows,"
            " work_orders) VALUES (:id, :name, :channel, :area, :station, :url, :secret, :language, :shows,"
            " :work_orders)", **row,
        )  # fmt: skip
        return UUID(str(row["id"]))

    async def post(self) -> None:
        """Post until there is nothing left that may be posted now."""
        while started := await self.poster.look():
            await asyncio.gather(*started)

    async def status(self, group: UUID) -> Any:
        """Its row."""
        (row,) = await self.world.rows(
            "SELECT *, paused_until > clock_timestamp() AS paused FROM robot_group WHERE id = :id", id=group
        )
        return row

    @property
    def titles(self) -> list[str]:
        """First lines of what the DingTalk group shows."""
        return [text.splitlines()[0] for texts in self.server.texts.values() for text in texts]


@pytest.fixture
async def groups(world: StationWorld, server: RobotServer) -> AsyncIterator[Groups]:
    """None yet."""
    async with posting(world, server) as groups:
        yield groups


def posting(world: StationWorld, server: RobotServer, robots: Mapping[str, Any] = ROBOTS) -> "_Posting":
    """Over a connection of its own, as in `carebed alerts`."""
    return _Posting(world, server, robots)


class _Posting:
    def __init__(self, world: StationWorld, server: RobotServer, robots: Mapping[str, Any]) -> None:
        self._database = Database(world.database.url, application="test-robots", pool_size=1)
        self._groups = Groups(world, server, Poster(self._database, {server.url}, robots))

    async def __aenter__(self) -> Groups:
        return self._groups

    async def __aexit__(self, *_: object) -> None:
        await self._groups.poster.close()
        await self._database.close()


async def test_groups_are_shown_how_an_alarm_goes_on_in_its_order(world: StationWorld, groups: Groups) -> None:
    for channel in ("dingtalk", "feishu"):
        await groups.add(channel)
    alarm = await world.alarm("fall")
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.move("lin", Move.ACCEPT, alarm)
    await world.move("lin", Move.ARRIVE, alarm)
    await world.move("lin", Move.RESOLVE, alarm, outcome=Outcome.HELP_GIVEN, note="Her hip.")
    async with asyncio.timeout(10):
        while len(groups.titles) < 10:  # Feishu takes no two at once
            await groups.post()
            await asyncio.sleep(0.02)
    for texts in groups.server.texts.values():
        assert [text.splitlines()[0] for text in texts] == [
            "Fall: new", "Fall: desk is in charge", "Fall: lin has accepted", "Fall: lin has arrived", "Fall: closed",
        ]  # fmt: skip
        assert all(f"No. {alarm_number(alarm)}" in text and "hip" not in text for text in texts)


async def test_a_group_is_shown_its_own_place_and_what_it_wants_only(world: StationWorld, groups: Groups) -> None:
    await world.alarm("gas")  # before there was a group
    station = {"area": None, "station": world.station}
    await groups.add(url=groups.server.dingtalk("1" * 64), **station, shows=["raised"])
    await groups.add(url=groups.server.dingtalk("2" * 64), **station, work_orders=True)
    await world.do("INSERT INTO area (code, name, level) VALUES ('350199000000', 'there', 'county')")
    await groups.add(url=groups.server.dingtalk("3" * 64), area="350199000000")
    alarm = await world.alarm("assist")
    await world.alarm("battery")
    await world.press("fall", suspected=timedelta(seconds=30))
    assert await world.cancel("fall"), "it was nobody's business yet"
    await world.press("fall", suspected=timedelta(seconds=30))
    await world.after(31)
    await world.move("lin", Move.ACCEPT, alarm)
    await groups.post()
    shown = {token[0]: [text.splitlines()[0] for text in texts] for token, texts in groups.server.texts.items()}
    assert shown == {
        "1": ["Asks for help: new", "Fall: confirmed"],
        "2": ["Asks for help: new", "Battery low: new", "Fall: confirmed", "Asks for help: lin has accepted"],
    }


async def test_a_robot_that_takes_nothing_says_why_and_catches_up_when_it_is_mended(
    world: StationWorld, groups: Groups
) -> None:
    group = await groups.add(secret="SECwrong")
    await world.alarm()
    await groups.post()
    status = await groups.status(group)
    assert (status.last_error, status.failures, status.paused) == ("wrong_signature (310000)", 1, True)
    groups.server.keyword = "someword"
    await world.do("UPDATE robot_group SET secret = :secret, test_wanted = true", secret=SECRET)
    await groups.post()
    status = await groups.status(group)
    assert (status.last_error, status.failures, status.test_wanted) == ("keyword_missing (310000)", 2, False)
    assert (status.posted_at, status.tested_at) == (None, None)
    groups.server.keyword = "Carebed"
    await world.do("UPDATE robot_group SET test_wanted = true")
    await groups.post()
    status = await groups.status(group)
    assert (status.last_error, status.failures, status.test_wanted) == (None, 0, False)
    assert groups.titles == ["Test: this group shows the alarms of G. Nothing to do.", "Emergency call: new"]


async def test_a_robot_that_is_blocked_is_left_alone_until_it_may_post_again(
    world: StationWorld, groups: Groups
) -> None:
    group = await groups.add()
    groups.server.limit = 0
    await world.alarm()
    await groups.post()
    await world.do("UPDATE robot_group SET test_wanted = true")
    await groups.post()
    status = await groups.status(group)
    assert status.last_error == "too_fast (130101)"
    assert groups.server.refused == ["too fast"], "not even a test"
    (rest,) = await world.rows("SELECT paused_until - clock_timestamp() > '10 minutes' AS long FROM robot_group")
    assert rest.long
    async with robots() as another:  # whose host is not allowed, or not any more
        group = await groups.add(url=another.dingtalk())
        await world.alarm("gas")
        await groups.post()
        assert (await groups.status(group)).last_error == "host_not_allowed"
        assert not another.reached.is_set()


async def test_of_a_thousand_alarms_in_a_second_none_is_missing_and_no_limit_is_exceeded(
    world: StationWorld, server: RobotServer
) -> None:
    """A minute has 1.2 s here."""
    server.window_s = 1.2
    pace = dataclasses.replace(DingTalk.pace, window_s=1.2, summary_s=0.12)

    class Quick(DingTalk):
        """With a minute of 1.2 s."""

    Quick.pace = pace
    async with posting(world, server, {"dingtalk": Quick()}) as groups:
        await groups.add()
        async with world.database.transaction() as conn:
            await world.raise_in(conn, *(world.signal(key=f"storm:{number}") for number in range(1_000)))
        numbers = {alarm_number(one) for one in await world.open_alarms()}
        async with asyncio.timeout(10):
            while len({one for one in numbers if any(one in text for text in server.texts["d" * 64])}) < len(numbers):
                await groups.post()
                await asyncio.sleep(0.01)
    assert server.refused == []
    texts = server.texts["d" * 64]
    first = [text.split("\n")[0] for text in texts]
    gathered = [int(line.removeprefix("Alarms: New ")) for line in first if line.startswith("Alarms")]
    assert len(first) - len(gathered) + sum(gathered) == 1_000, "each once"


async def test_people_do_not_wait_for_a_group_that_hangs(urls: DatabaseUrls, server: RobotServer) -> None:
    async with founded(urls.engine, urls.owner, ("live", "sms")) as world, posting(world, server) as groups:
        await world.do(
            "INSERT INTO contact_method (id, staff_id, channel, address, verified_at)"
            " SELECT gen_random_uuid(), id, 'sms', '+86138' || right(id::text, 8), carebed_now() FROM staff"
        )
        group = await groups.add()
        server.hang = True
        telephone = FakeChannel("sms")
        alarm = await world.alarm()
        (hanging,) = await groups.poster.look()
        async with asyncio.timeout(5):
            await server.reached.wait()
        await Outbox(world.database, [telephone]).cycle()
        assert len(telephone.sent) == len(await world.told(alarm))
        assert not hanging.done(), "the group still hangs"
        assert await groups.poster.look() == [], "and is not posted to twice"
        # It is no method of anybody: nothing that looks at messages knows of it.
        assert {row.channel for row in await world.rows("SELECT DISTINCT channel FROM notification")} == {"live", "sms"}
        hanging.cancel()
        await asyncio.wait([hanging])
        assert (await groups.status(group)).posts, "booked before it was sent"


async def test_two_processes_keep_the_pace_together_and_either_goes_on_where_the_other_stopped(
    world: StationWorld, groups: Groups
) -> None:
    async with posting(world, groups.server) as others:
        await groups.add()
        await world.alarm("gas")
        await groups.post()
        await others.post()
        assert groups.titles == ["Gas: new"]
        group = (await world.rows("SELECT id FROM robot_group"))[0].id

        async def book() -> bool:
            async with world.database.transaction() as conn:
                return await store.book(conn, group, DingTalk.pace) is not None

        booked = await asyncio.gather(*(book() for _ in range(25)))
    assert sum(booked) == DingTalk.pace.most - 1, "with the one before"
