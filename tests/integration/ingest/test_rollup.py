"""Hourly figures: complete and never counted twice, whatever comes late, commits late, comes again or dies."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_district import Pipeline, message
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.settings import Settings
from ingest import rollup
from ingest.reading_hour import note_batch
from ingest.retention import make_partitions
from tests.conftest import TestClock

#: What the figures must be, straight from the readings.
_TRUTH = """
    SELECT device_id, date_trunc('hour', time, 'UTC') AS hour, type, count(*)::int AS readings,
        count(value)::int AS numbers, sum(value), min(value), max(value),
        (array_agg(value ORDER BY time, message_id) FILTER (WHERE value IS NOT NULL))[1] AS first,
        (array_agg(value ORDER BY time DESC, message_id DESC) FILTER (WHERE value IS NOT NULL))[1] AS last
    FROM reading GROUP BY 1, 2, 3
"""
_FIGURES = "SELECT device_id, hour, type, readings, numbers, sum, min, max, first, last FROM reading_hour"


@pytest.fixture
async def owner(urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The calendar's role."""
    pool = Database(urls.owner, application="test-calendar", pool_size=3)
    yield pool
    await pool.close()


async def _differences(pipeline: Pipeline) -> list[Any]:
    """Rows of one that the other lacks, either way. Sums of whole numbers are exact in any order."""
    return list(
        await pipeline.rows(f"(({_TRUTH}) EXCEPT ALL ({_FIGURES})) UNION ALL (({_FIGURES}) EXCEPT ALL ({_TRUTH}))")
    )


async def test_an_hour_has_count_sum_least_greatest_first_and_last(pipeline: Pipeline, owner: Database) -> None:
    """Numbers as numbers, true and false as 1 and 0; words are counted and nothing more."""
    await pipeline.simple_home()
    at = _hour_ago(2)
    for minute, value in ((20, 71), (5, 80), (50, 66.5)):
        await pipeline.tell("heart_rate", value=value, time=_wire(at + timedelta(minutes=minute)))
    await pipeline.tell("door", "gw-1-door", value="ajar", time=_wire(at))
    assert await rollup.catch_up(owner) == 4
    assert [tuple(row)[2:] for row in await pipeline.rows(f"{_FIGURES} ORDER BY type")] == [
        ("door", 1, 0, None, None, None, None, None),
        ("heart_rate", 3, 3, 217.5, 66.5, 80.0, 80.0, 66.5),
    ]
    assert await _differences(pipeline) == []


async def test_a_batch_that_commits_long_after_later_ones_is_not_skipped(pipeline: Pipeline, owner: Database) -> None:
    """Its time of receipt is older than everything that has been rolled up meanwhile, its hour is one of these."""
    await make_partitions(owner, Settings())
    at = _hour_ago(1)
    async with pipeline.database.transaction() as conn:
        await _store(conn, await clock_now(conn), [(at, "slow", 1.0)])
        for number in range(3):
            async with pipeline.database.transaction() as quick:
                await _store(quick, await clock_now(quick), [(at, f"quick-{number}", 2.0)])
            assert await rollup.catch_up(owner) == 1
    assert await _differences(pipeline) != []
    assert await rollup.catch_up(owner) == 1
    assert await _differences(pipeline) == []
    assert await pipeline.count("rollup_due") == 0


async def test_a_lanes_batch_is_noted_in_its_own_transaction(pipeline: Pipeline, owner: Database) -> None:
    """Both or nothing; and a batch that stored nothing new is none."""
    await pipeline.simple_home()
    one = pipeline.incoming(message("motion"), device="gw-1-motion", lane="reading")
    async with pipeline.database.engine.connect() as conn:
        await pipeline.reading_lane.process(conn, await clock_now(conn), [one])
        await conn.rollback()
    assert (await pipeline.count("reading"), await pipeline.count("rollup_due")) == (0, 0)
    pipeline.reading_lane.start_over()
    await pipeline.reading(one)
    await pipeline.reading(one)
    assert (await pipeline.count("reading"), await pipeline.count("rollup_due")) == (1, 1)
    await rollup.catch_up(owner)
    assert await _differences(pipeline) == []


async def test_two_batches_with_one_time_of_receipt_count_once_each(pipeline: Pipeline, owner: Database) -> None:
    """Two workers can read the same microsecond off the clock; one commits after the other was rolled up."""
    now = datetime.now(UTC)
    for number in range(2):
        async with pipeline.database.transaction() as conn:
            await _store(conn, now, [(_hour_ago(1), f"r-{number}", 1.0)])
        await rollup.catch_up(owner)
        assert await _differences(pipeline) == []


async def test_what_is_weeks_late_gets_into_its_hour(pipeline: Pipeline, owner: Database, clock: TestClock) -> None:
    """Also into one that was rolled up long ago, and into a partition other than that of today."""
    await pipeline.simple_home()
    await make_partitions(owner, Settings())
    then = _hour_ago(24)
    await pipeline.tell("motion", time=_wire(then))
    await rollup.catch_up(owner)
    await clock.advance(days=20)
    for minute in (1, 2, 59):
        await pipeline.tell("motion", time=_wire(then + timedelta(minutes=minute)))
    await pipeline.tell("motion", time=_wire(_hour_ago(-24 * 20)))
    await rollup.catch_up(owner)
    assert (await pipeline.row("SELECT readings FROM reading_hour WHERE hour = :at", at=then)).readings == 4
    assert await _differences(pipeline) == []


async def test_what_comes_again_is_not_counted_again(pipeline: Pipeline, owner: Database) -> None:
    """Redelivered in another batch, together with something new."""
    await pipeline.simple_home()
    one, two = (pipeline.incoming(message("motion"), device="gw-1-motion", lane="reading") for _ in range(2))
    await pipeline.reading(one)
    await rollup.catch_up(owner)
    await pipeline.reading(one, two)
    await pipeline.reading(one, two)
    await rollup.catch_up(owner)
    assert await _differences(pipeline) == []


async def test_killed_before_its_commit_it_is_done_again(
    pipeline: Pipeline, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the hours were written: neither they nor the work list have changed."""
    await pipeline.simple_home()
    await pipeline.tell("motion")
    compute = rollup._compute

    async def dies(*arguments: Any) -> int:
        await compute(*arguments)
        raise ConnectionError

    monkeypatch.setattr(rollup, "_compute", dies)
    with pytest.raises(ConnectionError):
        await rollup.roll_up(owner)
    assert await pipeline.count("reading_hour") == 0
    monkeypatch.undo()
    assert await rollup.catch_up(owner) == 1
    assert await _differences(pipeline) == []


async def test_two_at_once_do_not_overwrite_each_other(pipeline: Pipeline, owner: Database) -> None:
    """As when a calendar lost its election without noticing; steps as small as can be."""
    await pipeline.simple_home()
    at = _hour_ago(1)
    for minute in range(12):
        await pipeline.tell("motion", time=_wire(at + timedelta(minutes=minute)))

    async def all_steps() -> None:
        while await rollup.roll_up(owner, limit=1):
            pass

    await asyncio.gather(all_steps(), all_steps())
    assert await _differences(pipeline) == []


async def test_figures_stay_when_their_readings_have_been_dropped(pipeline: Pipeline, owner: Database) -> None:
    """A reading of an hour that is known only by its figures does not replace them by itself."""
    await pipeline.simple_home()
    at = _hour_ago(3)
    for minute in (1, 2):
        await pipeline.tell("motion", time=_wire(at + timedelta(minutes=minute)))
    await rollup.catch_up(owner)
    async with owner.transaction() as conn:
        await conn.exec_driver_sql("DELETE FROM reading")
    await pipeline.tell("motion", time=_wire(at + timedelta(minutes=3)))
    await rollup.catch_up(owner)
    assert (await pipeline.row("SELECT readings FROM reading_hour")).readings == 2


async def test_a_number_that_spoils_every_sum_stops_nothing(pipeline: Pipeline, owner: Database) -> None:
    """Two of them would be more than a double holds."""
    await pipeline.simple_home()
    at = _hour_ago(1)
    for minute, value in ((1, 1.7e308), (2, 1.7e308), (3, 60)):
        await pipeline.tell("heart_rate", value=value, time=_wire(at + timedelta(minutes=minute)))
    await rollup.catch_up(owner)
    row = await pipeline.row("SELECT readings, numbers, sum FROM reading_hour")
    assert tuple(row) == (3, 1, 60.0)


async def test_the_lag_is_that_of_the_oldest_batch_and_no_shift_of_the_clock(
    pipeline: Pipeline, owner: Database, clock: TestClock
) -> None:
    """Nothing due: no lag."""
    assert await rollup.measure_lag(owner) == 0
    async with pipeline.database.transaction() as conn:
        now = await clock_now(conn)
        await note_batch(conn, now - timedelta(minutes=7), now, now, 1)
    assert 420 <= await rollup.measure_lag(owner) < 480
    await clock.advance(hours=5)
    assert await rollup.measure_lag(owner) < 60
    await rollup.catch_up(owner)
    assert await rollup.measure_lag(owner) == 0


async def test_chance_plays_a_week(pipeline: Pipeline, owner: Database) -> None:
    """Batches of any size and age, some open while others commit, some rolled back, some twice: all is there."""
    await make_partitions(owner, Settings())
    chance = random.Random(20261122)
    ids = itertools.count()
    for _ in range(15):
        async with pipeline.database.engine.connect() as slow:
            await _store(slow, await clock_now(slow), _some(chance, ids))
            for _ in range(chance.randrange(3)):
                rows = _some(chance, ids)
                for _ in range(chance.choice((1, 1, 2))):
                    async with pipeline.database.transaction() as quick:
                        await _store(quick, await clock_now(quick), rows)
                await rollup.roll_up(owner, limit=chance.choice((1, 50_000)))
            await (slow.rollback() if chance.random() < 0.3 else slow.commit())
    await rollup.catch_up(owner)
    assert await pipeline.count("reading_hour") > 20
    assert await _differences(pipeline) == []


Stored = tuple[datetime, str, float]
"""Time, message id, value."""


def _some(chance: random.Random, ids: Iterator[int]) -> list[Stored]:
    """New readings of the past week, most of them young."""
    spans_s = (60, 7200, 7 * 24 * 3600)
    return [
        (datetime.now(UTC) - timedelta(seconds=chance.choice(spans_s) * chance.random()), f"m-{next(ids)}",
         float(chance.randrange(200)))
        for _ in range(chance.randrange(1, 6))
    ]  # fmt: skip


async def _store(conn: AsyncConnection, now: datetime, rows: Sequence[Stored]) -> None:
    """Readings of one device as the lane stores them, without its state rows, which let no two batches of a device be
    open at the same time."""
    stored = 0
    for time, message_id, value in rows:
        found = await conn.execute(
            text("INSERT INTO reading (time, device_id, message_id, type, value, received_at)"
                 " VALUES (:time, 'd', :id, 'motion', :value, :now) ON CONFLICT DO NOTHING"),
            {"time": time, "id": message_id, "value": value, "now": now},
        )  # fmt: skip
        stored += found.rowcount
    if stored:
        times = [row[0] for row in rows]
        await note_batch(conn, now, min(times), max(times), stored)


def _hour_ago(hours: int) -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)


def _wire(at: datetime) -> str:
    return at.isoformat()
