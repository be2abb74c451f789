"""The log's numbers appear in commit order: whoever reads from a cursor on never skips one."""

import asyncio
import random

from sqlalchemy import text
from station_world import StationWorld

from alerts import book, lifecycle
from alerts.moves import Move
from alerts.raising import raise_alarms
from carebed.clock import now

_WRITERS = 12
_ROUNDS = 15


async def test_a_cursor_sees_every_event_of_many_transactions_at_once(world: StationWorld) -> None:
    """Writers that dawdle before and after their last statement, and some that fail; a reader that never looks back."""
    async with world.database.transaction() as conn:
        raised = await world.raise_in(conn, *(world.signal(key=f"home-{number}") for number in range(_WRITERS)))
    chance = random.Random(7)
    seen: list[int] = []
    done = asyncio.Event()

    async def read() -> None:
        finished = False
        while not finished:
            finished = done.is_set()
            rows = await world.rows(
                "SELECT seq FROM alarm_event WHERE seq > :cursor ORDER BY seq", cursor=seen[-1] if seen else 0
            )
            seen.extend(row.seq for row in rows)
            await asyncio.sleep(0)

    async def write(number: int) -> None:
        alarm_id = raised.alarm_ids[number]
        assert alarm_id is not None
        for turn in range(_ROUNDS):
            try:
                async with world.database.transaction() as conn:
                    case = (await book.load(conn, [alarm_id]))[alarm_id]
                    at = await now(conn)
                    await conn.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() * 0.01})
                    lifecycle.comment(case, at, world.signal().actor, f"{turn}")
                    await book.finish(conn, at, [case])
                    # Numbers are drawn; the commit comes later, and not for everybody.
                    await conn.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() * 0.004})
                    if chance.random() < 0.2:
                        raise _Fails
            except _Fails:
                continue

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(_WRITERS)))
    done.set()
    await reader
    stored = [row.seq for row in await world.rows("SELECT seq FROM alarm_event ORDER BY seq")]
    assert seen == stored
    assert len(stored) < _WRITERS * (_ROUNDS + 1), "some must have failed"


class _Fails(Exception):
    """A transaction that is rolled back after its numbers were drawn."""


async def test_a_transactions_events_stand_in_the_order_in_which_they_happened(world: StationWorld) -> None:
    await world.nobody_on_call()
    await world.do("UPDATE staff SET active = false")
    alarm = await world.alarm()
    assert await world.log(alarm) == ["raised", *["no_one_on_call", "paged"] * 3, "last_resort"]
    rows = await world.rows("SELECT version FROM alarm_event WHERE alarm_id = :id ORDER BY seq", id=alarm)
    assert [row.version for row in rows] == [1, *[2] * 7]


async def test_who_waited_for_an_alarm_logs_no_earlier_than_whoever_had_it(world: StationWorld) -> None:
    alarm = await world.alarm()
    async with world.database.transaction() as conn:
        began = await now(conn)
        await world.move("lin", Move.EN_ROUTE, alarm)
        raised = await raise_alarms(conn, began, [world.signal()])
        await book.finish(conn, began, raised.cases.values(), world.channels)
    rows = await world.rows("SELECT at, type FROM alarm_event WHERE alarm_id = :id ORDER BY seq", id=alarm)
    assert rows[-1].type == "repeated"
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    (told,) = await world.rows(
        "SELECT min(created_at) FILTER (WHERE kind = 'repeated') > max(created_at) FILTER (WHERE kind <> 'repeated')"
        " AS later FROM notification WHERE alarm_id = :id", id=alarm,
    )  # fmt: skip
    assert told.later
