"""Partitions made ahead and dropped when old, without ingest ever waiting and without a reading that goes by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_district import Pipeline
from sqlalchemy import text

from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.settings import Settings
from ingest import partition, rollup
from ingest.partition import HOURS, READINGS, Span, partitions
from ingest.reading_hour import note_batch
from ingest.retention import drop_old, make_partitions
from tests.conftest import TestClock
from tests.servers import has_timescale

native = pytest.mark.skipif(has_timescale(), reason="readings are in a hypertable")

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that was collected before midnight may be run after it."""
    monkeypatch.setitem(globals(), "TODAY", datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


@pytest.fixture
async def owner(urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The calendar's role."""
    pool = Database(urls.owner, application="test-calendar", pool_size=3)
    yield pool
    await pool.close()


def _keep(readings: int, hours: int = 0) -> Settings:
    return Settings(readings_kept_days=readings, hours_kept_days=hours)


async def _stored(pipeline: Pipeline, at: datetime, count: int = 1, *, noted: bool = True) -> None:
    """Readings of one device, `count` of them within a second."""
    async with pipeline.database.transaction() as conn:
        await conn.execute(
            text("INSERT INTO reading (time, device_id, message_id, type, value, received_at)"
                 " SELECT CAST(:at AS timestamptz) + number * interval '1 microsecond', 'd', 'm-' || number,"
                 " 'motion', 1, :at FROM generate_series(1, :count) AS number"), {"at": at, "count": count},
        )  # fmt: skip
        if noted:
            await note_batch(conn, at, at, at + timedelta(seconds=1), count)


async def _where(pipeline: Pipeline) -> list[tuple[str, int]]:
    """Partition -> readings in it."""
    found = await pipeline.rows("SELECT tableoid::regclass::text, count(*)::int FROM reading GROUP BY 1 ORDER BY 1")
    return [tuple(row) for row in found]


async def _there(database: Database, series: partition.Series) -> dict[str, Span]:
    async with database.transaction() as conn:
        return await partitions(conn, series)


@native
async def test_two_weeks_lie_ahead_and_a_second_run_makes_nothing(pipeline: Pipeline, owner: Database) -> None:
    """Every time from a month ago to two weeks ahead has its partition; a reading goes into it."""
    assert await make_partitions(owner, _keep(400)) > 40
    assert await make_partitions(owner, _keep(400)) == 0
    days = sorted(span.first for span in (await _there(owner, READINGS)).values())
    assert days == [TODAY + number * DAY for number in range(-31, 15)]
    months = sorted(span.first for span in (await _there(owner, HOURS)).values())
    assert months[0] <= TODAY - timedelta(days=400) <= months[1]
    assert months[-1] > TODAY
    await _stored(pipeline, TODAY + 14 * DAY)
    assert await _where(pipeline) == [(f"reading_{TODAY + 14 * DAY:%Y%m%d}", 1)]


@native
async def test_partitions_are_made_while_others_read_and_write(pipeline: Pipeline, owner: Database) -> None:
    """A long report over all readings and an open batch stand in nobody's way, nor does the calendar in theirs."""
    await partition.make(owner, READINGS, TODAY, TODAY)
    async with pipeline.database.transaction() as report, pipeline.database.transaction() as batch:
        await report.execute(text("SELECT count(*) FROM ONLY reading"))
        await batch.execute(
            text("INSERT INTO reading VALUES (:at, 'd', 'm', 'motion', 1, null, null, null, :at)"), {"at": TODAY}
        )
        assert await partition.make(owner, READINGS, TODAY + DAY, TODAY + DAY) == 1


@native
async def test_whoever_holds_the_default_partition_is_not_waited_for(pipeline: Pipeline, owner: Database) -> None:
    """Attaching needs it for a moment; it gives up within a second, and makes the partition the next time."""
    async with pipeline.database.transaction() as report:
        await report.execute(text("SELECT count(*) FROM reading"))
        began = asyncio.get_running_loop().time()
        assert await partition.make(owner, READINGS, TODAY, TODAY) == 0
        assert asyncio.get_running_loop().time() - began < 5
    assert await partition.make(owner, READINGS, TODAY, TODAY) == 1


@native
async def test_rows_of_the_default_partition_are_moved_where_it_is_worth_it(
    pipeline: Pipeline, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day with many gets its partition, one with more than that a partition for each hour; a handful stays."""
    monkeypatch.setattr(partition, "_WORTH_MOVING", 10)
    monkeypatch.setattr(partition, "_MOVED_AT_ONCE", 100)
    many, more, few = TODAY - 3 * DAY, TODAY - 2 * DAY, TODAY - DAY
    await _stored(pipeline, many, 50)
    for hour in (0, 5, 23):
        await _stored(pipeline, more + timedelta(hours=hour), 60)
    await _stored(pipeline, few, 9)
    assert await partition.make(owner, READINGS, many, few) == 25
    assert await _where(pipeline) == [
        (f"reading_{many:%Y%m%d}", 50),
        *((f"reading_{more:%Y%m%d}_{hour:02}", 60) for hour in (0, 5, 23)),
        ("reading_default", 9),
    ]
    assert await partition.make(owner, READINGS, many, few) == 0
    async with owner.transaction() as conn:
        await conn.exec_driver_sql(f"DROP TABLE reading_{more:%Y%m%d}_07")
    assert await partition.make(owner, READINGS, many, few) == 1
    with pytest.raises(Exception, match="duplicate key"):
        await _stored(pipeline, more, 1)


@native
async def test_rows_that_come_in_while_others_are_moved_are_moved_too(
    pipeline: Pipeline, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sees fewer readings at any time."""
    monkeypatch.setattr(partition, "_WORTH_MOVING", 1)
    await _stored(pipeline, TODAY, 20)
    move = partition._move
    seen: list[int] = []

    async def moves(*arguments: Any) -> int:
        moved = await move(*arguments)
        if not seen:
            await _stored(pipeline, TODAY + timedelta(hours=1), 5)
            seen.append(await pipeline.count("reading"))
        return moved

    monkeypatch.setattr(partition, "_move", moves)
    assert await partition.make(owner, READINGS, TODAY, TODAY) == 1
    assert seen == [25]
    assert await _where(pipeline) == [(f"reading_{TODAY:%Y%m%d}", 25)]


async def test_what_is_old_is_dropped_and_its_hours_stay(pipeline: Pipeline, owner: Database, clock: TestClock) -> None:
    """Partitions, chunks, and rows that had no partition; then the hours, when their time has come."""
    await make_partitions(owner, _keep(30))
    for age in (40, 29, 1):
        await _stored(pipeline, TODAY - age * DAY, 3)
    await rollup.catch_up(owner)
    await drop_old(owner, _keep(30, 60))
    assert await _days_ago(pipeline, "reading", "time") == [29, 1]
    await clock.advance(days=10)
    await drop_old(owner, _keep(30, 60))
    assert await _days_ago(pipeline, "reading", "time") == [1]
    assert await _days_ago(pipeline, "reading_hour", "hour") == [40, 29, 1]
    await clock.advance(days=110)
    await drop_old(owner, _keep(30, 60))
    assert await _days_ago(pipeline, "reading", "time") == []
    assert await _days_ago(pipeline, "reading_hour", "hour") == []


async def test_zero_days_are_for_ever(pipeline: Pipeline, owner: Database, clock: TestClock) -> None:
    """Neither readings nor hours go."""
    await _stored(pipeline, TODAY)
    await rollup.catch_up(owner)
    await clock.advance(days=10_000)
    await drop_old(owner, _keep(0, 0))
    assert (await pipeline.count("reading"), await pipeline.count("reading_hour")) == (1, 1)


async def test_nothing_is_dropped_that_is_not_in_the_hourly_figures(
    pipeline: Pipeline, owner: Database, clock: TestClock
) -> None:
    """However old: the calendar was away for long, and does things in order."""
    await _stored(pipeline, TODAY)
    await clock.advance(days=500)
    await drop_old(owner, _keep(30))
    assert await pipeline.count("reading") == 1
    await rollup.catch_up(owner)
    await drop_old(owner, _keep(30))
    assert await pipeline.count("reading") == 0
    assert await pipeline.count("reading_hour") == 1


async def test_dropping_gives_way_to_an_open_batch(pipeline: Pipeline, owner: Database, clock: TestClock) -> None:
    """It gives up within a second and comes again."""
    await make_partitions(owner, _keep(30))
    await _stored(pipeline, TODAY)
    await rollup.catch_up(owner)
    await clock.advance(days=100)
    async with pipeline.database.transaction() as batch:
        await batch.execute(text("SELECT count(*) FROM reading"))
        began = asyncio.get_running_loop().time()
        await drop_old(owner, _keep(30))
        assert asyncio.get_running_loop().time() - began < 5
    assert await pipeline.count("reading") == 1
    await drop_old(owner, _keep(30))
    assert await pipeline.count("reading") == 0


async def _days_ago(pipeline: Pipeline, table: str, column: str) -> list[int]:
    """The days that have rows, by the clock that is not shifted."""
    days = await pipeline.rows(f"SELECT DISTINCT date_trunc('day', {column}, 'UTC') AS day FROM {table} ORDER BY 1")
    return [(TODAY - row.day).days for row in days]
