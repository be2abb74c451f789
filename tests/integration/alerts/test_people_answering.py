"""Stories of those who answer: what they promise runs out, and the alarm stays somebody's business all the same."""

import pytest
from station_world import StationWorld

from alerts.alarm import Outcome
from alerts.moves import Arrival, Departure, Move


async def test_a_press_pages_tier_one_and_the_desk_at_once_and_tier_two_after_a_minute(world: StationWorld) -> None:
    alarm = await world.alarm()
    assert await world.told(alarm) == ["chen", "desk", "lin", "night-desk"]
    row = await world.read(alarm)
    assert (row.state, row.step, row.owner, row.exhausted) == ("raised", 1, None, False)
    assert 59 < row.due_in_s <= 60
    await world.after(59)
    assert (await world.read(alarm)).step == 1
    await world.after(2)
    assert (await world.read(alarm)).step == 2
    assert await world.answer(alarm, "wu") == "called"
    assert await world.log(alarm) == ["raised", "paged", "paged"]


async def test_a_caregiver_accepts_and_never_moves_and_the_alarm_comes_back(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.ACCEPT, alarm)
    row = await world.read(alarm)
    assert (row.state, row.owner) == ("acknowledged", "lin")
    assert 179 < row.due_in_s <= 180
    assert "chen" in await world.told(alarm, "handled")
    await world.after(179)
    assert (await world.read(alarm)).step == 1, "the ladder pauses while somebody holds the alarm"
    await world.after(2)
    row = await world.read(alarm)
    assert (row.state, row.step, row.owner) == ("raised", 2, None)
    assert await world.answer(alarm, "lin") == "called"
    assert "lin" in await world.told(alarm, "expired")
    assert "wu" in await world.told(alarm)
    assert (await world.log(alarm))[-2:] == ["acceptance_expired", "paged"]


async def test_a_responder_who_never_arrives_holds_nothing_and_the_next_are_called(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.EN_ROUTE, alarm)
    assert (await world.read(alarm)).state == "en_route"
    await world.after(1_801)
    row = await world.read(alarm)
    assert (row.state, row.step, row.owner) == ("raised", 2, None)
    assert 59 < row.due_in_s <= 60
    assert await world.answer(alarm, "lin") == "en_route", "he may still come"
    assert "wu" in await world.told(alarm)
    assert (await world.log(alarm))[-2:] == ["arrival_overdue", "paged"]
    # On the third step everybody is called who is not on the way already.
    await world.after(1_801)
    assert (await world.told(alarm)).count("lin") == 1


async def test_a_responder_on_scene_for_too_long_is_looked_after(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.ARRIVE, alarm)
    await world.after(3_601)
    row = await world.read(alarm)
    assert (row.state, row.step) == ("on_scene", 2)
    assert "on_scene_overdue" in await world.log(alarm)
    assert 3_599 < row.due_in_s <= 3_600


async def test_the_desk_takes_charge_and_forgets_and_the_ladder_goes_on(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    row = await world.read(alarm)
    assert (row.state, row.owner) == ("acknowledged", "desk")
    await world.after(100)
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    assert (await world.read(alarm)).due_in_s <= 20, "acknowledging again does not buy time"
    await world.after(21)
    row = await world.read(alarm)
    assert (row.state, row.step, row.owner) == ("raised", 2, None)
    assert await world.told(alarm, "expired") == ["desk"]


async def test_who_leaves_without_a_close_leaves_an_alarm_that_goes_on_at_once(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.ARRIVE, alarm)
    await world.move("lin", Move.LEAVE, alarm)
    await world.tick()
    row = await world.read(alarm)
    assert (row.state, row.step, row.owner) == ("raised", 2, None)
    kinds = [type(visit) for visit in world.visits]
    assert kinds == [Arrival, Departure]
    # He is called again, and comes again: a second visit, and his row shows this coming, not the last.
    await world.after(61)
    assert await world.answer(alarm, "lin") == "called"
    await world.move("lin", Move.ACCEPT, alarm)
    (answer,) = await world.rows(
        "SELECT arrived_at, left_at FROM response WHERE staff_id = :id", id=world.people["lin"]
    )
    assert (answer.arrived_at, answer.left_at) == (None, None)
    await world.move("lin", Move.ARRIVE, alarm)
    assert len(world.visits) == 3


async def test_a_hand_back_goes_to_the_next_step_or_to_the_desk_that_holds_it(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.ACCEPT, alarm)
    await world.move("lin", Move.HAND_BACK, alarm)
    await world.tick()
    assert (await world.read(alarm)).step == 2
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.move("wu", Move.ACCEPT, alarm)
    await world.after(100)
    await world.move("wu", Move.HAND_BACK, alarm)
    row = await world.read(alarm)
    assert (row.owner, row.step) == ("desk", 2)
    assert 119 < row.due_in_s <= 120, "the desk has its time anew"
    assert await world.told(alarm, "handed_back") == ["desk"]


async def test_a_desk_that_hands_back_twice_has_handed_back_once(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    for _ in range(2):
        assert (await world.move("desk", Move.HAND_BACK, alarm)).refused is None
    assert (await world.log(alarm)).count("handed_back") == 1
    await world.tick()
    assert (await world.read(alarm)).step == 2
    assert (await world.move("night-desk", Move.HAND_BACK, alarm)).refused, "who never held it has nothing to give back"


async def test_the_last_one_called_declines_and_the_next_step_comes_at_once(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.DECLINE, alarm)
    await world.tick()
    assert (await world.read(alarm)).step == 1, "chen may still come"
    await world.move("chen", Move.DECLINE, alarm)
    await world.tick()
    assert (await world.read(alarm)).step == 2
    await world.move("wu", Move.DECLINE, alarm)
    await world.tick()
    row = await world.read(alarm)
    assert (row.step, row.exhausted) == (3, True)
    # The last step calls all of them again; that everybody has declined is not the end.
    assert await world.answer(alarm, "lin") == "called"
    assert 59 < row.due_in_s <= 60, "the last resort, and then the ladder again"


async def test_a_decline_of_somebody_who_was_not_called_moves_nothing(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("passer-by", Move.DECLINE, alarm)
    await world.tick()
    assert (await world.read(alarm)).step == 1


async def test_escalating_an_alarm_that_is_held_calls_more_people_and_takes_it_from_nobody(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.ACCEPT, alarm)
    await world.move("desk", Move.ESCALATE, alarm)
    row = await world.read(alarm)
    assert (row.step, row.owner, row.state) == (2, "lin", "acknowledged")
    assert "wu" in await world.told(alarm)
    assert 179 < row.due_in_s <= 180


async def test_repeating_ones_own_move_changes_nothing_and_is_no_error(world: StationWorld) -> None:
    alarm = await world.alarm()
    for move in (Move.ACCEPT, Move.EN_ROUTE, Move.ARRIVE, Move.LEAVE):
        await world.move("lin", move, alarm)
        before, log = await world.read(alarm), await world.log(alarm)
        again = await world.move("lin", move, alarm)
        assert again.refused is None
        assert (await world.read(alarm)).version == before.version
        assert await world.log(alarm) == log
    await world.move("lin", Move.RESOLVE, alarm, note="sat by the window")
    assert (await world.move("lin", Move.RESOLVE, alarm)).refused is None
    assert (await world.move("lin", Move.LEAVE, alarm)).refused is None
    assert len(world.visits) == 2
    # What would not be kept must not be answered as if it were.
    assert (await world.move("lin", Move.RESOLVE, alarm, note="another note")).refused
    assert (await world.move("lin", Move.RESOLVE, alarm, outcome=Outcome.TEST)).refused


async def test_what_is_written_beside_a_move_is_on_record_whatever_becomes_of_it(world: StationWorld) -> None:
    alarm = await world.alarm()
    for move, note in (
        (Move.ACCEPT, "five minutes"), (Move.EN_ROUTE, "by bicycle"), (Move.EN_ROUTE, "flat tyre"),
        (Move.EN_ROUTE, "flat tyre"), (Move.HAND_BACK, "cannot get in"),
    ):  # fmt: skip
        await world.move("lin", move, alarm, note=note)
    await world.move("desk", Move.RESOLVE, alarm)
    assert (await world.move("lin", Move.RESOLVE, alarm, outcome=Outcome.EMERGENCY, note="fell; broken hip")).refused
    rows = await world.rows(
        "SELECT type, data ->> 'note' AS note, data ->> 'outcome' AS outcome FROM alarm_event"
        " WHERE alarm_id = :alarm AND data ->> 'note' IS NOT NULL ORDER BY seq",
        alarm=alarm,
    )
    assert [tuple(row) for row in rows] == [
        ("accepted", "five minutes", None), ("en_route", "by bicycle", None), ("comment", "flat tyre", None),
        ("handed_back", "cannot get in", None), ("move_refused", "fell; broken hip", "emergency"),
    ]  # fmt: skip


async def test_a_move_that_comes_too_late_is_refused_and_stays_on_record(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.RESOLVE, alarm)
    for move in (Move.ACKNOWLEDGE, Move.ACCEPT, Move.DECLINE, Move.EN_ROUTE, Move.ARRIVE, Move.HAND_BACK,
                 Move.ESCALATE):  # fmt: skip
        refused = await world.move("chen", move, alarm)
        assert refused.refused == "The alarm is already resolved."
    assert (await world.log(alarm)).count("move_refused") == 7
    row = await world.read(alarm)
    assert (row.state, row.due_in_s) == ("resolved", None)


async def test_an_answer_that_names_a_passed_step_counts_and_is_told_so(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.after(61)
    accepted = await world.move("lin", Move.ACCEPT, alarm, step=1)
    assert (accepted.stale, accepted.refused) == (True, None)
    assert (await world.read(alarm)).owner == "lin"
    resolved = await world.move("lin", Move.RESOLVE, alarm, step=1)
    assert (resolved.stale, resolved.refused) == (True, None)


async def test_closing_ends_the_visits_and_tells_everybody_who_was_called(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.ARRIVE, alarm)
    await world.move("chen", Move.ARRIVE, alarm)
    await world.move("lin", Move.RESOLVE, alarm, outcome=Outcome.HANDED_TO_120, reference="120-4711")
    ended = {visit.staff_id for visit in world.visits if isinstance(visit, Departure)}
    assert ended == {world.people["lin"], world.people["chen"]}
    assert await world.told(alarm, "resolved") == ["chen"]
    assert (await world.read(alarm)).due_in_s is None
    await world.after(100_000)
    assert (await world.told(alarm)).count("chen") == 1


async def test_a_closed_alarm_opened_again_starts_its_ladder_anew(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.after(61)
    await world.move("lin", Move.RESOLVE, alarm, note="all well")
    await world.move("desk", Move.REOPEN, alarm)
    await world.tick()
    row = await world.read(alarm)
    assert (row.state, row.step, row.exhausted, row.outcome, row.note) == ("raised", 1, False, None, None)
    assert (await world.told(alarm)).count("lin") == 2
    assert (await world.move("desk", Move.REOPEN, alarm)).refused is None
    await world.move("lin", Move.RESOLVE, alarm)
    await world.after(90_000)
    assert (await world.move("desk", Move.REOPEN, alarm)).refused
    assert (await world.read(alarm)).state == "resolved"


async def test_a_closed_alarm_stays_closed_while_another_of_its_cause_is_open(world: StationWorld) -> None:
    first = await world.alarm()
    await world.move("lin", Move.RESOLVE, first)
    second = await world.alarm()
    assert second != first
    refused = await world.move("desk", Move.REOPEN, first)
    assert refused.refused == "Another alarm of the same kind is open at this home: use that one."
    assert (await world.read(first)).state == "resolved"
    assert await world.open_alarms() == [second]
    assert "move_refused" in await world.log(first)


@pytest.mark.parametrize("move", [Move.RESOLVE, Move.COMMENT])
async def test_a_move_without_what_it_needs_changes_nothing(world: StationWorld, move: Move) -> None:
    alarm = await world.alarm()
    with pytest.raises(ValueError, match="needs"):
        await world.move("lin", move, alarm, outcome=None, note=None)
    assert (await world.read(alarm)).state == "raised"
