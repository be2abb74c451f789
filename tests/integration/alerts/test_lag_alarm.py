"""The platform admits that it is late: once, in earnest, and without making anything later."""

import asyncio

import pytest
from station_world import StationWorld

from alerts import book
from alerts.moves import Move

# Real time is what counts here, and five seconds are too many to wait: this makes the last shift an older one.
_LONG_AGO = "UPDATE clock_shift SET shifted_at = shifted_at - interval '6 s'"


async def late(world: StationWorld) -> None:
    """Whatever is due has been due for six seconds in earnest."""
    async with world.owner.transaction() as conn:
        await conn.exec_driver_sql(_LONG_AGO)


async def test_a_deadline_that_nobody_handles_is_an_alarm_of_its_own_and_only_one(world: StationWorld) -> None:
    await world.press()
    await world.shift(100)
    assert await world.lag.look() < 5
    assert await world.open_alarms("lag") == [], "a shift of the clock makes nobody late"
    await late(world)
    assert await world.lag.look() > 5
    (lag,) = await world.open_alarms("lag")
    for _ in range(3):
        await world.lag.look()
    async with world.database.transaction() as conn:
        await book.load(conn, [lag])  # somebody is working on it
        async with asyncio.timeout(3):
            await world.lag.look()
    assert await world.open_alarms("lag") == [lag]
    assert await world.log(lag) == ["raised"]
    await world.tick()
    assert await world.told(lag) == ["desk", "manager", "night-desk"]
    # Both were handled at last; it is over, and that is for people to say.
    assert await world.lag.look() > 5, "what was handled late is reported even if it was over before the next look"
    assert await world.lag.look() < 5
    await world.move("desk", Move.RESOLVE, lag)
    await world.lag.look()
    assert await world.open_alarms("lag") == []


async def test_a_page_that_went_out_late_is_reported_although_nobody_looked_meanwhile(world: StationWorld) -> None:
    alarm = await world.press()
    assert alarm is not None
    await world.shift(100)
    await late(world)
    await world.tick()
    assert (await world.read(alarm)).step == 1
    assert await world.open_alarms("lag") == [], "the ladder itself waits for nothing else"
    await world.lag.look()
    assert len(await world.open_alarms("lag")) == 1


async def test_an_alarm_that_is_locked_for_ever_is_noticed(world: StationWorld) -> None:
    alarm = await world.alarm()
    async with world.database.transaction() as stray:
        await stray.exec_driver_sql("SELECT FROM deadline FOR UPDATE")
        await world.after(100)
        await late(world)
        await world.lag.look()
        assert len(await world.open_alarms("lag")) == 1
        assert (await world.read(alarm)).step == 1


async def test_an_empty_registry_has_nobody_to_tell_and_does_not_fail(world: StationWorld) -> None:
    await world.do("UPDATE staff SET active = false")
    await world.press()
    await late(world)
    await world.shift(10)
    await late(world)
    await world.lag.look()
    (lag,) = await world.open_alarms("lag")
    await world.tick()
    assert (await world.read(lag)).exhausted


async def test_the_watch_goes_on_after_a_lost_database(world: StationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    async def look() -> float:
        looks.append(len(looks))
        if len(looks) == 1:
            raise OSError("no database")
        return 0.0

    monkeypatch.setattr(world.lag, "look", look)
    monkeypatch.setattr("alerts.lag._LOOK_S", 0.001)
    task = asyncio.create_task(world.lag.run())
    async with asyncio.timeout(5):
        while len(looks) < 3:
            await asyncio.sleep(0.001)
    task.cancel()
