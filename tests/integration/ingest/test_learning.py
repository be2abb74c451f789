"""The nights' learning on stored readings: a home's own rhythm, once a night, and no outage becomes a habit."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from small_district import Pipeline, message
from sqlalchemy import text

from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from ingest.detect.rhythm import ALL, Rhythm
from ingest.learning import learn_rhythms
from ingest.rollup import catch_up

DAYS = 11


@pytest.fixture
async def owner(urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The scheduler's connection."""
    pool = Database(urls.owner, application="test-calendar", pool_size=2)
    yield pool
    await pool.close()


async def _live(pipeline: Pipeline, gateway: str, *, silent_days: frozenset[int] = frozenset()) -> Any:
    """Eleven days, up from seven to ten by the clock of Fuzhou, with a heartbeat every hour but on `silent_days`."""
    home = await pipeline.simple_home(gateway)
    (now,) = await pipeline.row("SELECT carebed_now()")
    batch = []
    for hours in range(DAYS * 24, 0, -1):
        at = now - timedelta(hours=hours)
        if (DAYS * 24 - hours) // 24 in silent_days:
            continue
        beat = message("heartbeat", time=at.isoformat())
        batch.append(pipeline.incoming(beat, gateway, "_", "health"))
        for minutes in (0, 20, 40):
            moved = at + timedelta(minutes=minutes)
            if 7 <= (moved + timedelta(hours=8)).hour < 22:
                said = message("motion", time=moved.isoformat())
                batch.append(pipeline.incoming(said, gateway, f"{gateway}-motion", "reading"))
    await pipeline.reading(*batch)
    return home


async def test_every_night_each_home_learns_what_is_usual_and_is_judged_by_it_at_once(
    pipeline: Pipeline, owner: Database
) -> None:
    home = await _live(pipeline, "gw-1")
    await pipeline.sentinels()
    await catch_up(owner)
    assert await learn_rhythms(owner) == 1
    (found,) = await pipeline.row("SELECT found FROM learned WHERE home_id = :home", home=home)
    line = msgspec.convert(found, Rhythm).lines[ALL]
    assert 8 * 60 < line[13] <= 10 * 60  # half past six in the morning, since ten
    assert line[24] < 60  # noon
    assert (await pipeline.row("SELECT due_at <= carebed_now() FROM deadline WHERE kind = 'inactivity'"))[0]
    assert await learn_rhythms(owner) == 0


async def test_days_without_a_message_are_an_outage_and_no_stillness(pipeline: Pipeline, owner: Database) -> None:
    """Eleven days less two: the rhythm is of nine at most, and no day of stillness is in it."""
    home = await _live(pipeline, "gw-1", silent_days=frozenset({4, 5}))
    await catch_up(owner)
    await learn_rhythms(owner)
    (found,) = await pipeline.row("SELECT found FROM learned WHERE home_id = :home", home=home)
    rhythm = msgspec.convert(found, Rhythm)
    assert 7 <= rhythm.days <= 9
    assert rhythm.lines[ALL][24] < 60


async def test_a_home_that_is_too_young_has_no_rhythm_yet(pipeline: Pipeline, owner: Database) -> None:
    await pipeline.simple_home()
    await pipeline.tell("motion")
    assert await learn_rhythms(owner) == 1
    assert await pipeline.count("learned") == 0
    assert await learn_rhythms(owner) == 0


async def test_an_absence_of_long_ago_is_no_habit_of_a_home_that_is_learned_from_its_start(
    pipeline: Pipeline, owner: Database
) -> None:
    """A week in hospital, eight weeks ago: out by the door, and back."""
    home = await pipeline.simple_home()
    await pipeline.people()
    await pipeline.run("UPDATE device SET heartbeat_s = NULL")
    (now,) = await pipeline.row("SELECT carebed_now()")
    left_at, back_at = now - timedelta(days=58), now - timedelta(days=51)
    await pipeline.run(
        "INSERT INTO absence (id, home_id, begins_at, ends_at, entered_by) SELECT gen_random_uuid(), :home,"
        " CAST(:left AS timestamptz), CAST(:back AS timestamptz), id FROM staff LIMIT 1",
        home=home, left=left_at, back=back_at,
    )  # fmt: skip
    seen = [("motion", left_at - timedelta(hours=1)), ("door", left_at), ("door", back_at), ("motion", back_at)]
    for kind, at in seen:
        await pipeline.tell(kind, f"gw-1-{kind}", time=at.isoformat(), value=kind == "motion" or at == left_at)
    await learn_rhythms(owner)
    async with owner.transaction() as conn:
        history = (await conn.execute(text("SELECT history FROM rhythm_history"))).scalar_one()
    assert history["since"]
    away = [length for _, length, key in history.get("spans", []) if history.get("keys", ["-"])[key] == "-"]
    assert away == []


async def test_devices_that_come_from_another_home_bring_no_rhythm_with_them(
    pipeline: Pipeline, owner: Database
) -> None:
    await _live(pipeline, "gw-1")
    next_home, _ = await pipeline.home()
    await pipeline.pair("gw-1", next_home, move=True)
    await pipeline.tell("motion")
    await catch_up(owner)
    await learn_rhythms(owner)
    assert await pipeline.count("learned", "home_id = :home", home=next_home) == 0
