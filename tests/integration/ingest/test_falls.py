"""Somebody may have fallen: what is known of it, from the report to the page, on a real database."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from small_district import Pipeline
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.by_hand import raise_by_hand
from alerts.case import Case
from alerts.firing import AlarmHandler
from alerts.suspicion import Movement
from gateway.wire import Status
from ingest.fall_watch import movements
from registry.pairing import NewDevice
from tests.conftest import TestClock

HANDLER = AlarmHandler(movements=movements)
STILL, CANCEL = timedelta(seconds=60), timedelta(seconds=20)


def later(seconds: float) -> str:
    """A wire time so long from now: what comes at once is stamped as if the story took its time."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def look(pipeline: Pipeline, handler: AlarmHandler = HANDLER) -> Any:
    """The engine's look, and what the alarm is after it."""
    await pipeline.fire("alarm", handler)
    return await pipeline.row("SELECT * FROM alarm WHERE kind = 'fall'")


async def log(pipeline: Pipeline) -> list[str]:
    return [row.type for row in await pipeline.rows("SELECT type FROM alarm_event ORDER BY seq")]


async def home_of(pipeline: Pipeline, residents: int = 1) -> list[UUID]:
    """A home with a band on the first resident, motion and door."""
    home_id, people = await pipeline.home(residents=residents)
    await pipeline.people()
    await pipeline.pair(
        "gw-1", home_id, NewDevice("gw-1-band", "wristband", resident_id=people[0]), NewDevice("gw-1-motion", "motion"),
        NewDevice("gw-1-door", "door"), NewDevice("gw-1-button", "button"),
    )  # fmt: skip
    return people


async def fall(pipeline: Pipeline, **more: Any) -> UUID:
    receipt = await pipeline.press("fall", device="gw-1-band", **more)
    assert receipt.status is Status.ACCEPTED
    assert receipt.alarm is not None
    return receipt.alarm


async def test_who_falls_and_lies_still_is_watched_then_asked_and_then_people_are_called(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Nobody is paged in either window; each end is the alarm's one deadline, and stands in its log."""
    await home_of(pipeline)
    await fall(pipeline)
    deadline = (
        "SELECT extract(epoch FROM due_at - raised_at)::float8 AS s FROM deadline JOIN alarm ON alarm_id = alarm.id"
    )
    assert float((await pipeline.row(deadline)).s) == pytest.approx(60, abs=2)
    await clock.advance(seconds=57)
    alarm = await look(pipeline)
    assert (alarm.state, alarm.step, alarm.suspicion["watching"]) == ("suspected", 0, True)
    await clock.advance(seconds=4)
    alarm = await look(pipeline)
    assert (alarm.state, alarm.step, alarm.suspicion["watching"]) == ("suspected", 0, False)
    assert float((await pipeline.row(deadline)).s) == pytest.approx(80, abs=2)
    await clock.advance(seconds=20)
    alarm = await look(pipeline)
    assert (alarm.state, alarm.step) == ("raised", 1)
    assert await log(pipeline) == ["suspected", "no_movement", "confirmed", "paged"]


async def test_who_falls_and_walks_on_is_left_alone_and_it_is_on_record(pipeline: Pipeline, clock: TestClock) -> None:
    """Movement in the stillness window ends the suspicion: cancelled, with what moved and when."""
    await home_of(pipeline)
    await fall(pipeline)
    await pipeline.tell("motion", "gw-1-motion", time=later(20))
    await clock.advance(seconds=61)
    alarm = await look(pipeline)
    assert (alarm.state, alarm.step, alarm.outcome) == ("cancelled", 0, None)
    assert await log(pipeline) == ["suspected", "movement_after_fall"]
    event = await pipeline.row("SELECT * FROM alarm_event WHERE type = 'movement_after_fall'")
    assert (event.actor_type, event.data) == ("engine", {"device": "gw-1-motion", "type": "motion"})
    assert event.device_time is not None
    assert await pipeline.count("deadline", "kind = 'alarm'") == 0
    assert await fall(pipeline, time=None) != alarm.id, "the next fall is one of its own"


async def test_the_wearer_cancels_in_either_window(pipeline: Pipeline, clock: TestClock) -> None:
    for seconds in (10, 70):
        await home_of(pipeline) if seconds == 10 else None
        alarm = await fall(pipeline, time=None)
        await clock.advance(seconds=seconds)
        await pipeline.fire("alarm", HANDLER)
        cancel = await pipeline.press("fall_cancel", device="gw-1-band")
        assert (cancel.status, cancel.alarm) == (Status.ACCEPTED, alarm)
        await clock.advance(seconds=100)
        await pipeline.fire("alarm", HANDLER)
        assert (await pipeline.row("SELECT state, step FROM alarm WHERE id = :id", id=alarm))[:] == ("cancelled", 0)


async def test_that_the_other_one_moves_says_nothing_and_the_band_itself_does(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Two people at home: he walks about while she lies there."""
    await home_of(pipeline, residents=2)
    await fall(pipeline)
    await pipeline.tell("motion", "gw-1-motion", time=later(20))
    await clock.advance(seconds=61)
    assert (await look(pipeline)).state == "suspected"
    await pipeline.tell("steps", "gw-1-band", value=100, time=later(5))
    await pipeline.tell("steps", "gw-1-band", value=104, time=later(30))
    await clock.advance(seconds=20)
    assert (await look(pipeline)).state == "cancelled", "steps of the window that came late, but before the page"


async def test_a_call_for_help_after_the_fall_is_no_sign_that_all_is_well_and_a_check_in_is(
    pipeline: Pipeline, clock: TestClock
) -> None:
    await home_of(pipeline)
    await fall(pipeline)
    await pipeline.press("sos", device="gw-1-button", time=later(20))
    await clock.advance(seconds=61)
    assert (await look(pipeline)).state == "suspected"
    await pipeline.press("check_in", device="gw-1-button", time=later(25))
    await clock.advance(seconds=20)
    assert (await look(pipeline)).state == "cancelled"


async def test_what_has_not_been_stored_yet_ends_nothing_and_waits_for_nobody(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """The reading lane is behind: nobody knows whether anything moved, and people are called."""
    await home_of(pipeline)
    await fall(pipeline)
    await clock.advance(seconds=81)
    alarm = await look(pipeline)
    assert (alarm.state, alarm.step) == ("raised", 1)
    await pipeline.tell("motion", "gw-1-motion", time=later(20))
    await clock.advance(seconds=1)
    assert (await look(pipeline)).state == "raised", "whoever has been called judges for himself"


async def test_a_look_that_fails_or_takes_too_long_stops_no_page(pipeline: Pipeline, clock: TestClock) -> None:
    """Whatever is wrong with it, the transaction of the page goes on."""

    async def broken(conn: AsyncConnection, falls: Sequence[Case]) -> Mapping[UUID, Movement]:
        await conn.execute(text("SELECT 1 / (:falls - :falls)"), {"falls": len(falls)})
        return {}

    async def slow(conn: AsyncConnection, _: Sequence[Case]) -> Mapping[UUID, Movement]:
        await conn.execute(text("SELECT pg_sleep(60)"))
        return {}

    await home_of(pipeline)
    for look_of in (broken, slow):
        await fall(pipeline, time=None)
        await clock.advance(seconds=81)
        handler = AlarmHandler(movements=look_of)
        await pipeline.fire("alarm", handler)
        assert (await pipeline.row("SELECT step FROM alarm WHERE closed_at IS NULL")).step == 1
        await pipeline.run("DELETE FROM deadline; UPDATE alarm SET state = 'cancelled', closed_at = carebed_now()")


async def test_a_device_that_has_waited_itself_is_not_waited_for_again(pipeline: Pipeline, clock: TestClock) -> None:
    """A hard-fall watch: immobile for a minute already. The wearer still has the cancel window."""
    await home_of(pipeline)
    await fall(pipeline, data={"immobile_s": 60})
    await pipeline.tell("motion", "gw-1-motion", time=later(5))
    await clock.advance(seconds=18)
    assert (await look(pipeline)).state == "suspected"
    await clock.advance(seconds=3)
    assert (await look(pipeline)).step == 1


async def test_it_says_first_that_somebody_fell_and_then_that_it_is_sure(pipeline: Pipeline, clock: TestClock) -> None:
    """The second report brings the page forward, in its own transaction."""
    await home_of(pipeline)
    first = await fall(pipeline)
    await clock.advance(seconds=10)
    assert await fall(pipeline, time=None, data={"confirmed": True}) == first
    await clock.advance(seconds=21)
    alarm = await look(pipeline)
    assert (alarm.state, alarm.step, alarm.repeats) == ("raised", 1, 1)


async def test_a_telephone_call_about_a_fall_leaves_no_doubt(pipeline: Pipeline) -> None:
    """The neighbour rings the desk while the band still counts: people are called now."""
    await home_of(pipeline)
    alarm = await fall(pipeline)
    home, staff = (await pipeline.row("SELECT home.id, staff.id FROM home, staff WHERE role = 'operator'"))[:]
    async with pipeline.database.transaction() as conn:
        assert await raise_by_hand(conn, staff_id=staff, home_id=home, kind="fall", note=None, at=None) == alarm
    assert (await look(pipeline)).step == 1


async def test_where_it_happened_is_on_the_alarm(pipeline: Pipeline) -> None:
    """A fall in the street; and what is no place is left out."""
    await home_of(pipeline)
    await fall(pipeline, data={"lat": 26.07, "lon": 119.3, "accuracy_m": 25})
    why = (await pipeline.row("SELECT why FROM alarm")).why
    assert why["location"] == {"lat": 26.07, "lon": 119.3, "accuracy_m": 25}
    await pipeline.press("sos", device="gw-1-band", data={"location": {"lat": 126.07, "lon": 119.3}})
    assert "location" not in (await pipeline.row("SELECT why FROM alarm WHERE kind = 'sos'")).why


async def test_what_cannot_be_read_of_its_windows_pages_when_the_step_is_due(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Damaged by hand: the alarm is still nobody's to forget."""
    await home_of(pipeline)
    await fall(pipeline)
    await pipeline.run("""UPDATE alarm SET suspicion = '{"page_at": "soon"}'""")
    await clock.advance(seconds=81)
    assert (await look(pipeline)).step == 1


async def test_what_is_set_for_a_home_counts_for_its_next_fall_and_for_none_that_is_under_way(
    pipeline: Pipeline,
) -> None:
    """Also from its station; ingest hears of it by itself."""
    await home_of(pipeline)
    follows = asyncio.create_task(pipeline.who.follow())
    try:
        first = await fall(pipeline, time=None)
        await pipeline.run(
            "INSERT INTO detector_parameters (id, detector, station_id, values)"
            """ SELECT id, 'fall', id, '{"still_s": 30, "cancel_s": 15}' FROM station"""
        )
        assert (await page_s(pipeline)) == pytest.approx(80, abs=0.01)
        async with asyncio.timeout(10):
            while await page_s(pipeline) > 46:
                await pipeline.press("fall_cancel", device="gw-1-band")
                await fall(pipeline, time=None)
                await asyncio.sleep(0.05)
        assert (await page_s(pipeline)) == pytest.approx(45, abs=0.01)
        assert (await pipeline.row("SELECT state FROM alarm WHERE id = :id", id=first)).state == "cancelled"
    finally:
        follows.cancel()
        await asyncio.wait({follows})


async def page_s(pipeline: Pipeline) -> float:
    """Seconds from the report of the open fall to its page."""
    row = await pipeline.row("SELECT next_step_at - raised_at AS windows FROM alarm WHERE closed_at IS NULL")
    return float(row.windows.total_seconds())
