"""A drill beside calls for help: it goes their way, and touches none of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError
from station_world import StationWorld

from alerts import book
from alerts.alarm import Outcome
from alerts.auditor import Auditor
from alerts.by_hand import raise_by_hand
from alerts.case import ENGINE
from alerts.kpi import read_kpis
from alerts.lifecycle import end_drill
from alerts.load import read_load
from alerts.moves import Move
from alerts.view import list_alarms
from carebed.clock import now
from carebed.ids import new_id


async def _drill(world: StationWorld, kind: str = "sos") -> UUID:
    return await world.alarm(kind, key=f"drill:{world.home}:{kind}", drill=True)


async def _relative(world: StationWorld) -> None:
    await world.do(
        "INSERT INTO staff (id, name, role, area_code) VALUES (:id, 'R', 'family', '350102001001')",
        id=(who := new_id()),
    )
    await world.do(
        "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (:id, :home, :who, 'family')",
        id=new_id(), home=world.home, who=who,
    )  # fmt: skip


async def test_a_press_in_a_home_under_drill_is_an_alarm_of_its_own(world: StationWorld) -> None:
    drill = await _drill(world)
    real = await world.alarm()
    assert real != drill
    assert await world.log(real) == ["raised", "paged"]
    assert await world.told(real) == await world.told(drill)
    # Answering the drill answers nothing else: the call goes on, and its messages wait as they did.
    await world.move("lin", Move.ACCEPT, drill)
    (waiting,) = await world.rows(
        "SELECT count(*) AS n FROM notification WHERE alarm_id = :id AND kind = 'called' AND state = 'pending'"
        " AND due_at < 'infinity'", id=real,
    )  # fmt: skip
    assert waiting.n == len(await world.told(real))
    await world.after(61)
    row = await world.read(real)
    assert (row.step, row.state, row.repeats) == (2, "raised", 0)
    # The wearer's cancel closes the call, and it is not the drill that he cancels.
    again = await _drill(world)
    assert await world.cancel()
    assert (await world.read(again)).closed_at is None
    assert (await world.read(real)).state == "cancelled"


async def test_who_telephones_joins_no_drill(world: StationWorld) -> None:
    drill = await _drill(world)
    async with world.database.transaction() as conn:
        real = await raise_by_hand(
            conn, staff_id=world.people["desk"], home_id=world.home, kind="sos", note=None, at=None
        )
    assert real != drill
    assert not (await world.read(real)).drill


async def test_accepting_a_drill_is_its_end_and_nobody_goes(world: StationWorld) -> None:
    await _relative(world)
    await world.do(
        "INSERT INTO gateway (id, home_id, station_id, secret_hash) VALUES ('gw-1', :home, :station, '-')",
        home=world.home, station=world.station,
    )  # fmt: skip
    drill = await _drill(world)
    await world.move("desk", Move.ACKNOWLEDGE, drill)
    await world.move("lin", Move.ARRIVE, drill)
    row = await world.read(drill)
    assert (row.state, row.outcome, row.owner) == ("resolved", "test", "desk")
    assert (await world.log(drill))[-2:] == ["accepted", "resolved"]
    assert world.visits == []
    assert await world.told(drill, "resolved") == ["chen", "desk"]
    # Neither the home nor the family heard of it.
    assert await world.rows("SELECT FROM command") == []
    assert "family_told" not in await world.log(drill)
    assert (await world.move("desk", Move.REOPEN, drill)).refused is not None


async def test_a_drill_ends_as_a_test_and_nothing_else(world: StationWorld) -> None:
    drill, real = await _drill(world), await world.alarm()
    for outcome in Outcome:
        if outcome is not Outcome.TEST:
            refused = (await world.move("lin", Move.RESOLVE, drill, outcome=outcome, reference="120-1")).refused
            assert refused is not None, outcome
    assert (await world.move("lin", Move.RESOLVE, real, outcome=Outcome.NOT_ANSWERED)).refused is not None
    assert (await world.move("lin", Move.RESOLVE, drill, outcome=Outcome.TEST)).refused is None
    assert await world.log(real) == ["raised", "paged", "move_refused"]


_OTHER_KEY = "merge_key = CASE WHEN drill THEN 'home:x' ELSE 'drill:x' END"
_OTHER_END = "outcome = CASE WHEN drill THEN 'emergency' ELSE 'not_answered' END"


async def test_the_database_lets_neither_become_the_other(world: StationWorld) -> None:
    for alarm in (await _drill(world), await world.alarm()):
        for change in (
            "drill = NOT drill", f"drill = NOT drill, {_OTHER_KEY}", _OTHER_KEY,
            f"state = 'resolved', closed_at = carebed_now(), {_OTHER_END}",
        ):  # fmt: skip
            with pytest.raises((IntegrityError, ProgrammingError)) as refused:
                await world.do(f"UPDATE alarm SET {change} WHERE id = :id", id=alarm)
            assert isinstance(refused.value.orig, psycopg.errors.CheckViolation | psycopg.errors.InsufficientPrivilege)


async def test_no_door_is_opened_for_a_drill(world: StationWorld) -> None:
    """Not even to somebody whose row says that he has accepted it."""
    found = []
    for alarm in (await _drill(world), await world.alarm("fall")):
        await world.do(
            "INSERT INTO response (alarm_id, staff_id, state, step) VALUES (:id, :lin, 'accepted', 1)"
            " ON CONFLICT (alarm_id, staff_id) DO UPDATE SET state = 'accepted'", id=alarm, lin=world.people["lin"],
        )  # fmt: skip
        async with world.owner.transaction() as conn:
            await conn.exec_driver_sql(f"SELECT set_config('carebed.staff', '{world.people['lin']}', true)")
            found.append(len((await conn.exec_driver_sql(f"SELECT * FROM access_notes_of('{alarm}')")).all()))
    assert found == [0, 1]


async def test_a_drill_that_reaches_nobody_is_nothing_that_the_auditor_calls_people_for(world: StationWorld) -> None:
    await world.nobody_on_call()
    await world.do("UPDATE staff SET active = false")
    await _drill(world)
    assert await Auditor(world.database).look() == {}


async def test_it_goes_after_whatever_is_meant_in_earnest(world: StationWorld) -> None:
    """In slots of its own in the outbox, last on the board, and due beside those that may wait."""
    drill = await _drill(world)
    order = await world.alarm("battery", counts_again=False)
    async with world.database.transaction() as conn:
        first = await list_alarms(conn, "open", 1)
        second = await list_alarms(conn, "open", 1, first.next)
    assert [alarm.id for page in (first, second) for alarm in page.items] == [order, drill]
    classes = await world.rows(
        "SELECT DISTINCT n.life_critical AS message, n.drill, d.life_critical AS deadline FROM notification n"
        " JOIN deadline d USING (alarm_id) WHERE n.alarm_id = :id", id=drill,
    )  # fmt: skip
    assert [tuple(row) for row in classes] == [(False, True, False)]


async def test_drills_are_in_no_figure_but_their_own(world: StationWorld) -> None:
    drill = await _drill(world)
    await world.move("lin", Move.ACCEPT, drill)
    await _drill(world)
    await world.alarm()

    async def figures() -> tuple[Any, Any]:
        async with world.database.transaction() as conn:
            await conn.exec_driver_sql("SELECT set_config('carebed.scope', '/', true)")
            until = await now(conn) + timedelta(seconds=1)
            span = (until - timedelta(hours=1), until)
            return await read_kpis(conn, "350102", *span, [60]), await read_load(conn, "350102", *span)

    kpis, load = await figures()
    assert (kpis["total"]["calls"], kpis["tests"]["calls"], kpis["tests"]["answered"]) == (1, 2, 1)
    assert (load["total"]["alarms"], load["total"]["test"], load["total"]["open"]) == (1, 2, 1)


async def test_a_drill_that_is_over_says_whether_anybody_took_it(world: StationWorld) -> None:
    taken, left = await _drill(world), await _drill(world, "fall")
    await world.move("desk", Move.ACKNOWLEDGE, taken)
    async with world.database.transaction() as conn:
        at = await now(conn)
        cases = await book.load(conn, [taken, left])
        for case in cases.values():
            end_drill(case, at, ENGINE, "drill_over")
        await book.finish(conn, at, cases.values())
    assert ((await world.read(taken)).outcome, (await world.read(left)).outcome) == ("test", "not_answered")
