"""What happens when two things happen at once: real connections, each stopped where it hurts."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from station_world import StationWorld

from alerts import book, raising
from alerts.alarm import Outcome
from alerts.answers import Result, voice_key
from alerts.moves import Move, MoveRequest, MoveResult, perform
from alerts.suspicion import Suspicion
from carebed.clock import now


async def test_a_press_that_meets_a_closing_alarm_opens_a_new_one(world: StationWorld) -> None:
    old = await world.alarm()
    async with world.database.transaction() as conn:
        request = MoveRequest(Move.RESOLVE, old, world.people["lin"], outcome=Outcome.HELP_GIVEN)
        await perform(conn, request, world.hooks)
        press = asyncio.create_task(world.press())
        await world.waits_for_a_lock()
        assert not press.done()
    new = await press
    assert new is not None
    assert new != old
    assert (await world.read(old)).repeats == 0
    await world.tick()
    row = await world.read(new)
    assert (row.state, row.step) == ("raised", 1)


async def test_a_key_and_another_answer_at_the_same_moment_both_count(world: StationWorld) -> None:
    """Everybody's telephone rings at once: a key must not hold its message while it waits for the alarm, which another
    answer holds that withdraws this message."""
    world.channels = ("live", "voice")
    world.engine = world.another_engine()
    for who in ("lin", "chen"):
        await world.do(
            """INSERT INTO contact_method (id, staff_id, channel, address, verified_at)
               VALUES (gen_random_uuid(), :staff, 'voice', :who, carebed_now())""", staff=world.people[who], who=who,
        )  # fmt: skip
    alarm = await world.alarm()
    await world.do(
        """UPDATE notification SET state = 'handed_over', attempts = 1, provider_id = staff_id::text
           WHERE alarm_id = :id AND channel = 'voice'""", id=alarm,
    )  # fmt: skip

    async def press(who: str) -> Result | None:
        async with world.database.transaction() as conn:
            return await voice_key(conn, str(world.people[who]), None, "1", world.hooks)

    async with world.database.transaction() as conn:
        await book.load(conn, [alarm])
        key = asyncio.create_task(press("lin"))
        await world.waits_for_a_lock()
        await perform(conn, MoveRequest(Move.ACCEPT, alarm, world.people["chen"]), world.hooks)
    assert await key is Result.GOING
    assert await press("lin") is None, "what is reported again is no new answer"
    assert [await world.answer(alarm, who) for who in ("lin", "chen")] == ["accepted", "accepted"]


async def test_a_press_that_comes_just_before_the_close_is_in_the_alarm_that_closes(world: StationWorld) -> None:
    alarm = await world.alarm()
    async with world.database.transaction() as conn:
        assert (await world.raise_in(conn, world.signal())).alarm_ids == [alarm]
        resolve = asyncio.create_task(world.move("lin", Move.RESOLVE, alarm))
        await world.waits_for_a_lock()
    await resolve
    row = await world.read(alarm)
    assert (row.state, row.repeats) == ("resolved", 1)


async def test_presses_and_closes_in_a_crowd_lose_no_press(world: StationWorld) -> None:
    """Sixty presses while the alarm is closed again and again: each one is in an alarm that was open when it came."""
    stop = asyncio.Event()

    async def close() -> None:
        while not stop.is_set():
            for alarm in await world.open_alarms():
                await world.move("lin", Move.RESOLVE, alarm)
            await asyncio.sleep(0)

    async def press() -> list[UUID | None]:
        return [await world.press() for _ in range(10)]

    closer = asyncio.create_task(close())
    answers = [one for some in await asyncio.gather(*(press() for _ in range(6))) for one in some]
    stop.set()
    await closer
    opened = await world.rows("SELECT id, repeats FROM alarm")
    held = answers.count(None)
    assert len(answers) == 60
    assert sum(1 + row.repeats for row in opened) == 60 - held
    assert {one for one in answers if one} == {row.id for row in opened}
    assert len(opened) > 1
    for row in opened:
        log = await world.log(row.id)
        assert log.count("repeated") == row.repeats
        assert "repeated" not in log[log.index("resolved") :] if "resolved" in log else True


class _Abandoned(Exception):
    """A transaction that is rolled back."""


async def test_one_cause_raised_by_many_at_once_is_one_alarm(world: StationWorld) -> None:
    keys = [f"key-{number}" for number in range(8)]

    async def raise_all(order: list[str]) -> list[UUID | None]:
        async with world.database.transaction() as conn:
            signals = [world.signal("leak", key=key, counts_again=False) for key in order]
            raised = await world.raise_in(conn, *signals)
            return [raised.alarm_ids[order.index(key)] for key in keys]

    # In opposite orders, stopped in the middle: whoever waits for the other must not be waited for.
    tasks: list[asyncio.Task[list[UUID | None]]] = []
    with contextlib.suppress(_Abandoned):
        async with world.database.transaction() as conn:
            await world.raise_in(conn, world.signal("leak", key=keys[4]))
            tasks = [asyncio.create_task(raise_all(keys[::step])) for step in (1, -1, 1, -1)]
            await world.waits_for_a_lock(4)
            raise _Abandoned
    many = await asyncio.gather(*tasks)
    assert len(await world.open_alarms("leak")) == 8
    assert all(one == many[0] for one in many)


async def test_who_looks_a_second_time_holds_nothing_from_the_first(
    world: StationWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two batches could wait in a circle: one lock taken early, the other one late."""
    joined = await world.alarm("leak", key="a")
    looks: list[int] = []
    look = raising._look

    async def look_and_see(*rest: Any) -> Any:
        looks.append(len(looks))
        if len(looks) == 3:  # the first is that of the transaction that is quicker
            await world.rows("SELECT FROM deadline WHERE alarm_id = :id FOR UPDATE NOWAIT", id=joined)
        return await look(*rest)

    monkeypatch.setattr(raising, "_look", look_and_see)
    async with world.database.transaction() as quicker:
        (opened,) = (await world.raise_in(quicker, world.signal("leak", key="b"))).alarm_ids
        async with asyncio.TaskGroup() as group:
            batch = group.create_task(_press_both(world))
            await world.waits_for_a_lock()
            await quicker.commit()
    assert batch.result() == [joined, opened]
    assert len(looks) == 3


async def _press_both(world: StationWorld) -> list[UUID | None]:
    async with world.database.transaction() as conn:
        return (await world.raise_in(conn, world.signal("leak", key="a"), world.signal("leak", key="b"))).alarm_ids


async def test_a_reopening_that_meets_a_press_gives_way_to_it(world: StationWorld) -> None:
    old = await world.alarm()
    await world.move("lin", Move.RESOLVE, old)
    async with world.database.transaction() as conn:
        (new,) = (await world.raise_in(conn, world.signal())).alarm_ids
        reopen = asyncio.create_task(world.move("desk", Move.REOPEN, old))
        await world.waits_for_a_lock()
    assert (await reopen).refused
    assert await world.open_alarms() == [new]


async def test_a_press_that_meets_a_reopening_joins_it(world: StationWorld) -> None:
    old = await world.alarm()
    await world.move("lin", Move.RESOLVE, old)
    async with world.database.transaction() as conn:
        await perform(conn, MoveRequest(Move.REOPEN, old, world.people["desk"]), world.hooks)
        press = asyncio.create_task(world.press())
        await world.waits_for_a_lock()
    assert await press == old
    assert await world.open_alarms() == [old]


async def test_an_acceptance_that_meets_a_due_step_wins_or_follows_and_nobody_is_paged_twice(
    world: StationWorld,
) -> None:
    alarm = await world.alarm()
    async with world.database.transaction() as conn:
        await perform(conn, MoveRequest(Move.ACCEPT, alarm, world.people["lin"]), world.hooks)
        await world.after(61)
        assert (await world.read(alarm)).step == 1
    await world.tick()
    row = await world.read(alarm)
    assert (row.step, row.owner) == (1, "lin")


async def test_two_engines_take_each_step_once(world: StationWorld) -> None:
    async with world.database.transaction() as conn:
        raised = await world.raise_in(conn, *(world.signal(key=f"home-{number}") for number in range(50)))
    engines = [world.another_engine() for _ in range(4)]
    await asyncio.gather(*(engine.cycle(life_critical=True) for engine in engines))
    await world.after(61)
    await asyncio.gather(*(engine.cycle(life_critical=True) for engine in engines))
    for alarm in raised.alarm_ids:
        assert alarm is not None
        assert await world.log(alarm) == ["raised", "paged", "paged"]
        assert (await world.told(alarm)).count("wu") == 1


async def test_an_engine_whose_connection_dies_between_two_statements_leaves_the_step_to_the_next_try(
    world: StationWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = await world.press()
    assert alarm is not None
    save = book.save
    killed: list[int] = []

    async def save_and_die(conn: AsyncConnection, *rest: Any) -> None:
        await save(conn, *rest)
        if not killed:
            killed.append((await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one())
            await world.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=killed[0])

    monkeypatch.setattr(book, "save", save_and_die)
    await world.tick()
    assert killed
    assert await world.rows("SELECT FROM pg_stat_activity WHERE pid = :pid", pid=killed[0]) == []
    assert await world.log(alarm) == ["raised", "paged"]
    assert await world.told(alarm) == ["chen", "desk", "lin", "night-desk"]


async def test_an_engine_that_dies_at_the_end_of_a_falls_window_leaves_it_to_the_next_try(
    world: StationWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of each of the two windows: nothing of it was done, so all of it is done again, once."""
    at = datetime.now(UTC)
    still, page = at + timedelta(seconds=60), at + timedelta(seconds=80)
    fall = await world.press("fall", suspicion=Suspicion(at, at, at, still, page))
    assert fall is not None
    save = book.save
    killed: list[int] = []

    async def save_and_die(conn: AsyncConnection, *rest: Any) -> None:
        await save(conn, *rest)
        if to_die:
            to_die.clear()
            killed.append((await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one())
            await world.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=killed[-1])

    monkeypatch.setattr(book, "save", save_and_die)
    for seconds, logged in ((61, ["suspected", "no_movement"]), (20, ["confirmed", "paged"])):
        to_die = [True]
        before = await world.log(fall)
        await world.shift(seconds)
        await world.tick()
        assert await world.log(fall) == before * (seconds == 20) + logged
        assert (await world.read(fall)).due_in_s > 0
    assert len(killed) == 2
    assert await world.told(fall) == ["chen", "desk", "lin", "night-desk"]


async def test_whoever_holds_an_alarm_and_stops_in_the_middle_loses_it(
    world: StationWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paused process would otherwise keep its alarms from every engine for as long as it is paused."""
    monkeypatch.setattr(book, "KEEP_MOVING", text("SET LOCAL idle_in_transaction_session_timeout = '200ms'"))
    alarm = await world.alarm()
    with contextlib.suppress(DBAPIError, psycopg.OperationalError):
        async with world.database.transaction() as paused:
            await book.load(paused, [alarm])
            await world.shift(61)
            assert await world.engine.cycle(life_critical=True) == 0, "the deadline is locked before the alarm"
            assert (await world.read(alarm)).step == 1
            async with asyncio.timeout(5):
                while (await world.read(alarm)).step == 1:
                    await world.tick()
                    await asyncio.sleep(0.02)
    assert (await world.read(alarm)).step == 2


async def test_a_stray_lock_on_one_alarm_delays_no_other(world: StationWorld) -> None:
    stuck, other = await world.alarm(), await world.alarm("smoke")
    async with world.database.transaction() as stray:
        await stray.execute(text("SELECT FROM alarm WHERE id = :id FOR UPDATE"), {"id": stuck})
        async with asyncio.timeout(3):
            await world.after(61)
        assert (await world.read(other)).step == 2
        assert (await world.read(stuck)).step == 1
    await world.tick()
    assert (await world.read(stuck)).step == 2


async def test_moves_of_many_people_at_once_are_all_on_record(world: StationWorld) -> None:
    alarm = await world.alarm()

    async def make(who: str, move: Move) -> MoveResult:
        return await world.move(who, move, alarm)

    await asyncio.gather(
        make("lin", Move.ACCEPT), make("chen", Move.DECLINE), make("wu", Move.EN_ROUTE), make("desk", Move.ACKNOWLEDGE),
        make("manager", Move.ARRIVE), world.press(), world.press(), world.tick(),
    )  # fmt: skip
    row = await world.read(alarm)
    assert (row.state, row.owner) == ("on_scene", "desk")
    log = await world.log(alarm)
    assert sorted(log[2:]) == sorted(
        ["accepted", "declined", "accepted", "en_route", "acknowledged", "accepted", "arrived", "repeated"]
    )
    async with world.database.transaction() as conn:
        (case,) = (await book.load(conn, [alarm])).values()
        assert case.due_at is not None
        assert case.due_at > await now(conn)


async def test_a_busy_night_knows_no_deadlock_and_no_lost_step(world: StationWorld) -> None:
    """Batches of presses, moves and three engines on the same six alarms, in every order chance finds."""
    chance = random.Random(11)
    engines = [world.another_engine() for _ in range(3)]

    async def work() -> None:
        for _ in range(25):
            await chance.choice([press_some, move_something, move_something, tick])()

    async def press_some() -> None:
        async with world.database.transaction() as conn:
            some = chance.sample(range(6), chance.randint(1, 6))
            await world.raise_in(conn, *(world.signal(key=f"home-{number}") for number in some))

    async def move_something() -> None:
        kind = chance.choice([one for one in Move if one is not Move.COMMENT])
        who = chance.choice(("lin", "chen", "wu", "desk", "night-desk", "manager"))
        for row in await world.rows("SELECT id FROM alarm ORDER BY random() LIMIT 1"):
            await world.move(who, kind, row.id)

    async def tick() -> None:
        await chance.choice(engines).cycle(life_critical=True)

    async def time_passes() -> None:
        for _ in range(10):
            await world.shift(chance.choice([1, 61, 200]))
            await asyncio.sleep(0.05)

    await asyncio.gather(*(work() for _ in range(8)), time_passes())
    await tick()
    await each_is_armed_for_what_is_due(world)
    await no_step_is_lost_or_doubled(world)


async def each_is_armed_for_what_is_due(world: StationWorld) -> None:
    """The rows of the deadlines say what the alarms say."""
    alarms = await world.open_alarms()
    rows = {row.alarm_id: row.due_at for row in await world.rows("SELECT alarm_id, due_at FROM deadline")}
    async with world.database.transaction() as conn:
        cases = await book.load(conn, alarms)
    assert rows == {case.id: case.due_at for case in cases.values()}


async def no_step_is_lost_or_doubled(world: StationWorld) -> None:
    """Each alarm's steps are 1, 2, 3, ... and again from 1 when it was opened again."""
    rows = await world.rows(
        """SELECT array_agg(coalesce((data->>'step')::int, 0) ORDER BY seq) AS steps FROM alarm_event
           WHERE type IN ('paged', 'reopened') GROUP BY alarm_id"""
    )
    assert len(rows) > 1
    for row in rows:
        for before, step in pairwise([0, *row.steps]):
            assert step in (0, before + 1), row.steps
