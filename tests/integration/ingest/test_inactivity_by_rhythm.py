"""Homes that have learned, homes whose resident is out, and homes that nobody hears: judged on real rows."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from small_district import Pipeline, message

from ingest.detect.rhythm import ALL
from ingest.inactivity import InactivityHandler
from tests.conftest import TestClock


class Watched:
    """A home behind gateway gw-1 with motion and a door, which is its way out."""

    def __init__(self, pipeline: Pipeline, clock: TestClock) -> None:
        self.pipeline, self.clock = pipeline, clock

    async def say(self, kind: str, *, ago_s: float = 0, device: str = "gw-1-motion", value: object = True) -> None:
        """A message of the home, `ago_s` before now by the shifted clock."""
        (now,) = await self.pipeline.row("SELECT carebed_now()")
        lane = "health" if kind == "heartbeat" else "reading"
        said = message(kind, value=value, time=(now - timedelta(seconds=ago_s)).isoformat())
        await self.pipeline.reading(self.pipeline.incoming(said, "gw-1", device, lane))

    async def pass_(self, *, beats: bool = True, **span: float) -> None:
        """Time passes; the gateway has been heard all the time, or not at all."""
        await self.clock.advance(**span)
        await self.pipeline.run_as_admin("UPDATE clock_shift SET shifted_at = 'epoch'")  # as if it had really passed
        if beats:
            await self.pipeline.run("UPDATE device_state SET seen_at = carebed_now() - interval '1 second'")
            await self.say("heartbeat", device="_")
        await self.pipeline.sentinels()

    async def judge(self) -> list[str]:
        """What is open after whatever is due was judged."""
        await self.pipeline.fire("inactivity", InactivityHandler())
        return [row.kind for row in await self.pipeline.rows("SELECT kind FROM alarm WHERE closed_at IS NULL")]

    async def learned(self, home: object, minutes: int) -> None:
        """As the nights' learning leaves it: the same at every time of day."""
        rhythm = {"days": 20, "lines": {ALL: [minutes] * 48}, "away_min": None}
        await self.pipeline.run(
            "INSERT INTO learned (home_id, detector, found) VALUES (:home, 'inactivity', CAST(:found AS jsonb))",
            home=home, found=json.dumps(rhythm),
        )  # fmt: skip
        await self.pipeline.run("UPDATE deadline SET due_at = carebed_now() WHERE kind = 'inactivity'")

    async def set_for_station(self, fixed_s: int) -> None:
        """As the API does it."""
        await self.pipeline.run(
            "INSERT INTO detector_parameters (id, detector, station_id, values) SELECT gen_random_uuid(), 'inactivity',"
            " id, jsonb_build_object('fixed_s', CAST(:fixed_s AS integer)) FROM station"
            " ON CONFLICT (home_id, station_id, area_code, detector) DO UPDATE SET values = EXCLUDED.values",
            fixed_s=fixed_s,
        )

    async def due_in(self) -> timedelta:
        """Until the home is looked at again."""
        due_at, now = await self.pipeline.row("SELECT due_at, carebed_now() FROM deadline WHERE kind = 'inactivity'")
        assert isinstance(due_at, datetime)
        span: timedelta = due_at - now
        return span


@pytest.fixture
async def watched(pipeline: Pipeline, clock: TestClock) -> Watched:
    """On line for a while; nothing has to settle any more."""
    one = Watched(pipeline, clock)
    await pipeline.simple_home()
    await pipeline.sentinels()
    await one.say("motion")
    await one.pass_(minutes=5)
    return one


async def test_a_rhythm_that_can_be_read_no_more_stops_no_judging(watched: Watched) -> None:
    """Stored before an upgrade: until the next night the fixed span holds."""
    (home,) = await watched.pipeline.row("SELECT id FROM home")
    await watched.learned(home, 30)
    await watched.pipeline.run("UPDATE learned SET found = jsonb_build_object('days', 20, 'curve', '[]'::jsonb)")
    await watched.pass_(hours=11)
    assert await watched.judge() == []
    await watched.pass_(hours=1.1)
    assert await watched.judge() == ["inactivity"]


async def test_a_home_that_has_learned_is_missed_after_its_own_span_and_the_reason_tells_it(watched: Watched) -> None:
    """Usually still for an hour at most: with the buffer two and a half, where the fixed span would be twelve."""
    (home,) = await watched.pipeline.row("SELECT id FROM home")
    await watched.learned(home, 60)
    await watched.say("motion")
    assert await watched.judge() == []
    assert timedelta(hours=2) < await watched.due_in() < timedelta(hours=2, minutes=31)
    await watched.pass_(hours=2, minutes=32)
    for _ in range(2):
        assert await watched.judge() == ["inactivity"]
    alarm = await watched.pipeline.row("SELECT why, repeats FROM alarm")
    assert (alarm.why["usual_hours"], alarm.why["limit_hours"], alarm.why["days"]) == (1.0, 2.5, 20)
    assert alarm.why["device"] == "gw-1-motion"
    assert "通常静止不超过 1.0 小时" in alarm.why["text"]["zh"]
    assert [one["type"] for one in alarm.why["evidence"]] == ["motion", "motion"]
    await watched.pass_(hours=3)
    assert await watched.judge() == ["inactivity"]
    assert (await watched.pipeline.row("SELECT repeats FROM alarm")).repeats == 0


async def test_a_home_is_looked_at_again_before_a_later_stillness_could_be_too_long(watched: Watched) -> None:
    """A message postpones nothing, so the next look must not lie beyond what may begin meanwhile."""
    (home,) = await watched.pipeline.row("SELECT id FROM home")
    await watched.learned(home, 60)
    for _ in range(5):
        await watched.pass_(hours=1)
        await watched.say("motion")
        assert await watched.judge() == []
        assert await watched.due_in() < timedelta(hours=2, minutes=31)


async def test_who_went_out_by_the_door_is_waited_for_two_days(watched: Watched) -> None:
    await watched.say("door", device="gw-1-door")
    await watched.say("door", device="gw-1-door", value=False)
    for _ in range(3):
        await watched.pass_(hours=13)
        assert await watched.judge() == []
    await watched.pass_(hours=10)
    assert await watched.judge() == ["inactivity"]
    alarm = await watched.pipeline.row("SELECT why FROM alarm")
    assert alarm.why["code"] == "inactivity_away"
    assert alarm.why["evidence"][-1]["type"] == "door"


async def test_a_home_that_is_offline_is_not_called_still_and_afterwards_it_is(watched: Watched) -> None:
    """Its line is down for fourteen hours; the backlog shows somebody about an hour ago."""
    await watched.pass_(hours=14, beats=False)
    assert await watched.judge() == []
    assert await watched.due_in() <= timedelta(minutes=2)
    await watched.say("heartbeat", device="_")
    assert await watched.judge() == []
    await watched.say("motion", ago_s=3600)
    await watched.pass_(minutes=4)
    assert await watched.judge() == []
    await watched.pass_(hours=11, minutes=2)
    assert await watched.judge() == ["inactivity"]


async def test_a_home_where_it_is_switched_off_is_left_alone(watched: Watched) -> None:
    await watched.pipeline.run(
        'INSERT INTO detector_parameters (id, detector, area_code, "values")'
        " SELECT gen_random_uuid(), 'inactivity', area_code, '{\"enabled\": false}' FROM home"
    )
    await watched.pass_(hours=13)
    assert await watched.judge() == []
    assert await watched.due_in() > timedelta(minutes=59)


async def test_a_shorter_span_is_judged_at_once_and_a_longer_one_holds_too(watched: Watched) -> None:
    """Set for the station while the home's deadline stands at the twelve hours of before."""
    await watched.pass_(hours=2)
    assert await watched.judge() == []
    assert await watched.due_in() > timedelta(hours=9)
    await watched.set_for_station(3 * 3600)
    assert await watched.judge() == []
    assert timedelta(minutes=50) < await watched.due_in() < timedelta(hours=1)
    await watched.set_for_station(3600)
    assert await watched.judge() == ["inactivity"]
    assert (await watched.pipeline.row("SELECT why FROM alarm")).why["limit_hours"] == 1.0
    await watched.say("motion")
    await watched.set_for_station(15 * 3600)
    await watched.judge()
    assert await watched.due_in() > timedelta(hours=14)


async def test_what_is_set_reaches_a_running_lane_before_the_home_is_first_watched(pipeline: Pipeline) -> None:
    """It keeps places in memory, and is told: by the row itself, whoever writes it."""
    home = await pipeline.simple_home()
    await pipeline.tell("heartbeat")
    following = asyncio.create_task(pipeline.who.follow())
    try:
        await until(lambda: not pipeline.who.known)  # listening has begun
        await pipeline.tell("heartbeat")
        assert pipeline.who.known
        await pipeline.run(
            "INSERT INTO detector_parameters (id, detector, home_id, values)"
            " VALUES (gen_random_uuid(), 'inactivity', :home, jsonb_build_object('fixed_s', 7200))", home=home,
        )  # fmt: skip
        await until(lambda: not pipeline.who.known)
    finally:
        following.cancel()
        await asyncio.wait([following])
    await pipeline.tell("motion")
    (hours,) = await pipeline.row(
        "SELECT extract(epoch FROM due_at - carebed_now()) / 3600 FROM deadline WHERE kind = 'inactivity'"
    )
    assert 1.9 < hours <= 2.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what is to come true."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
