"""Nobody answers a ladder: everybody on the last-resort list is called with the alarm, until all of them have it."""

import asyncio
from pathlib import Path

from station_world import StationWorld
from webhook_receiver import SECRET, Delivery, receiving

from alerts.channel.last_resort import LastResortChannel
from alerts.moves import Move
from alerts.outbox import Outbox


async def _cycle(world: StationWorld, outbox: Outbox) -> None:
    """Send what is due; a pause after a refusal is over."""
    await world.do("UPDATE notification SET next_attempt_at = clock_timestamp()")
    await outbox.cycle()


async def test_one_address_that_is_down_is_called_again_and_the_others_once(
    world: StationWorld, tmp_path: Path
) -> None:
    world.channels = ("last_resort",)
    world.engine = world.another_engine()
    await world.nobody_on_call()
    await world.do("UPDATE staff SET active = false")
    down = True

    async def answer(_: Delivery) -> int:
        return 503 if down else 204

    async with receiving() as desk, receiving() as manager:
        manager.answer = answer
        file = tmp_path / "addresses"
        file.write_text(f"# who telephones\n{desk.url}\n{manager.url}\n")
        channel = LastResortChannel(file, SECRET)
        outbox = Outbox(world.database, [channel])
        alarm = await world.alarm()
        for _ in range(2):
            await _cycle(world, outbox)
        assert (len(desk.deliveries), len(manager.deliveries)) == (1, 2)
        down = False
        for _ in range(2):
            await _cycle(world, outbox)
        assert (len(desk.deliveries), len(manager.deliveries)) == (1, 3)
        called = desk.deliveries[0]
        assert called.signed_by(SECRET)
        assert called.content["type"] == "last_resort.calling"
        assert called.content["data"]["alarm"]["id"] == str(alarm)
        assert called.content["data"]["alarm"]["place"]["name"] == "H", "they telephone the home"
        rows = await world.rows("SELECT state FROM notification")
        assert [row.state for row in rows] == ["delivered"]

        await world.do("UPDATE staff SET active = true")
        await world.move("lin", Move.ACCEPT, alarm)
        await _cycle(world, outbox)
        assert [one.content["data"]["kind"] for one in desk.deliveries] == ["last_resort", "handled"]
        assert desk.deliveries[-1].content["type"] == "last_resort.over"
        await channel.close()


async def test_a_list_without_an_address_is_no_delivery(world: StationWorld, tmp_path: Path) -> None:
    world.channels = ("last_resort",)
    world.engine = world.another_engine()
    await world.do("UPDATE staff SET active = false")
    channel = LastResortChannel(tmp_path / "missing", None)
    outbox = Outbox(world.database, [channel])
    await world.alarm()
    await asyncio.wait_for(outbox.cycle(), 10)
    (row,) = await world.rows("SELECT state, error FROM notification")
    assert (row.state, row.error) == ("pending", "the last-resort list holds no address")
    await channel.close()
