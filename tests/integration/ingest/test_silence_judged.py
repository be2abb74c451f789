"""Homes without activity and devices without signs of life, judged on real rows: never beyond the watermark."""

from datetime import timedelta

import pytest
from small_district import Pipeline, message

from ingest.inactivity import InactivityHandler
from ingest.offline import OfflineHandler
from ingest.silence import LagHandler
from registry.pairing import NewDevice
from tests.conftest import TestClock

_RECOVERED = "SELECT recovered_at FROM watermark ORDER BY lane, shard_group"
#: What the devices of a demo get after a shift of the clock.
SETTLED = "UPDATE clock_shift SET shifted_at = shifted_at - interval '1 minute'"


async def _later(pipeline: Pipeline, clock: TestClock, *, sentinels: str = "both", **span: float) -> None:
    """Time passes as if it had really passed: with sentinels of these lanes behind it."""
    await clock.advance(**span)
    await pipeline.run_as_admin(SETTLED)
    if sentinels:
        await pipeline.sentinels(sentinels)


async def _kinds(pipeline: Pipeline) -> list[str]:
    return [row.kind for row in await pipeline.rows("SELECT kind FROM alarm WHERE closed_at IS NULL ORDER BY kind")]


async def test_a_home_that_goes_still_raises_one_inactivity_alarm(pipeline: Pipeline, clock: TestClock) -> None:
    """Not before its span, once when it is over, and the reason names hours and limit."""
    home = await pipeline.simple_home(inactivity_s=7200)
    await pipeline.sentinels()
    await _later(pipeline, clock, minutes=10)
    await _tell_now(pipeline, "motion")
    for minutes in (117, 1.2, 1.2):  # the gateway has been away, and has had time to send what it kept
        await _later(pipeline, clock, minutes=minutes)
        await _tell_now(pipeline, "heartbeat", "_", "health")
        await pipeline.fire("inactivity", InactivityHandler())
        assert await _kinds(pipeline) == []
    await _later(pipeline, clock, minutes=1.5)
    await _tell_now(pipeline, "heartbeat", "_", "health")
    for _ in range(2):
        await pipeline.fire("inactivity", InactivityHandler())
    alarm = await pipeline.row("SELECT kind, home_id, why FROM alarm")
    assert (alarm.kind, alarm.home_id, alarm.why["limit_hours"]) == ("inactivity", home, 2.0)
    assert (await pipeline.row("SELECT due_at > carebed_now() FROM deadline WHERE kind = 'inactivity'"))[0]


async def test_a_watch_with_a_line_of_its_own_that_is_off_keeps_nobody_waiting(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """It lies in a drawer, empty. The home's own gateway lives on, and its sensors hear nothing: somebody must look."""
    home = await pipeline.simple_home(inactivity_s=7200)
    await pipeline.pair("watch", home, NewDevice("watch-band", "wristband", heartbeat_s=60))
    await pipeline.sentinels()
    await _tell_now(pipeline, "motion")
    await pipeline.reading(pipeline.incoming(message("heartbeat"), "watch", "_", "health"))
    for minutes in (119, 3, 3):
        await _later(pipeline, clock, minutes=minutes)
        await _tell_now(pipeline, "heartbeat", "_", "health")
    await pipeline.fire("inactivity", InactivityHandler())
    assert await _kinds(pipeline) == ["inactivity"]


@pytest.mark.parametrize("silent_lane", ["alarm", "reading"])
async def test_silence_is_not_judged_while_one_lane_stands_still(
    pipeline: Pipeline, clock: TestClock, silent_lane: str
) -> None:
    """A check-in may be stuck in the alarm lane as well as a motion in the other: both watermarks must have passed."""
    other = "reading" if silent_lane == "alarm" else "alarm"
    await pipeline.simple_home(inactivity_s=3600)
    await pipeline.sentinels()
    await _tell_now(pipeline, "motion")
    await _later(pipeline, clock, hours=5, sentinels=other)
    await pipeline.fire("inactivity", InactivityHandler())
    await pipeline.fire("offline", OfflineHandler())
    assert await _kinds(pipeline) == []
    assert (await pipeline.row("SELECT data FROM deadline WHERE kind = 'inactivity'")).data["waits"] == 1


async def test_whoever_was_silent_during_a_gap_gets_time_to_be_heard(pipeline: Pipeline, clock: TestClock) -> None:
    """The process stood still for a minute of real time: its first sentinels say so."""
    await pipeline.simple_home(inactivity_s=3600)
    (real,) = await pipeline.row("SELECT clock_timestamp()")
    await pipeline.sentinels(at=real - timedelta(minutes=1))
    await _tell_now(pipeline, "motion")
    await _later(pipeline, clock, hours=2)
    await pipeline.fire("inactivity", InactivityHandler())
    await pipeline.fire("offline", OfflineHandler())
    assert await _kinds(pipeline) == []
    await _tell_now(pipeline, "heartbeat", "_", "health")
    await _later(pipeline, clock, minutes=4)
    await pipeline.fire("inactivity", InactivityHandler())
    assert await _kinds(pipeline) == ["inactivity"]


async def test_sentinels_that_are_committed_late_but_were_published_in_time_are_no_gap(pipeline: Pipeline) -> None:
    """A slow database must not keep silence from being judged; the watermark alone decides."""
    await pipeline.simple_home()
    (real,) = await pipeline.row("SELECT clock_timestamp()")
    await pipeline.sentinels(at=real - timedelta(seconds=30))
    before = await pipeline.rows(_RECOVERED)
    batch = [real - timedelta(seconds=age) for age in range(29, 0, -1)]
    (now,) = await pipeline.row("SELECT carebed_now()")
    await pipeline.alarm(*(
        pipeline.incoming({"stamp": now, "at": at}, topic="carebed/v1/00/carebed-sentinel/alarm/_") for at in batch
    ))  # fmt: skip
    assert await pipeline.rows(_RECOVERED) == before
    await pipeline.sentinels(at=real + timedelta(seconds=10))
    assert await pipeline.rows(_RECOVERED) != before


async def test_a_watermark_never_moves_back(pipeline: Pipeline) -> None:
    """A sentinel that is delivered again after a reconnect."""
    await pipeline.sentinels()
    newest = await pipeline.rows("SELECT stamp, committed_at, recovered_at FROM watermark ORDER BY lane, shard_group")
    (now,) = await pipeline.row("SELECT carebed_now()")
    await pipeline.sentinels(stamp=now - timedelta(hours=1), at=now - timedelta(hours=1))
    again = await pipeline.rows("SELECT stamp, committed_at, recovered_at FROM watermark ORDER BY lane, shard_group")
    assert again == newest


async def test_a_device_that_misses_its_beats_is_offline_once_and_again_a_day_later(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Its gateway goes on speaking; the desk resolves the work order, and gets the next one the day after."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _tell_now(pipeline, "motion")
    for minutes in (3, 2, 2, 2):
        await _later(pipeline, clock, minutes=minutes)
        await _tell_now(pipeline, "heartbeat", "_", "health")
        await pipeline.fire("offline", OfflineHandler())
    assert await _offline(pipeline) == ["gw-1-motion"]
    await _close_all(pipeline)
    for hours, expected in ((1, []), (22, []), (2, ["gw-1-motion"])):
        await _later(pipeline, clock, hours=hours)
        await _tell_now(pipeline, "heartbeat", "_", "health")
        await pipeline.fire("offline", OfflineHandler())
        assert await _offline(pipeline) == expected


async def test_a_silent_gateway_stands_for_all_devices_behind_it(pipeline: Pipeline, clock: TestClock) -> None:
    """A power cut: the devices' beats were due at different times, the first of them before the gateway's own."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _tell_now(pipeline, "heartbeat")
    await _later(pipeline, clock, seconds=170)
    await _tell_now(pipeline, "heartbeat", "_", "health")
    for seconds in (75, 30, 30, 200):
        await _later(pipeline, clock, seconds=seconds)
        await pipeline.fire("offline", OfflineHandler())
    assert await _offline(pipeline) == ["gw-1"]


async def test_a_device_that_stays_silent_when_its_gateway_is_back_is_offline_then(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Its batteries did not survive the night."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _tell_now(pipeline, "heartbeat")
    await _later(pipeline, clock, minutes=10)
    await pipeline.fire("offline", OfflineHandler())
    assert await _offline(pipeline) == ["gw-1"]
    await _tell_now(pipeline, "heartbeat", "_", "health")
    await _later(pipeline, clock, minutes=5)
    await _tell_now(pipeline, "heartbeat", "_", "health")
    await pipeline.fire("offline", OfflineHandler())
    assert await _offline(pipeline) == ["gw-1-motion"], "the gateway's own alarm closed itself"


async def test_after_a_shift_of_the_clock_devices_get_a_moment_to_beat(pipeline: Pipeline, clock: TestClock) -> None:
    """A demo's clock leaps by an hour, and every device would be offline before it could notice."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _tell_now(pipeline, "heartbeat")
    await clock.advance(hours=1)
    await pipeline.sentinels()
    await pipeline.fire("offline", OfflineHandler())
    assert await _kinds(pipeline) == []
    await _tell_now(pipeline, "heartbeat")
    await _later(pipeline, clock, seconds=10)
    await pipeline.fire("offline", OfflineHandler())
    assert await _kinds(pipeline) == []


async def test_what_nobody_judges_any_more_is_let_go(pipeline: Pipeline, clock: TestClock) -> None:
    """A revoked gateway and a device without a heartbeat: their deadlines end."""
    home = await pipeline.simple_home()
    await _tell_now(pipeline, "heartbeat")
    await pipeline.pair("gw-1", home, NewDevice("gw-1-motion", "motion", heartbeat_s=None))
    await pipeline.run("UPDATE gateway SET revoked_at = carebed_now()")
    await _later(pipeline, clock, hours=1)
    await pipeline.fire("offline", OfflineHandler())
    assert await pipeline.count("deadline", "kind = 'offline'") == 0
    assert await _kinds(pipeline) == []


async def test_lag_is_raised_once_when_the_oldest_watermark_is_old(pipeline: Pipeline, clock: TestClock) -> None:
    """One group of one lane is enough; looking again joins the open alarm."""
    await pipeline.sentinels()
    await _watch_lag(pipeline)
    await pipeline.fire("lag", LagHandler())
    assert await _kinds(pipeline) == []
    await _later(pipeline, clock, seconds=20, sentinels="alarm")
    for _ in range(3):
        await pipeline.fire("lag", LagHandler())
        await _later(pipeline, clock, seconds=3, sentinels="alarm")
    assert await _kinds(pipeline) == ["lag"]
    assert (await pipeline.row("SELECT repeats FROM alarm")).repeats == 0


async def test_a_shift_of_the_clock_alone_is_no_lag(pipeline: Pipeline, clock: TestClock) -> None:
    """An hour ahead with ingest alive: the next sentinel is a second away."""
    await pipeline.sentinels()
    await _watch_lag(pipeline)
    await clock.advance(hours=1)
    await pipeline.fire("lag", LagHandler())
    assert await _kinds(pipeline) == []


async def test_an_ingest_that_never_started_is_lag_after_a_minute(pipeline: Pipeline, clock: TestClock) -> None:
    """There is no watermark at all, or only one lane's."""
    await pipeline.sentinels("alarm")
    await _watch_lag(pipeline)
    await _later(pipeline, clock, seconds=50, sentinels="alarm")
    await pipeline.fire("lag", LagHandler())
    assert await _kinds(pipeline) == []
    await _later(pipeline, clock, seconds=20, sentinels="alarm")
    await pipeline.fire("lag", LagHandler())
    assert await _kinds(pipeline) == ["lag"]


async def _tell_now(pipeline: Pipeline, kind: str, device: str = "gw-1-motion", lane: str = "reading") -> None:
    """By the shifted clock."""
    (now,) = await pipeline.row("SELECT carebed_now()")
    gateway = "gw-1"
    await pipeline.reading(pipeline.incoming(message(kind, time=now.isoformat()), gateway, device, lane))


async def _watch_lag(pipeline: Pipeline) -> None:
    await pipeline.run(
        "INSERT INTO deadline (kind, subject, due_at, data)"
        " VALUES ('lag', '', carebed_now(), jsonb_build_object('since', carebed_now()))"
    )


async def _offline(pipeline: Pipeline) -> list[str]:
    rows = await pipeline.rows("SELECT device_id FROM alarm WHERE kind = 'offline' AND closed_at IS NULL ORDER BY 1")
    return [row.device_id for row in rows]


async def _close_all(pipeline: Pipeline) -> None:
    await pipeline.run(
        "WITH ended AS (DELETE FROM deadline WHERE kind = 'alarm')"
        " UPDATE alarm SET state = 'resolved', outcome = 'help_given', closed_at = carebed_now()"
    )
