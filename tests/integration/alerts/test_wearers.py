"""Stories of those who press: every press counts, none buys time for those who should come."""

from datetime import timedelta

import pytest
from station_world import StationWorld

from alerts.by_hand import raise_by_hand
from alerts.moves import Move

FALL = timedelta(seconds=20)


async def test_a_repeated_press_joins_pages_holder_and_desk_and_postpones_nothing(world: StationWorld) -> None:
    alarm = await world.alarm()
    due_at = (await world.rows("SELECT due_at FROM deadline"))[0].due_at
    assert await world.press() == alarm
    row = await world.read(alarm)
    assert (row.repeats, row.step) == (1, 1)
    assert (await world.rows("SELECT due_at FROM deadline"))[0].due_at == due_at
    assert await world.told(alarm, "repeated") == ["desk", "night-desk"]
    await world.move("lin", Move.ACCEPT, alarm)
    await world.after(2)
    due_at = (await world.rows("SELECT due_at FROM deadline"))[0].due_at
    await world.press()
    assert (await world.rows("SELECT due_at FROM deadline"))[0].due_at == due_at
    assert (await world.told(alarm, "repeated")).count("lin") == 1
    assert (await world.told(alarm)).count("lin") == 1, "a repeat is no new call"


async def test_repeats_within_a_second_are_held_back(world: StationWorld) -> None:
    alarm = await world.alarm()
    assert [await world.press(), await world.press(), await world.press()] == [alarm, None, None]
    assert (await world.read(alarm)).repeats == 1
    await world.after(1.1)
    assert await world.press() == alarm
    assert (await world.read(alarm)).repeats == 2


async def test_presses_while_every_engine_is_down_do_not_postpone_the_first_page(world: StationWorld) -> None:
    alarm = await world.press()
    assert alarm is not None
    for waited_s in (10, 20, 30):
        await world.shift(10)
        assert await world.press() == alarm
        assert (await world.read(alarm)).due_in_s <= -waited_s
    await world.tick()
    row = await world.read(alarm)
    assert (row.step, row.repeats) == (1, 3)


async def test_the_wearer_cancels_before_anybody_has_taken_it(world: StationWorld) -> None:
    alarm = await world.alarm()
    assert await world.cancel()
    row = await world.read(alarm)
    assert (row.state, row.due_in_s, row.outcome) == ("cancelled", None, None)
    assert await world.told(alarm, "cancelled") == ["chen", "lin"]
    assert await world.press() != alarm


@pytest.mark.parametrize("move", [Move.ACCEPT, Move.ACKNOWLEDGE, Move.EN_ROUTE])
async def test_a_cancel_after_somebody_took_it_is_a_remark_even_when_that_has_expired(
    world: StationWorld, move: Move
) -> None:
    alarm = await world.alarm()
    await world.move("desk", move, alarm)
    assert not await world.cancel()
    assert "desk" in await world.told(alarm, "cancel_remark")
    await world.after(2_000)
    assert not await world.cancel()
    row = await world.read(alarm)
    assert row.closed_at is None
    assert row.due_in_s is not None
    assert (await world.log(alarm)).count("cancel_remark") == 2


async def test_a_fall_pages_nobody_until_its_window_is_over(world: StationWorld) -> None:
    fall = await world.alarm("fall", suspected=FALL)
    row = await world.read(fall)
    assert (row.state, row.step) == ("suspected", 0)
    assert 19 < row.due_in_s <= 20
    assert await world.told(fall) == []
    await world.after(21)
    row = await world.read(fall)
    assert (row.state, row.step) == ("raised", 1)
    assert await world.log(fall) == ["suspected", "confirmed", "paged"]
    assert "lin" in await world.told(fall)


async def test_a_fall_cancelled_in_its_window_is_kept_and_pages_nobody(world: StationWorld) -> None:
    fall = await world.alarm("fall", suspected=FALL)
    assert await world.cancel("fall")
    await world.after(100)
    row = await world.read(fall)
    assert (row.state, row.due_in_s) == ("cancelled", None)
    assert await world.told(fall) == []
    assert await world.log(fall) == ["suspected", "cancelled"]


async def test_a_second_fall_in_the_window_pages_nobody_and_moves_no_window(world: StationWorld) -> None:
    fall = await world.alarm("fall", suspected=FALL)
    await world.after(10)
    assert await world.press("fall", suspected=FALL) == fall
    row = await world.read(fall)
    assert (row.state, row.repeats) == ("suspected", 1)
    assert row.due_in_s <= 10
    assert await world.told(fall, "repeated") == []


async def test_that_everybody_declines_a_suspected_fall_neither_pages_early_nor_stops_the_page(
    world: StationWorld,
) -> None:
    fall = await world.alarm("fall", suspected=FALL)
    for who in ("lin", "chen", "wu", "manager"):
        await world.move("desk", Move.DECLINE, fall, responder=who)
    await world.tick()
    row = await world.read(fall)
    assert (row.state, row.step) == ("suspected", 0)
    assert 18 < row.due_in_s <= 20
    assert await world.cancel("fall")
    fall = await world.alarm("fall", suspected=FALL)
    for who in ("lin", "chen"):
        await world.move("desk", Move.DECLINE, fall, responder=who)
    await world.after(21)
    assert (await world.read(fall)).state == "raised"
    assert await world.answer(fall, "lin") == "called"


async def test_whoever_takes_a_suspected_fall_ends_its_window(world: StationWorld) -> None:
    fall = await world.alarm("fall", suspected=FALL)
    await world.move("desk", Move.ACKNOWLEDGE, fall)
    assert (await world.read(fall)).state == "acknowledged"
    await world.move("desk", Move.HAND_BACK, fall)
    await world.tick()
    assert (await world.read(fall)).step == 1


async def test_a_telephone_call_joins_the_alarm_of_that_kind_at_the_home(world: StationWorld) -> None:
    alarm = await world.alarm(key="home:the-button-of-the-hall:sos")

    async def by_hand(note: str | None = None) -> object:
        async with world.database.transaction() as conn:
            return await raise_by_hand(
                conn, staff_id=world.people["desk"], home_id=world.home, kind="sos", note=note, at=None
            )

    assert await by_hand("she called") == alarm
    assert await by_hand() == alarm, "also where it is held back"
    assert await by_hand("and cannot breathe") == alarm
    notes = await world.rows("SELECT data ->> 'note' AS note FROM alarm_event WHERE type = 'repeated' ORDER BY seq")
    assert [row.note for row in notes] == ["she called", "and cannot breathe"], "what she said is on record"
    await world.move("lin", Move.RESOLVE, alarm)
    assert await by_hand() != alarm


async def test_two_kinds_and_two_people_are_alarms_of_their_own(world: StationWorld) -> None:
    async with world.database.transaction() as conn:
        raised = await world.raise_in(
            conn, world.signal("sos"), world.signal("smoke"), world.signal("sos", key="home:x:resident:sos"),
            world.signal("sos"), world.signal("sos"),
        )  # fmt: skip
    first, smoke, other, repeat, held = raised.alarm_ids
    assert len({first, smoke, other}) == 3
    assert (repeat, held) == (first, None)
