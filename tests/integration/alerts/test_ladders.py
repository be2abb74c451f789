"""Ladders that lead nowhere, and what keeps them from ending in silence."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from station_world import AREA, StationWorld

from alerts.moves import Move
from alerts.policy import Policy, Step, policy_json
from carebed.ids import new_id


async def test_where_nobody_is_on_call_the_next_step_comes_at_once_and_the_log_says_so(world: StationWorld) -> None:
    await world.nobody_on_call(1)
    alarm = await world.alarm()
    row = await world.read(alarm)
    assert row.step == 2
    assert 59 < row.due_in_s <= 60
    assert await world.answer(alarm, "wu") == "called"
    assert "desk" in await world.told(alarm)
    assert await world.log(alarm) == ["raised", "no_one_on_call", "paged", "paged"]


async def test_a_mistyped_time_zone_stops_no_call(world: StationWorld) -> None:
    """Whoever needs local time, for a policy's hours or a relative's, does without rather than fail the alarm. The
    database refuses such a zone; one may have been there before it did, or be newer than our list of zones."""
    async with world.owner.transaction() as conn:
        await conn.execute(text("ALTER TABLE area DISABLE TRIGGER area_zone_is_known"))
    await world.do("UPDATE area SET time_zone = 'Asia/Shangai'")
    await world.do(
        """INSERT INTO policy (id, station_id, from_time, to_time, ladder)
           VALUES (gen_random_uuid(), :station, '00:00', '12:00', CAST(:ladder AS jsonb)),
                  (gen_random_uuid(), :station, '12:00', '00:00', CAST(:ladder AS jsonb))""",
        station=world.station, ladder=policy_json(Policy("by day", (Step(0, ("rota:2",)),))),
    )  # fmt: skip
    await world.do(
        "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (gen_random_uuid(), :home, :staff, 'family')",
        home=world.home, staff=world.people["passer-by"],
    )  # fmt: skip
    alarm = await world.alarm()
    assert await world.answer(alarm, "wu") == "called"
    assert await world.told(alarm, "family_raised") == ["passer-by"]


async def test_a_ladder_without_a_soul_is_exhausted_and_goes_round_and_is_never_silent(world: StationWorld) -> None:
    await world.nobody_on_call()
    await world.do("UPDATE staff SET active = false")
    alarm = await world.alarm()
    row = await world.read(alarm)
    assert (row.step, row.exhausted, row.state, row.owner) == (3, True, "raised", None)
    assert row.last_resorts == 1, "nobody to wait for: the last resort at once"
    assert 119 < row.due_in_s <= 120
    assert (await world.log(alarm)).count("no_one_on_call") == 3
    await world.tick()
    assert (await world.read(alarm)).step == 3, "one round a turn, not round and round"
    await world.after(121)
    assert (await world.read(alarm)).step == 6
    # Somebody comes on duty in the middle of the night: the next round finds him.
    await world.do("UPDATE staff SET active = true")
    await world.after(121)
    row = await world.read(alarm)
    assert (row.step, row.exhausted) == (9, True)
    assert "manager" in await world.told(alarm)


async def test_steps_without_delays_are_one_round_and_then_a_pause(world: StationWorld) -> None:
    steps = tuple(Step(delay_s=0, call=(target,)) for target in ("rota:1", "rota:2", "desk", "manager"))
    await world.policy(Policy(name="all at once", steps=steps, loop_s=1))
    alarm = await world.alarm()
    row = await world.read(alarm)
    assert (row.step, row.exhausted) == (4, True)
    assert 0 < row.due_in_s <= 1
    assert sorted(await world.told(alarm)) == ["chen", "desk", "lin", "manager", "night-desk", "wu"]
    await world.after(5)
    assert (await world.read(alarm)).step == 8


async def test_the_first_delay_counts_from_the_raise_also_for_a_suspected_fall(world: StationWorld) -> None:
    steps = (Step(delay_s=45, call=("desk",)), Step(delay_s=60, call=("manager",)))
    await world.policy(Policy(name="slow", steps=steps))
    fall = await world.alarm("fall", suspected=timedelta(seconds=20))
    assert 44 < (await world.read(fall)).due_in_s <= 45
    await world.after(46)
    row = await world.read(fall)
    assert (row.step, row.state) == (1, "raised")
    assert 59 < row.due_in_s <= 60, "a step that calls the desk alone has reached somebody"


async def test_a_policy_changed_at_night_changes_no_alarm_that_is_under_way(world: StationWorld) -> None:
    first = await world.alarm()
    await world.policy(Policy(name="new", steps=(Step(delay_s=0, call=("manager",)),), loop_s=600))
    await world.after(61)
    assert "wu" in await world.told(first)
    second = await world.alarm("smoke")
    assert await world.told(second) == ["manager"]


async def test_a_ladder_that_is_none_stops_no_call_for_help(world: StationWorld) -> None:
    await world.policy('{"name": "typo", "stepz": []}')
    alarm = await world.alarm()
    assert "lin" in await world.told(alarm)
    # Likewise a snapshot that this release cannot read: it goes on by the default ladder, and so do those beside it.
    await world.do("UPDATE alarm SET policy = CAST('{}' AS jsonb) WHERE id = :id", id=alarm)
    other = await world.alarm("smoke")
    await world.after(61)
    assert (await world.read(alarm)).step == 2
    assert (await world.read(other)).step == 2
    await world.move("lin", Move.ACCEPT, alarm)


async def test_an_alarm_whose_row_was_damaged_pages_instead_of_sleeping(world: StationWorld) -> None:
    alarm = await world.alarm()
    await world.do("UPDATE alarm SET next_step_at = NULL")
    await world.after(61)
    row = await world.read(alarm)
    assert row.step == 2
    assert row.due_in_s > 0
    # A deadline earlier than anything that is due is moved, not claimed for ever.
    await world.do("UPDATE deadline SET due_at = carebed_now()")
    await world.tick()
    assert (await world.read(alarm)).due_in_s > 50


async def test_a_work_order_goes_to_the_desk_and_takes_its_time(world: StationWorld) -> None:
    offline = await world.alarm("offline", counts_again=False)
    assert await world.told(offline) == ["desk", "night-desk"]
    assert 14_399 < (await world.read(offline)).due_in_s <= 14_400
    (row,) = await world.rows("SELECT life_critical FROM deadline WHERE alarm_id = :id", id=offline)
    assert row.life_critical is False
    assert await world.press("offline", counts_again=False) == offline
    assert (await world.read(offline)).repeats == 0


async def test_everybody_who_is_called_has_an_outbox_row_on_every_channel(world: StationWorld) -> None:
    world.channels = ("live", "webhook")
    world.engine = world.another_engine()
    alarm = await world.alarm()
    rows = await world.rows(
        """SELECT login, array_agg(channel ORDER BY channel) AS channels, bool_and(life_critical) AS critical,
                  bool_and(abs(extract(epoch FROM next_attempt_at - clock_timestamp())) < 10) AS real
           FROM notification JOIN staff ON staff.id = staff_id WHERE alarm_id = :id AND kind = 'called'
           GROUP BY login ORDER BY login""",
        id=alarm,
    )
    assert [row.login for row in rows] == ["chen", "desk", "lin", "night-desk"]
    assert all(row.channels == ["live", "webhook"] and row.critical and row.real for row in rows)
    called = await world.rows("SELECT count(*) AS n FROM response WHERE alarm_id = :id AND state = 'called'", id=alarm)
    assert called[0].n == 2
    # A shifted clock (a demo, a replay) delays no retry: the outbox lives in real time.
    await world.after(3_600)
    (row,) = await world.rows("SELECT max(next_attempt_at) <= clock_timestamp() AS real FROM notification")
    assert row.real


async def test_a_ladder_that_nobody_answers_calls_the_last_resort_once_a_round_and_tells_it_the_end(
    world: StationWorld,
) -> None:
    world.channels = ("live", "webhook", "last_resort")
    world.engine = world.another_engine()
    alarm = await world.alarm()
    for _ in range(2):
        await world.after(61)
    assert (await world.read(alarm)).exhausted is True
    assert await _last_resort(world, alarm) == []
    await world.after(61)
    row = await world.read(alarm)
    assert (row.last_resorts, row.last_resort_at, row.step) == (1, None, 3)
    assert await _last_resort(world, alarm) == ["last_resort", "webhook last_resort"]
    for _ in range(4):
        await world.after(61)
    assert (await world.read(alarm)).last_resorts == 2, "once a round"
    await world.move("manager", Move.ACCEPT, alarm)
    assert (await world.read(alarm)).last_resort_at is None
    await world.move("manager", Move.RESOLVE, alarm)
    kinds = [one for one in await _last_resort(world, alarm) if not one.startswith("webhook")]
    assert kinds == ["last_resort", "last_resort", "handled", "resolved"]
    assert (await world.log(alarm)).count("last_resort") == 2


async def test_whoever_takes_it_before_keeps_the_last_resort_away(world: StationWorld) -> None:
    world.channels = ("last_resort",)
    alarm = await world.alarm()
    for _ in range(2):
        await world.after(61)
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.after(119)
    assert (await world.read(alarm)).last_resorts == 0
    # The desk forgets it: the ladder goes round once more, and then nobody has answered.
    for _ in range(4):
        await world.after(61)
    assert (await world.read(alarm)).last_resorts == 1


async def test_rounds_are_repeated_before_an_alarm_counts_as_exhausted(world: StationWorld) -> None:
    steps = (Step(delay_s=0, call=("rota:1",)), Step(delay_s=10, call=("desk",)))
    await world.policy(Policy(name="twice", steps=steps, loop_s=30, repeat=1, last_resort_s=20))
    alarm = await world.alarm()
    seen = []
    for seconds in (11, 31, 11, 21):
        await world.after(seconds)
        row = await world.read(alarm)
        seen.append((row.step, row.exhausted, row.last_resorts))
    assert seen == [(2, False, 0), (3, False, 0), (4, True, 0), (4, True, 1)]


async def test_neighbours_who_are_called_are_told_that_it_is_handled(world: StationWorld) -> None:
    neighbour = new_id()
    world.people["neighbour"] = neighbour
    await world.do(
        "INSERT INTO staff (id, name, role, area_code) VALUES (:id, 'N', 'neighbour', :area)", id=neighbour, area=AREA
    )
    await world.do(
        "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (:id, :home, :staff, 'neighbour')",
        id=new_id(), home=world.home, staff=neighbour,
    )  # fmt: skip
    await world.policy(Policy(name="neighbours too", steps=(Step(delay_s=0, call=("neighbours", "rota:1")),)))
    alarm = await world.alarm()
    assert await world.answer(alarm, "neighbour") == "called"
    await world.move("lin", Move.ACCEPT, alarm)
    await world.move("lin", Move.RESOLVE, alarm)
    rows = await world.rows("SELECT kind FROM notification WHERE staff_id = :id ORDER BY id", id=neighbour)
    assert [row.kind for row in rows] == ["called", "handled", "resolved"]


async def _last_resort(world: StationWorld, alarm: UUID) -> list[str]:
    """Kinds of the messages to nobody by name; those of the webhook say so."""
    rows = await world.rows(
        "SELECT kind, channel FROM notification WHERE alarm_id = :id AND staff_id IS NULL ORDER BY channel, id",
        id=alarm,
    )
    return [row.kind if row.channel == "last_resort" else f"{row.channel} {row.kind}" for row in rows]
