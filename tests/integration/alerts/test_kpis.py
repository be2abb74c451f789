"""What begins, answers and ends a call, as docs/kpi.md defines it: counted from what happened at one station."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from station_world import AREA, StationWorld

from alerts.alarm import Outcome
from alerts.kpi import read_kpis
from alerts.kpi_target import DEFAULT_TARGETS, read_targets
from alerts.moves import Move
from carebed.clock import now

Counted = Callable[..., Awaitable[Any]]


@pytest.fixture
def counted(world: StationWorld) -> Counted:
    """The figures of the last so many hours in a branch."""

    async def count(branch: str = "350102", hours: float = 24, scope: str = "/") -> Any:
        async with world.database.transaction() as conn:
            await conn.execute(text("SELECT set_config('carebed.scope', :scope, true)"), {"scope": scope})
            until = await now(conn) + timedelta(seconds=1)
            return await read_kpis(conn, branch, until - timedelta(hours=hours), until, [60, 180])

    return count


def within(figures: Any, limit: int) -> tuple[int, int]:
    (one,) = [one for one in figures["within"] if one["within_s"] == limit]
    return one["answered"], one["of"]


async def test_a_call_from_the_press_to_its_close(world: StationWorld, counted: Counted) -> None:
    alarm = await world.alarm()
    for seconds, who, move in (
        (20, "desk", Move.ACKNOWLEDGE), (10, "lin", Move.ACCEPT), (60, "lin", Move.EN_ROUTE),
        (600, "lin", Move.ARRIVE), (900, "lin", Move.RESOLVE),
    ):  # fmt: skip
        await world.shift(seconds)
        await world.move(who, move, alarm)
    figures = (await counted())["total"]
    assert (figures["calls"], figures["answered"], figures["waiting"], figures["over"]) == (1, 1, 0, 0)
    assert within(figures, 60) == (1, 1)
    for span, seconds in (
        ("to_answer_s", 20), ("to_acknowledge_s", 20), ("to_accept_s", 30), ("to_en_route_s", 90),
        ("to_arrival_s", 690), ("to_resolved_s", 1_590),
    ):  # fmt: skip
        assert seconds <= figures[span]["median"] < seconds + 10, span
        assert figures[span]["count"] == 1


async def test_who_did_not_wait_that_long_is_judged_by_no_limit(world: StationWorld, counted: Counted) -> None:
    await world.alarm()
    await world.shift(20)
    await world.cancel()
    figures = (await counted())["total"]
    assert (figures["calls"], figures["over"], within(figures, 60)) == (1, 1, (0, 0))
    await world.alarm()
    await world.shift(100)
    await world.cancel()
    figures = (await counted())["total"]
    assert (within(figures, 60), within(figures, 180)) == ((0, 1), (0, 0))
    # And who still waits is missed as soon as he has waited too long.
    await world.alarm()
    assert within((await counted())["total"], 60) == (0, 1)
    await world.shift(61)
    figures = (await counted())["total"]
    assert (figures["waiting"], within(figures, 60), within(figures, 180)) == (1, (0, 2), (0, 0))


async def test_a_suspected_fall_is_a_call_from_its_confirmation(world: StationWorld, counted: Counted) -> None:
    # Cancelled in time it is none; taken before, it is answered at its beginning.
    await world.alarm("fall", suspected=timedelta(seconds=90))
    await world.cancel("fall")
    assert (await counted())["total"]["calls"] == 0
    taken = await world.alarm("fall", suspected=timedelta(seconds=90))
    await world.move("desk", Move.ACKNOWLEDGE, taken)
    await world.move("desk", Move.RESOLVE, taken)
    figures = (await counted())["total"]
    assert (figures["calls"], figures["to_answer_s"]["p99"]) == (1, 0)
    confirmed = await world.alarm("fall", suspected=timedelta(seconds=90))
    await world.after(91)
    await world.shift(70)
    await world.move("lin", Move.ACCEPT, confirmed)
    figures = (await counted())["total"]
    assert (figures["calls"], figures["answered"], within(figures, 60)) == (2, 2, (1, 2))
    assert 60 < figures["to_answer_s"]["p99"] < 80


async def test_opened_again_it_is_one_call_more(world: StationWorld, counted: Counted) -> None:
    alarm = await world.alarm()
    await world.shift(10)
    await world.move("desk", Move.ACKNOWLEDGE, alarm)
    await world.move("desk", Move.RESOLVE, alarm)
    await world.shift(3_600)
    await world.move("desk", Move.REOPEN, alarm)
    await world.shift(70)
    await world.move("lin", Move.ACCEPT, alarm)
    figures = (await counted())["total"]
    assert (figures["calls"], figures["reopened"], figures["answered"]) == (2, 1, 2)
    assert within(figures, 60) == (1, 2)
    assert (figures["to_acknowledge_s"]["count"], figures["to_accept_s"]["count"]) == (1, 1)
    # The last half hour knows only of the second.
    assert (await counted(hours=0.5))["total"]["calls"] == 1


async def test_tests_and_drills_are_counted_apart(world: StationWorld, counted: Counted) -> None:
    alarm = await world.alarm()
    await world.move("lin", Move.RESOLVE, alarm, outcome=Outcome.TEST)
    figures = await counted()
    assert (figures["total"]["calls"], figures["tests"]["calls"], figures["by_kind"]) == (0, 1, [])
    assert figures["tests"]["to_resolved_s"]["count"] == 1


async def test_by_area_station_kind_priority_and_hour(world: StationWorld, counted: Counted) -> None:
    await world.do("INSERT INTO area (code, name, level) VALUES ('350102001000', 'the street', 'street')")
    late = await world.alarm(late=True)
    await world.move("lin", Move.ACCEPT, late)
    await world.alarm("offline", counts_again=False)
    # Nobody has called with these: a gap in next week's rota that a manager sees to in the morning is no slow answer.
    for kind in ("readiness", "lag", "audit", "outage"):
        await world.alarm(kind, counts_again=False)
    figures = await counted()
    assert (figures["total"]["calls"], figures["total"]["late"]) == (1, 1)
    assert [(one["area"], one["name"], one["calls"]) for one in figures["by_area"]] == [
        ("350102001000", "the street", 1)
    ]
    assert [(one["station"], one["name"]) for one in figures["by_station"]] == [(str(world.station), "S")]
    assert {one["kind"]: one["calls"] for one in figures["by_kind"]} == {
        "sos": 1, "offline": 1, "readiness": 1, "lag": 1, "audit": 1, "outage": 1
    }  # fmt: skip
    assert [one["priority"] for one in figures["by_priority"]] == ["life_critical", "work_order"]
    (begun,) = await world.rows(
        "SELECT extract(hour FROM raised_at AT TIME ZONE 'Asia/Shanghai') AS hour FROM alarm WHERE id = :id", id=late
    )
    assert [one["hour"] for one in figures["by_hour"]] == [begun.hour]


async def test_nobody_counts_what_lies_outside_his_scope(world: StationWorld, counted: Counted) -> None:
    await world.alarm()
    assert (await counted("350102", scope="/350102001"))["total"]["calls"] == 1
    for scope in ("", "/350103", "/350102002"):
        assert (await counted("", scope=scope))["total"]["calls"] == 0
    assert (await counted("350102002"))["total"]["calls"] == 0


async def test_the_nearest_branch_above_sets_the_targets(world: StationWorld) -> None:
    await world.do(
        "INSERT INTO area (code, name, level) VALUES ('350100000000', 'c', 'city'), ('350000000000', 'p', 'province')"
    )
    async with world.database.transaction() as conn:
        assert await read_targets(conn, AREA) == (None, DEFAULT_TARGETS)
    for area, seconds in (("350000000000", 90), ("350100000000", 45)):
        await world.do(
            "INSERT INTO kpi_target (area_code, targets, set_by, set_at)"
            " VALUES (:area, CAST(:targets AS jsonb), :by, now())",
            area=area, by=world.people["manager"], targets=f'[{{"within_s": {seconds}, "share": 0.9, "source": "x"}}]',
        )  # fmt: skip
    async with world.database.transaction() as conn:
        set_in, (target,) = await read_targets(conn, AREA)
    assert (set_in, target.within_s) == ("350100000000", 45)
