"""The engine by itself: every due row handled, once, soon, whatever its neighbours do."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed import engine as engine_module
from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.deadline import Arm, Deadline, arm, end, rearm
from carebed.engine import Engine
from carebed.heartbeat import beat
from tests.at_work import at_work


class Clock(Protocol):
    """The fixture `clock`."""

    async def advance(self, **span: float) -> None: ...


class Diary:
    """A handler that writes down whom it was given and ends them; `poison` subjects fail."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.poison: set[str] = set()
        self.batches: list[int] = []
        self.woken = asyncio.Event()

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        assert all(row.due_at <= now for row in deadlines)
        self.batches.append(len(deadlines))
        if bad := self.poison & {row.subject for row in deadlines}:
            raise ValueError(f"poison: {bad}")
        await end(conn, deadlines)
        self.handled += [row.subject for row in deadlines]
        self.woken.set()


async def due(database: Database, *subjects: str, in_s: float = 0, **more: Any) -> None:
    """Arm deadlines of the kind `diary`."""
    async with database.transaction() as conn:
        at = await clock_now(conn) + timedelta(seconds=in_s)
        await arm(conn, [Arm("diary", subject, at, **more) for subject in subjects], wake=True)


async def left(database: Database) -> dict[str, Any]:
    """Subject -> row, of the deadlines that stand."""
    async with database.transaction() as conn:
        rows = await conn.execute(
            text("SELECT *, extract(epoch FROM retry_at - clock_timestamp())::float8 AS pause FROM deadline")
        )
        return {row.subject: row for row in rows}


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def engine(database: Database, diary: Diary) -> Engine:
    return Engine(database, {"diary": diary}, process="test")


async def test_what_is_due_is_handled_most_overdue_first_and_what_is_not_stays(
    database: Database, engine: Engine, diary: Diary, clock: Clock
) -> None:
    await due(database, "later", in_s=60)
    await due(database, "second", in_s=2)
    await due(database, "first", in_s=1)
    assert await engine.cycle(life_critical=False) == 0
    await clock.advance(seconds=3)
    assert await engine.cycle(life_critical=True) == 0, "of the other class"
    assert await engine.cycle(life_critical=False) == 2
    assert diary.handled == ["first", "second"]
    assert set(await left(database)) == {"later"}


async def test_a_row_that_fails_is_put_back_and_holds_up_nobody(
    database: Database, engine: Engine, diary: Diary
) -> None:
    diary.poison = {"bad"}
    await due(database, "a", "bad", "z", life_critical=True)
    await engine.cycle(life_critical=True)
    assert sorted(diary.handled) == ["a", "z"]
    pauses = []
    for attempts in range(1, 8):
        row = (await left(database))["bad"]
        assert row.attempts == attempts
        pauses.append(round(row.pause + 0.4))
        # Those who come after it do not meet it: it waits in another loop.
        await due(database, f"next-{attempts}", life_critical=True)
        before = len(diary.batches)
        assert await engine.cycle(life_critical=True) == 1
        assert diary.batches[before:] == [1]
        assert await engine.retry_cycle() == 0, "not before its pause is over"
        async with database.transaction() as conn:
            await conn.execute(text("UPDATE deadline SET retry_at = clock_timestamp()"))
        assert await engine.retry_cycle() == 1
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    # Healed, it is handled; and the loop that does it runs by itself.
    diary.poison = set()
    diary.woken.clear()
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE deadline SET retry_at = clock_timestamp()"))
    async with at_work(engine), asyncio.timeout(5):
        await diary.woken.wait()
    assert await left(database) == {}


async def test_a_row_moved_by_somebody_else_starts_with_a_clean_slate(
    database: Database, engine: Engine, diary: Diary
) -> None:
    diary.poison = {"bad"}
    await due(database, "bad")
    await engine.cycle(life_critical=False)
    diary.poison = set()
    async with database.transaction() as conn:
        at = await clock_now(conn) - timedelta(seconds=60)
        await arm(conn, [Arm("diary", "bad", at)], earlier=True)
    assert await engine.cycle(life_critical=False) == 1
    assert diary.handled == ["bad"]


async def test_engines_share_the_work_and_wait_for_nobody(database: Database, diary: Diary) -> None:
    await due(database, *(f"{number:04}" for number in range(2_500)))
    engines = [Engine(database, {"diary": diary}, process="test") for _ in range(4)]

    async def work(engine: Engine) -> int:
        total = 0
        while handled := await engine.cycle(life_critical=False):
            total += handled
        return total

    shares = await asyncio.gather(*(work(engine) for engine in engines))
    assert sum(shares) == 2_500
    assert len(diary.handled) == len(set(diary.handled)) == 2_500
    assert sum(share > 0 for share in shares) > 1
    assert await left(database) == {}


async def test_a_paused_engine_stops_neither_the_beat_nor_the_work_of_the_others(
    database: Database, engine: Engine, diary: Diary
) -> None:
    await due(database, "held", "free")
    await engine.cycle(life_critical=True)
    assert await engine.cycle(life_critical=False) == 2
    await due(database, "held", "free")
    diary.handled.clear()
    async with database.transaction() as paused:
        await beat(paused, "test-ordinary")
        await paused.execute(text("SELECT FROM deadline WHERE subject = 'held' FOR UPDATE"))
        async with asyncio.timeout(3):
            assert await engine.cycle(life_critical=False) == 1
        assert diary.handled == ["free"]
    await engine.cycle(life_critical=False)
    assert diary.handled == ["free", "held"]


async def test_a_crowded_kind_has_several_batches_under_way_and_holds_up_no_other(
    database: Database, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_BATCH", 10)
    monkeypatch.setattr(engine_module, "_STUCK_S", 0.05)
    under_way, begun, first_may_end, several = 0, 0, asyncio.Event(), asyncio.Event()

    async def crowd(conn: AsyncConnection, _now: datetime, deadlines: list[Deadline]) -> None:
        nonlocal under_way, begun
        under_way, begun = under_way + 1, begun + 1
        if begun == 1:
            await first_may_end.wait()
        else:
            if under_way == engine_module._AT_ONCE:
                several.set()
            await several.wait()
        await end(conn, deadlines)
        under_way -= 1

    engine = Engine(database, {"crowd": crowd, "diary": diary}, process="test")
    async with database.transaction() as conn:
        now = await clock_now(conn)
        await arm(conn, [Arm("crowd", f"{number:03}", now) for number in range(100)])
    async with at_work(engine), asyncio.timeout(20):
        while begun < 1:
            await asyncio.sleep(0.01)
        await due(database, "other")
        await diary.woken.wait()
        while "crowd" not in (engine.ready() or ""):
            await asyncio.sleep(0.01)  # a batch that hangs is told of
        assert begun == 1, "a second one only when the first was full"
        first_may_end.set()
        while await left(database):
            await asyncio.sleep(0.01)
    assert begun >= 10


async def test_what_falls_due_while_its_kind_is_at_work_does_not_wait_for_the_tick(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "TICK_S", 30.0)
    begun, go_on, handled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(conn: AsyncConnection, _now: datetime, deadlines: list[Deadline]) -> None:
        begun.set()
        await go_on.wait()
        await end(conn, deadlines)
        if any(row.subject == "second" for row in deadlines):
            handled.set()

    engine = Engine(database, {"diary": slow}, process="test")
    async with at_work(engine), asyncio.timeout(20):
        while not await _listeners(database):
            await asyncio.sleep(0.01)
        await due(database, "first")
        await begun.wait()
        looked = engine._looked_at[False]
        await due(database, "second")
        while engine._looked_at[False] == looked:
            await asyncio.sleep(0.01)
        go_on.set()
        await handled.wait()


async def test_notify_wakes_the_engine_and_the_tick_stands_in_for_a_lost_one(
    database: Database, engine: Engine, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "TICK_S", 30.0)
    async with at_work(engine), asyncio.timeout(10):
        while engine.ready() is not None:
            await asyncio.sleep(0.01)
        while not (await _listeners(database)):
            await asyncio.sleep(0.01)
        await due(database, "called")
        await diary.woken.wait()
    monkeypatch.setattr(engine_module, "TICK_S", 0.05)
    diary.woken.clear()
    async with at_work(engine), asyncio.timeout(10):
        async with database.transaction() as conn:
            await arm(conn, [Arm("diary", "silent", await clock_now(conn))])
        await diary.woken.wait()
    assert diary.handled == ["called", "silent"]


async def _listeners(database: Database) -> int:
    async with database.transaction() as conn:
        rows = await conn.execute(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~* '^LISTEN'")
        )
        value: int = rows.scalar_one()
        return value


async def test_the_engine_outlives_its_connections(database: Database, engine: Engine, diary: Diary) -> None:
    async with at_work(engine), asyncio.timeout(10):
        while engine.ready() is not None:
            await asyncio.sleep(0.01)
        async with database.transaction() as conn:
            await conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = 'carebed_engine'"
                )
            )
        await due(database, "after")
        await diary.woken.wait()
    assert diary.handled == ["after"]


async def test_a_message_never_postpones_a_deadline(database: Database) -> None:
    await due(database, "home", in_s=60)
    at = (await left(database))["home"].due_at
    async with database.transaction() as conn:
        await arm(conn, [Arm("diary", "home", at + timedelta(hours=1))])
        await arm(conn, [Arm("diary", "home", at + timedelta(hours=1))], earlier=True)
    assert (await left(database))["home"].due_at == at
    async with database.transaction() as conn:
        await arm(conn, [Arm("diary", "home", at - timedelta(seconds=30))], earlier=True)
    assert (await left(database))["home"].due_at == at - timedelta(seconds=30)


async def test_a_handler_that_rearms_is_not_called_again_before_its_time(database: Database, clock: Clock) -> None:
    looks: list[datetime] = []

    async def look(conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        looks.append(now)
        await rearm(conn, [(row, now + timedelta(seconds=60), {"looks": len(looks)}) for row in deadlines])

    engine = Engine(database, {"diary": look}, process="test")
    await due(database, "home")
    for _ in range(3):
        await engine.cycle(life_critical=False)
    assert len(looks) == 1
    await clock.advance(seconds=61)
    await engine.cycle(life_critical=False)
    assert len(looks) == 2
    assert (await left(database))["home"].data == {"looks": 2}


async def test_readiness_means_that_both_loops_finish_their_cycles(engine: Engine) -> None:
    assert engine.ready() is not None
    async with at_work(engine), asyncio.timeout(5):
        while engine.ready() is not None:
            await asyncio.sleep(0.01)
