"""Counted once, however often, late, out of order and in whatever batch a message comes, across failures and restarts.

And what is old stays in the past: a replay fills rhythms and history, and nothing of it is news.
"""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from small_district import Pipeline, ago, message

from alerts.alarm import alarm
from gateway.wire import Status
from ingest.alarm_lane import TAKEN_IN, AlarmLane
from ingest.inactivity import InactivityHandler
from ingest.mqtt import Incoming
from ingest.offline import OfflineHandler
from ingest.reading_lane import ReadingLane
from ingest.who import Who

HOMES = 6


@pytest.mark.parametrize("seed", range(4))
async def test_however_often_and_in_whatever_batches_it_comes(pipeline: Pipeline, seed: int) -> None:
    """Calls, signs of well-being, readings, arrays of them, a last will; some batches fail, some processes die."""
    chance = random.Random(seed)
    alarms: list[Incoming] = []
    readings: list[Incoming] = []
    for number in range(HOMES):
        gateway = f"gw-{number}"
        await pipeline.simple_home(gateway)
        alarms.append(pipeline.incoming(message("sos", id="call"), gateway, f"{gateway}-button"))
        for index in range(6):
            well = message("check_in", id=f"well-{index}", time=ago(minutes=chance.randrange(600)))
            alarms.append(pipeline.incoming(well, gateway, f"{gateway}-button"))
        for index in range(20):
            kind = chance.choice(["motion", "door", "temperature", "steps"])
            body: Any = message(kind, id=f"r-{index}", time=ago(minutes=chance.randrange(6_000)), value=index % 2)
            array = [message(kind, id=f"a-{index}-{part}", time=ago(seconds=part)) for part in range(3)]
            readings.append(pipeline.incoming(chance.choice([body, array]), gateway, f"{gateway}-door", "reading"))
        will = {"id": "will", "time": None, "type": "offline", "value": True}
        readings.append(pipeline.incoming(will, gateway, "_", "health"))

    async def deliver(messages: list[Incoming], lane: str) -> None:
        stream = [one for one in messages for _ in range(chance.randrange(1, 5))]
        chance.shuffle(stream)
        stream += messages  # in the end everything has come at least once more
        while stream:
            batch, stream = stream[: (size := chance.randrange(1, 60))], stream[size:]
            fate = chance.random()
            if fate < 0.2:  # rolled back: the broker sends it again
                processor = pipeline.alarm_lane if lane == "alarm" else pipeline.reading_lane
                async with pipeline.database.engine.connect() as conn:
                    await processor.process(conn, datetime.now(UTC), batch)
                    await conn.rollback()
                processor.start_over()
                stream += batch
            elif fate < 0.35:  # killed: everything in memory is gone
                pipeline.who = Who(pipeline.database)
                pipeline.alarm_lane = AlarmLane(pipeline.who, ("live",))
                pipeline.reading_lane = ReadingLane(pipeline.who)
                stream += batch
            elif lane == "alarm":
                await pipeline.alarm(*batch)
            else:
                await pipeline.reading(*batch)

    await deliver(alarms, "alarm")
    await deliver(readings, "reading")
    assert await pipeline.count("inbox") == len(alarms)
    sent = sum(one.payload.count(b'"id"') for one in readings)
    assert await pipeline.count("reading") == sent
    rows = await pipeline.rows("SELECT home_id, repeats FROM alarm WHERE kind = 'sos'")
    assert [row.repeats for row in rows] == [0] * HOMES
    assert len({row.home_id for row in rows}) == HOMES
    assert await pipeline.count("quarantine") == 0


async def test_a_counter_that_starts_over_after_a_battery_swap_is_not_swallowed(pipeline: Pipeline) -> None:
    """The same ids with other contents, and then all of it again."""
    await pipeline.simple_home()
    before = [message("temperature", id=f"b-{number}", time=ago(days=9)) for number in range(5)]
    after = [message("temperature", id=f"b-{number}") for number in range(5)]
    wells = [message("check_in", id="b-0", time=ago(days=9)), message("check_in", id="b-0")]
    for _ in range(2):
        await pipeline.reading(
            pipeline.incoming(before, "gw-1", "gw-1-motion", "reading"),
            pipeline.incoming(after, "gw-1", "gw-1-motion", "reading"),
        )
        await pipeline.alarm(*(pipeline.incoming(one) for one in wells))
    assert await pipeline.count("reading") == 10
    assert await pipeline.count("inbox") == 2


async def test_a_replay_of_last_month_is_history_and_no_news(pipeline: Pipeline) -> None:
    """A gateway kept a month of readings, among them worrying ones. The home lives: nothing moves, nothing is due."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await pipeline.tell("motion")
    state = "SELECT activity_at FROM home_state"
    due = "SELECT kind, subject, due_at FROM deadline ORDER BY kind, subject"
    activity, deadlines = await pipeline.rows(state), await pipeline.rows(due)
    month = [
        message(kind, id=f"{kind}-{hours}", time=ago(hours=hours), value=value)
        for hours in range(720, 1, -7)
        for kind, value in (("motion", True), ("heart_rate", 230), ("spo2", 61), ("bed", hours % 2 == 0))
    ]
    random.Random(1).shuffle(month)
    await pipeline.reading(
        *(pipeline.incoming(month[at : at + 100], lane="reading") for at in range(0, len(month), 100))
    )
    assert await pipeline.count("reading") == len(month) + 1
    assert await pipeline.rows(state) == activity
    assert [row for row in await pipeline.rows(due) if row in deadlines] == deadlines
    await _fire_all(pipeline)
    assert await pipeline.count(alarm.name) == 0


async def test_a_home_whose_first_words_are_a_month_old_is_watched_from_now_on(pipeline: Pipeline, clock: Any) -> None:
    """Nobody listened before; so its stillness begins today, and is found when it has lasted."""
    await pipeline.simple_home(inactivity_s=3_600)
    await pipeline.sentinels()
    await pipeline.tell("motion", time=ago(days=30))
    await clock.advance(minutes=10)  # longer than a gap of the pipeline takes to settle
    await pipeline.sentinels()
    await _fire_all(pipeline)
    assert await pipeline.count(alarm.name, "kind = 'inactivity'") == 0
    await clock.advance(seconds=3_100)
    await pipeline.sentinels()
    await _fire_all(pipeline)
    assert await pipeline.count(alarm.name, "kind = 'inactivity'") == 1


async def _fire_all(pipeline: Pipeline) -> None:
    await pipeline.fire("inactivity", InactivityHandler())
    await pipeline.fire("offline", OfflineHandler())


async def test_clocks_that_are_wrong_by_years_stop_nobody_and_are_no_news(pipeline: Pipeline) -> None:
    """Ahead: readings are put aside. Behind: they are history. Of the living home nothing moves; a call is a call."""
    await pipeline.simple_home()
    await pipeline.tell("motion")
    (before,) = await pipeline.rows("SELECT activity_at FROM home_state WHERE lane = 'reading'")
    for years in (-7, 7):
        at = ago(days=365 * years)
        await pipeline.tell("motion", time=at)
        await pipeline.tell("door", "gw-1-door", time=at)
        receipt = await pipeline.press("sos", id=f"years-{years}", time=at)
        assert receipt.status is Status.ACCEPTED
    assert [row.reason for row in await pipeline.rows("SELECT reason FROM quarantine")] == ["future_time"] * 2
    assert await pipeline.count("reading") == 3
    assert await pipeline.rows("SELECT activity_at FROM home_state WHERE lane = 'reading'") == [before]
    (alarm_row,) = await pipeline.rows("SELECT late, repeats, happened_at <= raised_at AS past FROM alarm")
    assert (alarm_row.repeats, alarm_row.past) == (1, True)


async def test_what_is_taken_in_is_counted_by_its_receipt(pipeline: Pipeline) -> None:
    """A device that sends again and again shows in the figures, before anybody looks for it in the database."""
    await pipeline.simple_home()
    before = {status: TAKEN_IN.labels(status)._value.get() for status in ("accepted", "duplicate")}
    call = pipeline.incoming(message("sos"))
    for _ in range(3):
        await pipeline.alarm(call)
    counted = {status: TAKEN_IN.labels(status)._value.get() - before[status] for status in before}
    assert counted == {"accepted": 1, "duplicate": 2}
