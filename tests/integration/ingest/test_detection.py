"""Detectors on real rows: woken by what a lane commits, shown everything once, never asked beyond what is known."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from small_district import Pipeline, message
from toy_detectors import Broken, OpenDoor

from ingest.alarm_lane import AlarmLane
from ingest.detect.clock import DETECTOR as CLOCK
from ingest.detection import DetectHandler
from ingest.reading_lane import ReadingLane
from tests.conftest import TestClock


class Watched:
    """A home behind gateway gw-1 with a door, looked at by a detector of doors."""

    def __init__(self, pipeline: Pipeline, clock: TestClock, home: UUID) -> None:
        self.pipeline, self.clock, self.home = pipeline, clock, home
        self.doors = OpenDoor()

    async def say(self, kind: str, value: object = True, *, ago_s: float = 0, device: str = "gw-1-door") -> None:
        """A message of the home, `ago_s` before now by the shifted clock."""
        at = await self.now() - timedelta(seconds=ago_s)
        lane = "health" if kind == "heartbeat" else "reading"
        said = message(kind, value=value, time=at.isoformat())
        await self.pipeline.reading(self.pipeline.incoming(said, "gw-1", device, lane))

    async def pass_(self, **span: float) -> None:
        """Time passes with the gateway beating and sentinels coming."""
        await self.elapse(**span)
        await self.say("heartbeat", device="_")
        await self.pipeline.sentinels()

    async def elapse(self, **span: float) -> None:
        """Time passes as if it had really passed: nobody is excused by a shift of the clock."""
        await self.clock.advance(**span)
        await self.pipeline.run_as_admin("UPDATE clock_shift SET shifted_at = 'epoch'")

    async def look(self) -> None:
        await self.pipeline.detect(self.doors)

    async def now(self) -> datetime:
        (now,) = await self.pipeline.row("SELECT carebed_now()")
        assert isinstance(now, datetime)
        return now

    async def alarms(self) -> list[tuple[str, str]]:
        """(kind, state) of all, in order."""
        return [tuple(row) for row in await self.pipeline.rows("SELECT kind, state FROM alarm ORDER BY raised_at, id")]


@pytest.fixture
async def watched(pipeline: Pipeline, clock: TestClock) -> Watched:
    """A home that has been on line for a while; nothing has to settle any more."""
    home = await pipeline.simple_home()
    pipeline.reading_lane = ReadingLane(pipeline.who, wakes=OpenDoor.wakes)
    pipeline.alarm_lane = AlarmLane(pipeline.who, ("live",), wakes=OpenDoor.wakes)
    await pipeline.sentinels()
    one = Watched(pipeline, clock, home)
    await one.say("heartbeat", device="_")
    for _ in range(4):
        await one.pass_(seconds=55)
    await one.look()
    return one


async def test_a_door_that_stays_open_is_raised_when_its_time_has_come_and_closes_by_itself(watched: Watched) -> None:
    await watched.say("door")
    await watched.pass_(seconds=1)
    await watched.look()
    assert [event.type for event in watched.doors.shown].count("door") == 1
    for _ in range(10):
        await watched.pass_(seconds=61)
        await watched.look()
    assert await watched.alarms() == [("door", "raised")]
    alarm = await watched.pipeline.row("SELECT why, device_id, late, home_id FROM alarm")
    assert (alarm.device_id, alarm.late, alarm.home_id) == ("gw-1-door", False, watched.home)
    assert (alarm.why["code"], alarm.why["detector"], alarm.why["minutes"]) == ("toy_open", "toy_door", 10.0)
    (seen,) = alarm.why["evidence"]
    assert (seen["device_id"], seen["type"], bool(seen["value"])) == ("gw-1-door", "door", True)
    assert seen["message_id"]
    assert (seen["name"], seen["room"]) == (None, None)
    await watched.say("door", value=False)
    await watched.pass_(seconds=1)
    await watched.look()
    assert await watched.alarms() == [("door", "cancelled")]
    assert await watched.pipeline.count("alarm_event", "type = 'cleared'") == 1
    assert await watched.pipeline.count("deadline", "kind = 'alarm'") == 0


async def test_what_an_alarm_is_about_is_over_after_somebody_took_it(watched: Watched) -> None:
    """The operator has it: it stays his, and he is told."""
    await watched.say("door", ago_s=700)
    await watched.pass_(seconds=1)
    await watched.look()
    await watched.pipeline.run(
        "INSERT INTO staff (id, login, name, role, area_code, password_hash)"
        " SELECT gen_random_uuid(), 'desk', 'x', 'operator', area_code, '' FROM home"
    )
    await watched.pipeline.run(
        "UPDATE alarm SET state = 'acknowledged', acknowledged_by = (SELECT id FROM staff), acknowledged_at ="
        " carebed_now(), acknowledgement_expires_at = carebed_now() + interval '1 hour', next_step_at = NULL"
    )
    await watched.say("door", value=False)
    await watched.pass_(seconds=1)
    await watched.look()
    assert await watched.alarms() == [("door", "acknowledged")]
    assert await watched.pipeline.count("alarm_event", "type = 'cleared_remark'") == 1
    assert await watched.pipeline.count("notification", "kind = 'cleared_remark'") == 1


async def test_nobody_pages_again_for_what_is_known(watched: Watched) -> None:
    """The same condition, found once more while its alarm is open."""
    await watched.say("door", ago_s=700)
    await watched.pass_(seconds=1)
    await watched.look()
    await watched.say("door", ago_s=600)
    await watched.pass_(seconds=1)
    await watched.look()
    assert (await watched.pipeline.row("SELECT repeats FROM alarm")).repeats == 0
    assert await watched.pipeline.count("alarm_event", "type = 'repeated'") == 0


async def test_an_event_is_shown_once_however_often_the_home_is_looked_at(watched: Watched) -> None:
    """Also one that comes again, one with the same time, and one of a clock that runs ahead."""
    before = len(watched.doors.shown)
    at = (await watched.now()).isoformat()
    ahead = (await watched.now() + timedelta(minutes=5)).isoformat()
    told = [message("door", time=at), message("door", time=at), message("door", time=ahead)]
    for one in (told[0], told[0], told[1], told[2]):
        await watched.pipeline.reading(watched.pipeline.incoming(one, "gw-1", "gw-1-door", "reading"))
        await watched.pass_(seconds=1)
        await watched.look()
    await watched.look()
    shown = [event.message_id for event in watched.doors.shown[before:] if event.type == "door"]
    assert shown == [told[0]["id"], told[1]["id"], told[2]["id"]]


async def test_an_event_older_than_what_was_shown_of_its_device_is_history(watched: Watched) -> None:
    await watched.say("door")
    await watched.pass_(seconds=1)
    await watched.look()
    before = len(watched.doors.shown)
    await watched.say("door", value=False, ago_s=100)
    await watched.pass_(seconds=1)
    await watched.look()
    assert "door" not in [event.type for event in watched.doors.shown[before:]]


async def test_a_device_whose_clock_was_hours_slow_from_the_first_is_shown_and_told_of(watched: Watched) -> None:
    """It writes UTC and calls it the time of Fuzhou; everything that it says seems older than a first look reaches."""
    for _ in range(6):
        await watched.say("door", ago_s=8 * 3600)
        await watched.pass_(minutes=40)
    for _ in range(4):
        await watched.pass_(seconds=55)
    await watched.pipeline.detect(CLOCK)
    assert await watched.alarms() == [("clock", "raised")]


async def test_what_a_gateway_said_in_another_home_is_nothing_of_the_home_it_stands_in_now(watched: Watched) -> None:
    """It comes back from one client, and goes to the next one within hours."""
    await watched.say("door", ago_s=60)
    await watched.say("motion", device="gw-1-motion")
    await watched.pass_(minutes=30)
    next_home, _ = await watched.pipeline.home()
    await watched.pipeline.pair("gw-1", next_home, move=True)
    watched.doors.shown.clear()
    await watched.say("door", value=False)
    for _ in range(4):
        await watched.pass_(seconds=55)
    await watched.look()
    shown = [event.value for event in watched.doors.shown if event.type == "door"]
    assert shown == [False]
    assert await watched.alarms() == []


async def test_a_check_in_is_shown_although_newer_readings_of_its_device_were(watched: Watched) -> None:
    """The lanes come in no order between each other."""
    await watched.say("door", device="gw-1-button")
    await watched.pass_(seconds=1)
    await watched.look()
    at = await watched.now() - timedelta(seconds=30)
    await watched.pipeline.press("check_in", time=at.isoformat())
    await watched.look()
    assert [event.value for event in watched.doors.shown if event.type == "check_in"] == [True]


async def test_silence_is_not_judged_beyond_when_the_gateway_was_heard(watched: Watched) -> None:
    """The home is off line: the door may have been shut meanwhile, and so it had."""
    await watched.say("door")
    await watched.pass_(seconds=1)
    await watched.look()
    for _ in range(20):
        await watched.elapse(minutes=1)
        await watched.pipeline.sentinels()
        await watched.look()
    assert await watched.alarms() == []
    await watched.say("heartbeat", device="_")
    await watched.look()
    assert await watched.alarms() == [], "what the gateway has kept must get its time to come"
    await watched.say("door", value=False, ago_s=15 * 60)
    for _ in range(5):
        await watched.pass_(minutes=1)
        await watched.look()
    assert await watched.alarms() == []
    assert await watched.pipeline.count("deadline", "kind = 'detect' AND due_at > carebed_now()") == 1


async def test_a_shift_of_the_clock_alone_is_no_gap(watched: Watched) -> None:
    """A demo's clock leaps by a quarter of an hour: the gateway has kept nothing that would have to come."""
    await watched.say("door")
    await watched.pass_(seconds=1)
    await watched.look()
    await watched.clock.advance(minutes=15)
    await watched.say("heartbeat", device="_")
    await watched.pipeline.sentinels()
    await watched.look()
    assert await watched.alarms() == [("door", "raised")]


async def test_after_the_backlog_silence_is_judged_again_and_raised_as_late(watched: Watched) -> None:
    """Nobody shut the door: it has stood open all the while."""
    await watched.say("door")
    await watched.pass_(seconds=1)
    await watched.look()
    await watched.elapse(minutes=30)
    for _ in range(5):
        await watched.pass_(minutes=1)
        await watched.look()
    assert await watched.alarms() == [("door", "raised")]
    assert (await watched.pipeline.row("SELECT late FROM alarm")).late


async def test_what_was_over_before_we_heard_of_it_and_what_is_long_past_raise_nothing(watched: Watched) -> None:
    """A gateway that was away for a day sends what it kept."""
    for hours, value in ((20, True), (19, False), (2, True), (1, False)):
        await watched.say("door", value=value, ago_s=3600 * hours)
    await watched.pass_(seconds=1)
    await watched.look()
    assert await watched.alarms() == []
    await watched.say("door", ago_s=600)
    for _ in range(4):
        await watched.pass_(minutes=1)
        await watched.look()
    assert await watched.alarms() == [("door", "raised")]


async def test_a_broken_detector_stops_no_other_and_is_asked_again(watched: Watched) -> None:
    await watched.say("door", ago_s=700)
    await watched.pass_(seconds=1)
    await watched.pipeline.detect(Broken(), watched.doors)
    assert await watched.alarms() == [("door", "raised")]
    kept = (await watched.pipeline.row("SELECT memory FROM detection")).memory
    assert kept["toy_broken"]["failures"] == 1
    assert await watched.pipeline.count("deadline", "kind = 'detect' AND due_at > carebed_now()") == 1


async def test_a_memory_that_cannot_be_read_begins_afresh(watched: Watched) -> None:
    await watched.say("door")
    await watched.pass_(seconds=1)
    await watched.look()
    for broken in ('{"toy_door": {"state": {"since": 5}}}', "[]"):
        await watched.pipeline.run("UPDATE detection SET memory = CAST(:memory AS jsonb)", memory=broken)
        await watched.say("door", value=False)
        await watched.pass_(seconds=1)
        await watched.look()
        assert (await watched.pipeline.row("SELECT memory FROM detection")).memory["toy_door"]["state"]["since"] is None


async def test_a_home_that_is_no_more_is_let_go(watched: Watched) -> None:
    await watched.pipeline.run(
        "INSERT INTO deadline (kind, subject, due_at) VALUES ('detect', :id, carebed_now())", id=str(UUID(int=9))
    )
    await watched.look()
    assert await watched.pipeline.count("deadline", "subject = :id", id=str(UUID(int=9))) == 0


async def test_a_month_that_comes_at_once_is_shown_page_by_page(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order over all devices, each event once, and never more than a page of a device in memory."""
    monkeypatch.setattr("ingest.news._MOST", 20)
    await watched.say("door", ago_s=86400 * 30)
    await watched.pass_(seconds=1)
    await watched.pipeline.run(
        "UPDATE detection SET shown ="
        " jsonb_set(shown, '{readings,gw-1-door}', jsonb_build_array(carebed_now() - interval '30 days', '[]'::jsonb))"
    )
    await watched.look()
    first = len(watched.doors.shown)
    now = await watched.now()
    many = [
        message("door", value=number % 2 == 0, time=(now - timedelta(minutes=10 + 200 - number)).isoformat())
        for number in range(200)
    ]
    await watched.pipeline.reading(
        *(watched.pipeline.incoming(one, "gw-1", "gw-1-door", "reading") for one in reversed(many))
    )
    await watched.pass_(seconds=1)
    looks = 0
    while len(watched.doors.shown) < first + 200 and looks < 30:
        await watched.look()
        looks += 1
    shown = [event.message_id for event in watched.doors.shown[first:] if event.type == "door"]
    assert shown == [one["id"] for one in many]
    assert looks >= 10


async def test_first_contact_has_a_home_looked_at(pipeline: Pipeline) -> None:
    """So that a detector can watch what never happens."""
    home = await pipeline.simple_home()
    await pipeline.tell("heartbeat", "_", lane="health")
    row = await pipeline.row("SELECT subject, due_at <= carebed_now() AS due FROM deadline WHERE kind = 'detect'")
    assert (row.subject, row.due) == (str(home), True)


async def test_a_home_is_woken_once_until_the_watermark_has_passed(watched: Watched) -> None:
    """A backlog costs one row, and its look comes after all that the row stands for."""
    for _ in range(5):
        await watched.say("door")
    assert await watched.pipeline.count("wake") == 1
    await watched.look()
    assert await watched.pipeline.count("wake") == 1, "what came behind it may not be committed yet"
    await watched.pass_(seconds=1)
    await watched.look()
    assert await watched.pipeline.count("wake") == 0
    await watched.say("door")
    assert await watched.pipeline.count("wake") == 1


async def test_a_look_that_dies_is_made_again_with_all_it_has_to_see(watched: Watched) -> None:
    """At every statement of it in turn; in the end the alarm is there once."""
    await watched.say("door", ago_s=700)
    await watched.pass_(seconds=1)
    await watched.pipeline.run("UPDATE deadline SET due_at = carebed_now() WHERE kind = 'detect'")

    class Dies(Exception):
        pass

    for after in range(1, 60):
        statements = 0

        async def dying(conn: object, now: datetime, rows: object, after: int = after) -> None:
            nonlocal statements
            from sqlalchemy import event

            def count(*_: object) -> None:
                nonlocal statements
                statements += 1
                if statements == after:
                    raise Dies

            sync = conn.sync_connection
            event.listen(sync, "before_cursor_execute", count)
            try:
                await DetectHandler(detectors=[OpenDoor()])(conn, now, rows)
            finally:
                event.remove(sync, "before_cursor_execute", count)

        try:
            await watched.pipeline.fire("detect", dying)
        except Dies:
            assert await watched.alarms() == []
            continue
        break
    assert after > 5
    assert await watched.alarms() == [("door", "raised")]
