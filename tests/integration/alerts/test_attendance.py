"""An operator takes charge and goes away: the alarm is the station's again, and the ladder goes on."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from station_world import StationWorld

from alerts.attendance import Attendance, sign_off
from alerts.moves import Move
from carebed.ids import new_id


@pytest.fixture
def attendance(world: StationWorld) -> Attendance:
    """What the alerts process runs."""
    return Attendance(world.database, world.channels)


async def _session(world: StationWorld, who: str, seen_before: timedelta = timedelta()) -> None:
    await world.do(
        "INSERT INTO staff_session (id, staff_id, access_hash, refresh_hash, access_expires_at, refresh_expires_at,"
        " seen_at) VALUES (:id, :staff, :hash, :hash, clock_timestamp() + interval '1 h',"
        " clock_timestamp() + interval '1 h', clock_timestamp() - CAST(:before AS interval))",
        id=new_id(), staff=world.people[who], hash=new_id().bytes, before=seen_before,
    )  # fmt: skip


async def _acknowledged_a_while_ago(world: StationWorld) -> None:
    """In earnest: a shift of the clock is no time at a desk."""
    await world.do("UPDATE alarm SET acknowledged_at = acknowledged_at - interval '2 min'")


async def test_a_board_that_is_silent_for_a_minute_gives_its_alarms_back(
    world: StationWorld, attendance: Attendance
) -> None:
    alarm = await world.alarm()
    await _session(world, "desk", timedelta(seconds=59))
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await _acknowledged_a_while_ago(world)
    assert await attendance.look() == 0, "59 s are not a minute"
    await world.do("UPDATE staff_session SET seen_at = seen_at - interval '2 s'")
    assert await attendance.look() == 1
    assert await attendance.look() == 0
    await world.tick()
    row = await world.read(alarm)
    assert (row.state, row.owner, row.step) == ("raised", None, 2)
    (event,) = await world.rows("SELECT actor_type, data FROM alarm_event WHERE type = 'returned'")
    assert (event.actor_type, event.data) == (
        "engine", {"by": str(world.people["desk"]), "reason": "board_silent"}
    )  # fmt: skip


async def test_a_second_device_or_a_fresh_acknowledgement_keeps_the_alarm(
    world: StationWorld, attendance: Attendance
) -> None:
    alarm = await world.alarm()
    await _session(world, "desk", timedelta(minutes=5))
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    assert await attendance.look() == 0, "he has just pressed the button"
    await _acknowledged_a_while_ago(world)
    await _session(world, "desk")
    assert await attendance.look() == 0
    async with world.database.transaction() as conn:
        assert await sign_off(conn, world.people["desk"], world.channels) == 0
    assert (await world.read(alarm)).owner == "desk"


async def test_a_session_that_was_revoked_is_nobody_at_the_desk(world: StationWorld, attendance: Attendance) -> None:
    alarm = await world.alarm()
    await _session(world, "desk")
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    assert await attendance.look() == 0
    await world.do("DELETE FROM staff_session")
    assert await attendance.look() == 1
    assert (await world.read(alarm)).owner is None


async def test_a_responder_on_the_way_keeps_what_its_desk_has_left(world: StationWorld, attendance: Attendance) -> None:
    alarm = await world.alarm()
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.move("lin", Move.EN_ROUTE, alarm)
    assert await attendance.look() == 1
    await world.tick()
    row = await world.read(alarm)
    assert (row.state, row.owner, row.step) == ("en_route", "lin", 1)


async def test_who_answered_by_telephone_has_no_board_and_keeps_it(world: StationWorld, attendance: Attendance) -> None:
    alarm = await world.alarm()
    await world.move("desk", Move.ACKNOWLEDGE, alarm, channel="voice")
    assert await attendance.look() == 0


async def test_the_api_writes_down_whom_it_sees_and_nothing_else(world: StationWorld) -> None:
    await _session(world, "desk", timedelta(minutes=5))
    async with world.owner.transaction() as conn:
        (token,) = (await conn.execute(text("SELECT access_hash FROM staff_session"))).scalars()
        await conn.execute(text("SELECT staff_seen(CAST(:tokens AS bytea[]))"), {"tokens": [token, b"unknown"]})
        age = await conn.execute(text("SELECT clock_timestamp() - seen_at < interval '1 min' FROM staff_session"))
        assert age.scalars().all() == [True]
