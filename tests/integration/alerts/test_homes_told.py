"""What homes are told, as rows: whom it concerns, on which lines, and for how long."""

import pytest
from station_world import StationWorld

from alerts.homeward import Homeward
from alerts.moves import Move
from carebed.settings import Settings


async def _put_line(world: StationWorld) -> None:
    """A gateway with a button and a wristband behind it, in the world's home."""
    await world.do(
        """INSERT INTO gateway (id, home_id, station_id, secret_hash) VALUES ('gw-1', :home, :station, '-')""",
        home=world.home, station=world.station,
    )  # fmt: skip
    await world.do(
        """INSERT INTO device (id, gateway_id, home_id, kind)
           SELECT id, 'gw-1', :home, 'button' FROM unnest(ARRAY['gw-1', 'b-1', 'w-1']) AS id""",
        home=world.home,
    )


async def _said(world: StationWorld) -> list[tuple[str, str, str]]:
    rows = await world.rows("SELECT phrase, device, state FROM command ORDER BY created_at, device")
    return [(row.phrase, row.device, row.state) for row in rows]


def _publisher(world: StationWorld) -> Homeward:
    """Without a broker: it ends what has lapsed and records answers."""
    return Homeward(world.database, Settings())


async def test_every_device_that_has_signalled_is_told_once_for_each_answer(world: StationWorld) -> None:
    await _put_line(world)
    alarm = await world.alarm(device_id="b-1")
    await world.press(device_id="w-1")
    assert await _said(world) == []
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    both = [("help_is_coming", "b-1", "pending"), ("help_is_coming", "w-1", "pending")]
    assert await _said(world) == both
    await world.move("lin", Move.ACCEPT, alarm)
    await world.move("lin", Move.EN_ROUTE, alarm)
    await world.move("chen", Move.ACCEPT, alarm)
    assert sorted(await _said(world)) == sorted([*both, *both])


@pytest.mark.parametrize("device", [None, "gw-1", "unknown"])
async def test_where_no_device_has_signalled_its_gateway_is_told(world: StationWorld, device: str | None) -> None:
    await _put_line(world)
    alarm = await world.alarm("inactivity", device_id=device)
    await world.move("lin", Move.ACCEPT, alarm)
    assert await _said(world) == [("help_is_coming", "_", "pending")]


@pytest.mark.parametrize("kind", ["battery", "door", "tamper"])
async def test_nobody_is_frightened_by_a_voice_because_of_a_battery(world: StationWorld, kind: str) -> None:
    await _put_line(world)
    await world.move("lin", Move.ACCEPT, await world.alarm(kind, device_id="b-1"))
    assert await _said(world) == []


async def test_a_cancel_is_answered_only_where_it_closed_the_alarm(world: StationWorld) -> None:
    await _put_line(world)
    await world.alarm(device_id="b-1")
    assert await world.cancel()
    assert await _said(world) == [("alarm_cancelled", "b-1", "pending")]
    alarm = await world.alarm(device_id="b-1")
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    assert not await world.cancel()
    assert [phrase for phrase, _, _ in await _said(world)] == ["alarm_cancelled", "help_is_coming"]


async def test_a_home_without_a_line_holds_nobody_up(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    assert await _said(world) == []


async def test_the_promise_is_withdrawn_with_who_gave_it(world: StationWorld) -> None:
    await _put_line(world)
    alarm = await world.alarm(device_id="b-1")
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.move("desk", Move.HAND_BACK, alarm)
    await _publisher(world).cycle()
    assert await _said(world) == [("help_is_coming", "b-1", "expired")]
    await world.move("lin", Move.ACCEPT, alarm)
    await world.move("lin", Move.RESOLVE, alarm)
    await _publisher(world).cycle()
    assert {state for _, _, state in await _said(world)} == {"expired"}
    assert "home_not_reached" not in await world.log(alarm)


async def test_what_nobody_heard_in_time_lapses_and_the_desk_learns_it_once(world: StationWorld) -> None:
    await _put_line(world)
    alarm = await world.alarm(device_id="b-1")
    await world.press(device_id="w-1")
    await world.move("lin", Move.EN_ROUTE, alarm)
    await world.shift(60)
    await _publisher(world).cycle()
    assert {state for _, _, state in await _said(world)} == {"pending"}
    await world.shift(61)
    for _ in range(2):
        await _publisher(world).cycle()
    assert {state for _, _, state in await _said(world)} == {"expired"}
    assert (await world.log(alarm)).count("home_not_reached") == 1


@pytest.mark.parametrize(
    ("value", "state", "event"), [(1, "delivered", "home_heard"), (None, "delivered", "home_heard"),
                                  (0, "failed", "home_refused")],
)  # fmt: skip
async def test_a_devices_answer_is_its_delivery(
    world: StationWorld, value: float | None, state: str, event: str
) -> None:
    await _put_line(world)
    alarm = await world.alarm(device_id="gw-1")
    await world.move("lin", Move.ACCEPT, alarm)
    await world.do("UPDATE command SET state = 'handed_over'")
    for message, device in (("another", "gw-1"), (None, "b-1"), (None, "gw-1"), (None, "gw-1")):
        await world.do(
            """INSERT INTO reading (time, device_id, message_id, type, value, received_at)
               SELECT clock_timestamp(), :device, coalesce(:message, CAST(id AS text)), 'command_result', :value,
                   carebed_now() FROM command""",
            message=message, device=device, value=value,
        )  # fmt: skip
        await _publisher(world).cycle()
    assert await _said(world) == [("help_is_coming", "_", state)]
    assert (await world.log(alarm)).count(event) == 1
    # Delivered is delivered: it does not lapse.
    await world.shift(200)
    await _publisher(world).cycle()
    assert await _said(world) == [("help_is_coming", "_", state)]


async def test_a_device_whose_clock_is_slow_by_a_time_zone_has_answered(world: StationWorld) -> None:
    await _put_line(world)
    alarm = await world.alarm(device_id="b-1")
    await world.move("lin", Move.ACCEPT, alarm)
    await world.do("UPDATE command SET state = 'handed_over'")
    await world.do(
        """INSERT INTO reading (time, device_id, message_id, type, value, received_at)
           SELECT clock_timestamp() - interval '12 hours', 'b-1', CAST(id AS text), 'command_result', NULL,
               carebed_now() FROM command"""
    )
    await _publisher(world).cycle()
    assert await _said(world) == [("help_is_coming", "b-1", "delivered")]
