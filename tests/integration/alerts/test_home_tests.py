"""Monthly test calls: a press like any other that a person has closed as a test, and who owes one is told as work."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from station_world import StationWorld

from alerts.alarm import Outcome
from alerts.home_tests import expect, list_tests, watch_tests
from alerts.kpi import read_kpis
from alerts.load import read_load
from alerts.moves import Move
from alerts.view import read_alarms
from carebed.clock import now
from carebed.ids import new_id
from carebed.settings import Settings

MONTH = timedelta(days=31)
DAY_S = 86_400


@pytest.fixture
async def lived_in(world: StationWorld) -> StationWorld:
    """Somebody lives in the world's home, with a button."""
    await world.do("INSERT INTO resident (id, home_id, name) VALUES (:id, :home, 'R')", id=new_id(), home=world.home)
    await world.do(
        "INSERT INTO gateway (id, home_id, station_id, secret_hash) VALUES ('gw-1', :home, :station, '-')",
        home=world.home, station=world.station,
    )  # fmt: skip
    await world.do(
        "INSERT INTO device (id, gateway_id, home_id, kind) VALUES ('b-1', 'gw-1', :home, 'button')", home=world.home
    )
    return world


async def _stands(world: StationWorld) -> Any:
    async with world.database.transaction() as conn:
        await conn.exec_driver_sql("SELECT set_config('carebed.scope', '/', true)")
        counts, items = await list_tests(conn, "350102", MONTH, None, 10)
    (home,) = [json.loads(one) for one in items]
    assert counts[home["state"]] == sum(counts.values()) == 1
    return home


async def test_a_press_that_is_closed_as_a_test_is_the_months_test_call(lived_in: StationWorld) -> None:
    world = lived_in
    assert ((await _stands(world))["state"], (await _stands(world))["last"]) == ("done", None)
    await world.shift(26 * DAY_S)
    assert (await _stands(world))["state"] == "due"
    await world.shift(6 * DAY_S)
    assert (await _stands(world))["state"] == "overdue"
    # Raised by hand, found real, or a drill: none of these is one.
    for more, outcome in (
        ({}, Outcome.TEST), ({"device_id": "b-1"}, Outcome.HELP_GIVEN),
        ({"device_id": "b-1", "drill": True, "key": "drill:1"}, Outcome.TEST),
    ):  # fmt: skip
        await world.move("desk", Move.RESOLVE, await world.alarm(**more), outcome=outcome)
        assert (await _stands(world))["state"] == "overdue"
    alarm = await world.alarm(device_id="b-1")
    assert await world.told(alarm) == ["chen", "desk", "lin", "night-desk"]
    await world.shift(12)
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.move("desk", Move.RESOLVE, alarm, outcome=Outcome.TEST)
    home = await _stands(world)
    assert (home["state"], home["last"]["alarm"], home["last"]["answered_by_name"]) == ("done", str(alarm), "desk")
    assert 12 <= home["last"]["answered_s"] < 30
    await world.move("desk", Move.REOPEN, alarm)
    assert (await _stands(world))["state"] == "overdue"


async def test_that_one_is_expected_is_shown_and_changes_nothing_else(lived_in: StationWorld) -> None:
    world = lived_in
    plain = await world.read(await world.alarm("fall", device_id="b-1"))
    async with world.owner.transaction() as conn:
        await expect(conn, world.home, world.people["desk"], timedelta(minutes=15))
    alarm = await world.alarm(device_id="b-1")
    row = await world.read(alarm)
    assert (row.state, row.priority, row.step, row.drill, row.policy) == ("raised", 0, 1, False, plain.policy)
    assert await world.told(alarm) == ["chen", "desk", "lin", "night-desk"]

    async def expected() -> dict[UUID, bool]:
        async with world.database.transaction() as conn:
            return {UUID(one["id"]): one["test_expected"] for one in await read_alarms(conn, [plain.id, alarm])}

    assert await expected() == {plain.id: False, alarm: True}
    await world.after(61)
    assert (await world.read(alarm)).step == 2
    await world.move("desk", Move.RESOLVE, alarm, outcome=Outcome.TEST)
    assert await expected() == {plain.id: False, alarm: False}
    # What is pressed after the time is up is expected by nobody.
    await world.shift(900)
    later = await world.alarm(device_id="b-1")
    async with world.database.transaction() as conn:
        assert not (await read_alarms(conn, [later]))[0]["test_expected"]


async def test_the_manager_hears_of_overdue_homes_once_a_day_until_they_have_called(lived_in: StationWorld) -> None:
    world, settings = lived_in, Settings(readiness=True)
    await watch_tests(world.owner, settings)
    assert await world.open_alarms("test_calls") == []
    await world.shift(32 * DAY_S)
    for _ in range(2):
        await watch_tests(world.owner, settings)
        await world.tick()
    (order,) = await world.open_alarms("test_calls")
    row = await world.read(order)
    assert (row.priority, row.why["count"], row.why["homes"]) == (2, 1, [str(world.home)])
    assert await world.told(order) == ["manager"]
    await world.shift(3 * DAY_S)  # whoever closes it late has his day, too
    await world.move("manager", Move.RESOLVE, order, outcome=Outcome.NO_HELP_NEEDED)
    await watch_tests(world.owner, settings)
    assert await world.open_alarms("test_calls") == []
    await world.shift(DAY_S)
    await watch_tests(world.owner, settings)
    assert len(await world.open_alarms("test_calls")) == 1
    call = await world.alarm(device_id="b-1")
    await world.move("desk", Move.RESOLVE, call, outcome=Outcome.TEST)
    await watch_tests(world.owner, settings)
    assert await world.open_alarms("test_calls") == []
    # A demo, whose clock runs as it likes, is told nothing unless it asks.
    await world.shift(33 * DAY_S)
    await watch_tests(world.owner, Settings())
    assert await world.open_alarms("test_calls") == []


async def test_what_the_probe_presses_is_a_call_like_any_other_and_in_no_figure(lived_in: StationWorld) -> None:
    world = lived_in
    await world.do("UPDATE home SET probe = true")
    alarm = await world.alarm(device_id="b-1")
    row = await world.read(alarm)
    assert (row.drill, row.priority, await world.told(alarm)) == (False, 0, ["chen", "desk", "lin", "night-desk"])
    async with world.database.transaction() as conn:
        await conn.exec_driver_sql("SELECT set_config('carebed.scope', '/', true)")
        until = await now(conn) + timedelta(seconds=1)
        span = (until - timedelta(hours=1), until)
        kpis, load = await read_kpis(conn, "350102", *span, [60]), await read_load(conn, "350102", *span)
        assert (kpis["total"]["calls"], kpis["tests"]["calls"]) == (0, 1)
        assert (load["total"]["alarms"], load["total"]["test"], load["total"]["open"]) == (0, 1, 0)
        assert (await list_tests(conn, "350102", MONTH, None, 10))[1] == []
    # Nor is it, whatever somebody says was found.
    await world.move("desk", Move.RESOLVE, alarm, outcome=Outcome.NO_HELP_NEEDED)
    async with world.database.transaction() as conn:
        await conn.exec_driver_sql("SELECT set_config('carebed.scope', '/', true)")
        total = (await read_load(conn, "350102", *span))["total"]
    assert (total["test"], total["alarms"], total["real"], total["false"], total["cancelled"]) == (1, 0, 0, 0, 0)
