"""Readings and health messages: stored once each, as they are, and what they say about homes and devices."""

from datetime import timedelta
from typing import Any

import pytest
from small_district import Pipeline, ago, message

from ingest.reading_lane import ReadingLane
from registry.pairing import NewDevice
from tests.conftest import TestClock


@pytest.mark.parametrize(
    ("value", "number", "words"),
    [(True, 1.0, None), (False, 0.0, None), (36.6, 36.6, None), (72, 72.0, None), ("ajar", None, "ajar"), (None,) * 3],
)
async def test_values_are_kept_as_what_they_are(
    pipeline: Pipeline, value: object, number: float | None, words: str | None
) -> None:
    """Numbers, true and false as 1 and 0, words."""
    await pipeline.simple_home()
    await pipeline.tell("temperature", value=value, unit="Cel", data={"raw": [1, {"a": None}], "big": 10**30})
    row = await pipeline.row("SELECT * FROM reading")
    assert (row.value, row.value_text, row.unit) == (number, words, "Cel")
    assert row.data == {"raw": [1, {"a": None}], "big": 10**30}


async def test_a_reading_is_stored_once_however_often_it_comes(pipeline: Pipeline) -> None:
    """Twice in a payload, twice in a batch, in a later batch; the same id at another time is another reading."""
    await pipeline.simple_home()
    one = message("motion", id="r-1")
    twice = pipeline.incoming([one, one], device="gw-1-motion", lane="reading")
    await pipeline.reading(twice, twice)
    await pipeline.reading(twice)
    await pipeline.tell("motion", id="r-1", time=ago(hours=1))
    assert await pipeline.count("reading") == 2


async def test_a_last_will_that_is_delivered_twice_is_stored_once(pipeline: Pipeline, clock: TestClock) -> None:
    """It has no time of its own; what is delivered again within the hour is the same, a new connection's is not."""
    await pipeline.simple_home()
    will = pipeline.incoming(message("offline", id="b1-will-1", time=None), device="_", lane="health")
    await pipeline.reading(will, will)
    await clock.advance(minutes=30)
    await pipeline.reading(will)
    assert await pipeline.count("reading") == 1
    await pipeline.tell("offline", "_", "health", id="b1-will-2", time=None)
    await clock.advance(minutes=31)
    await pipeline.reading(will)
    assert await pipeline.count("reading") == 3


async def test_a_message_without_a_time_is_not_mistaken_for_one_with(pipeline: Pipeline) -> None:
    """Same id: a heartbeat with its time, and the will without."""
    await pipeline.simple_home()
    await pipeline.tell("heartbeat", "_", "health", id="x")
    await pipeline.tell("offline", "_", "health", id="x", time=None)
    assert await pipeline.count("reading") == 2


async def test_a_reading_without_a_time_is_put_aside(pipeline: Pipeline) -> None:
    """Only health messages may come without one; nobody knows when the person moved."""
    await pipeline.simple_home()
    await pipeline.tell("motion", time=None)
    await pipeline.tell("motion", device="gw-1-unknown")
    reasons = [row.reason for row in await pipeline.rows("SELECT reason FROM quarantine ORDER BY id")]
    assert reasons == ["bad_time", "unknown_device"]
    assert await pipeline.count("reading") == 0


async def test_what_is_older_than_what_is_kept_is_put_aside_and_its_sender_is_alive(pipeline: Pipeline) -> None:
    """Stored, it would be dropped without a word; a device whose clock starts in 1970 is no silent one."""
    await pipeline.simple_home()
    pipeline.reading_lane = ReadingLane(pipeline.who, timedelta(days=30))
    await pipeline.tell("motion", time=ago(days=29))
    await pipeline.tell("motion", time=ago(days=31))
    await pipeline.tell("heartbeat", "gw-1-door", "health", time="1970-01-01T00:00:00Z")
    await pipeline.tell("offline", "_", "health", time=None)
    assert await pipeline.count("reading") == 2
    assert [row.reason for row in await pipeline.rows("SELECT reason FROM quarantine")] == ["too_old", "too_old"]
    seen = [row.device_id for row in await pipeline.rows("SELECT device_id FROM device_state ORDER BY 1")]
    assert seen == ["gw-1", "gw-1-door", "gw-1-motion"]


async def test_activity_never_moves_backwards_nor_into_the_future(pipeline: Pipeline) -> None:
    """A backlog that comes late, and a sensor whose clock is some minutes ahead."""
    await pipeline.simple_home()
    await pipeline.tell("motion")
    before = await _activity(pipeline)
    await pipeline.tell("motion", time=ago(hours=3))
    assert await _activity(pipeline) == before
    await pipeline.tell("motion", time=ago(minutes=-8))
    (after, ahead) = await pipeline.row("SELECT activity_at, activity_at > carebed_now() FROM home_state")
    assert after > before
    assert not ahead


async def test_the_alarm_lane_keeps_its_own_row_of_activity(pipeline: Pipeline) -> None:
    """So that a press never waits for a batch of readings."""
    await pipeline.simple_home()
    await pipeline.tell("motion")
    await pipeline.press("check_in")
    assert [row.lane for row in await pipeline.rows("SELECT lane FROM home_state ORDER BY lane")] == [
        "alarm",
        "reading",
    ]


@pytest.mark.parametrize("kind", ["door", "bed", "water"])
async def test_a_state_that_is_only_repeated_is_no_activity(pipeline: Pipeline, kind: str) -> None:
    """A contact that reports its state every hour must not keep a home alive; a change counts, after a restart too."""
    await pipeline.simple_home()

    async def told(value: bool, hours: float, where: Pipeline = pipeline) -> Any:
        await where.tell(kind, "gw-1-door", value=value, time=ago(hours=hours))
        return await _activity(where)

    first = await told(False, 9)
    assert await told(False, 8) == first
    changed = await told(True, 7)
    assert changed > first
    assert await told(True, 6) == changed
    restarted = Pipeline(pipeline.database)
    assert await told(True, 5, restarted) == changed
    assert await told(False, 4, restarted) > changed


async def test_a_failed_batch_is_judged_anew(pipeline: Pipeline) -> None:
    """The change was seen in a transaction that failed: tried again, it is still a change."""
    await pipeline.simple_home()
    await pipeline.tell("door", "gw-1-door", value=False, time=ago(hours=2))
    opened = pipeline.incoming(message("door", id="open"), device="gw-1-door", lane="reading")
    (now,) = await pipeline.row("SELECT carebed_now()")
    async with pipeline.database.engine.connect() as conn:
        await pipeline.reading_lane.process(conn, now, [opened])
        await conn.rollback()
    before = await _activity(pipeline)
    pipeline.reading_lane.start_over()
    await pipeline.reading(opened)
    assert await _activity(pipeline) > before


async def test_deadlines_are_armed_once_and_no_message_postpones_them(pipeline: Pipeline, clock: TestClock) -> None:
    """The first sign of a device and of activity arms; the next thousand leave the rows alone."""
    await pipeline.simple_home(inactivity_s=3600)
    await pipeline.tell("motion")
    armed = "SELECT kind, subject, due_at, xmin::text FROM deadline WHERE kind <> 'alarm' ORDER BY kind, subject"
    before = await pipeline.rows(armed)
    assert [row.kind for row in before][:2] == ["detect", "inactivity"]
    assert [(row.kind, row.subject[:4]) for row in before][2:] == [("offline", "gw-1"), ("offline", "gw-1")]
    for _ in range(3):
        await clock.advance(seconds=30)
        await pipeline.tell("motion")
        await pipeline.press("check_in")
    assert await pipeline.rows(armed) == before


async def test_a_device_that_is_paired_again_is_watched_again(pipeline: Pipeline) -> None:
    """Its deadline had ended with its heartbeat; the next message after the registry's change arms it."""
    await pipeline.simple_home()
    await pipeline.tell("motion")
    await pipeline.run("DELETE FROM deadline")
    pipeline.who.forget()
    await pipeline.tell("motion")
    subjects = [row.subject for row in await pipeline.rows("SELECT subject FROM deadline WHERE kind = 'offline'")]
    assert sorted(subjects) == ["gw-1", "gw-1-motion"]


async def test_a_device_that_speaks_all_the_time_is_written_every_two_seconds(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """As an update, so that a backlog does not write the same row with every batch."""
    await pipeline.simple_home()
    seen = "SELECT seen_at, carebed_now() FROM device_state WHERE device_id = 'gw-1-motion'"
    await pipeline.tell("motion")
    first, _ = await pipeline.row(seen)
    await pipeline.tell("motion")
    assert (await pipeline.row(seen))[0] == first
    await clock.advance(seconds=2)
    await pipeline.tell("motion")
    second, now = await pipeline.row(seen)
    assert second > first
    assert (now - second).total_seconds() < 2


async def test_a_reading_that_was_stored_before_lets_the_others_of_its_batch_in(pipeline: Pipeline) -> None:
    """Whether or not the batch before had such a one, and within one batch."""
    await pipeline.simple_home()
    bodies = [message("motion", id=f"m{number}") for number in range(6)]
    readings = [pipeline.incoming(body, device="gw-1-motion", lane="reading") for body in bodies]
    for batch in ([0], [0, 1, 1], [1, 2], [3], [3, 4], [5]):
        await pipeline.reading(*(readings[number] for number in batch))
    assert await pipeline.count("reading") == 6


async def test_a_gateway_is_heard_from_when_its_devices_speak(pipeline: Pipeline) -> None:
    """On either lane, even through a device that nobody paired: the link is alive."""
    home, _ = await pipeline.home()
    await pipeline.pair("gw-9", home, NewDevice("gw-9-motion", "motion"))
    await pipeline.tell("motion", "gw-9-motion")
    await pipeline.press("check_in", "gw-9-stranger", "gw-9")
    rows = await pipeline.rows("SELECT device_id, lane FROM device_state ORDER BY 1, 2")
    assert [tuple(row) for row in rows] == [("gw-9", "alarm"), ("gw-9", "reading"), ("gw-9-motion", "reading")]


async def test_the_brokers_word_that_a_gateway_is_gone_is_no_sign_of_life(pipeline: Pipeline) -> None:
    """A last will says the opposite; a gateway's word that a device is gone is a sign of the gateway alone."""
    await pipeline.simple_home()
    await pipeline.tell("offline", "_", "health", time=None)
    assert await pipeline.count("device_state") == 0
    await pipeline.tell("offline", "gw-1-motion", "health")
    assert [row.device_id for row in await pipeline.rows("SELECT device_id FROM device_state")] == ["gw-1"]


async def _activity(pipeline: Pipeline) -> Any:
    return (await pipeline.row("SELECT activity_at FROM home_state WHERE lane = 'reading'")).activity_at
