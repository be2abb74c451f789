"""What was put aside is taken in again once the cause is gone: each once, as of the time when it came."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_district import Pipeline, ago, message

from carebed.settings import Settings
from gateway.wire import Lane, shard_of
from ingest.flood_store import put_floods_aside
from ingest.quarantine import drop_quarantined
from ingest.replay import Replay, Replayed
from registry.pairing import NewDevice, pair_devices


async def _replay(pipeline: Pipeline, **options: bool) -> list[Replayed]:
    """All that waits, oldest first."""
    replay = Replay(pipeline.database, None, ("live",))
    ids = [row.id for row in await pipeline.rows("SELECT id FROM quarantine WHERE outcome IS NULL ORDER BY id")]
    done = [await replay.row(one, **options) for one in ids]
    return [one for one in done if one is not None]


async def _pair(pipeline: Pipeline, device: str = "late-1", gateway: str = "gw-1") -> None:
    async with pipeline.database.transaction() as conn:
        await pair_devices(conn, gateway, [NewDevice(device, "motion", heartbeat_s=60)])
    pipeline.who.forget()


async def _received(pipeline: Pipeline, **span: float) -> datetime:
    """Everything in quarantine came so long ago."""
    at = datetime.now(UTC) - timedelta(**span)
    await pipeline.run("UPDATE quarantine SET received_at = :at", at=at)
    return at


async def _alarms(pipeline: Pipeline) -> list[dict[str, Any]]:
    rows = await pipeline.rows("SELECT *, policy IS NOT NULL AS has_policy FROM alarm ORDER BY raised_at, happened_at")
    return [dict(row._mapping) for row in rows]


async def test_a_reading_of_a_device_that_was_paired_later_is_stored_as_of_then_and_once(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    body = message("motion", time=ago(hours=3))
    await pipeline.reading(pipeline.incoming(body, device="late-1", lane="reading"))
    received = await _received(pipeline, hours=3)
    assert [(one.outcome, one.reason) for one in await _replay(pipeline)] == [(None, "unknown_device")]
    await _pair(pipeline)
    (done,) = await _replay(pipeline)
    assert (done.outcome, done.stored) == ("taken", 1)
    row = await pipeline.row("SELECT time, received_at, message_id FROM reading")
    assert (row.time.isoformat(), row.received_at, row.message_id) == (body["time"], received, body["id"])
    assert (await pipeline.row("SELECT outcome FROM quarantine")).outcome == "taken"
    assert await _replay(pipeline) == []


async def test_a_replay_tells_nobody_that_somebody_is_alive(pipeline: Pipeline) -> None:
    """No sign of life, no activity, no deadline: what was true hours ago says nothing of today."""
    await pipeline.simple_home()
    for lane, kind in (("reading", "motion"), ("health", "heartbeat"), ("alarm", "check_in")):
        send = pipeline.alarm if lane == "alarm" else pipeline.reading
        await send(pipeline.incoming(message(kind, time=ago(hours=3)), device="late-1", lane=lane))
    await _pair(pipeline)
    await pipeline.run("DELETE FROM device_state")
    await pipeline.run("DELETE FROM deadline")
    assert [one.outcome for one in await _replay(pipeline)] == ["taken"] * 3
    for table in ("device_state", "home_state", "deadline", "alarm"):
        assert await pipeline.count(table) == 0, table


async def test_however_many_replay_at_once_it_counts_once(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    await pipeline.reading(pipeline.incoming(message("motion"), device="late-1", lane="reading"))
    await pipeline.alarm(pipeline.incoming(message("check_in"), device="late-1"))
    await _pair(pipeline)
    results = await asyncio.gather(*(_replay(pipeline) for _ in range(4)))
    assert sum(one.stored for done in results for one in done) == 2
    assert (await pipeline.count("reading"), await pipeline.count("inbox")) == (1, 1)


async def test_what_the_device_sent_again_in_the_meantime_is_a_duplicate(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    reading, press = message("motion"), message("check_in")
    await pipeline.reading(pipeline.incoming(reading, device="late-1", lane="reading"))
    await pipeline.alarm(pipeline.incoming(press, device="late-1"))
    await _pair(pipeline)
    await pipeline.reading(pipeline.incoming(reading, device="late-1", lane="reading"))
    await pipeline.alarm(pipeline.incoming(press, device="late-1"))
    assert [one.outcome for one in await _replay(pipeline)] == ["duplicate", "duplicate"]
    assert (await pipeline.count("reading"), await pipeline.count("inbox")) == (1, 1)


async def test_what_is_refused_again_stays_with_the_reason_of_now(pipeline: Pipeline) -> None:
    """First nobody knew the gateway; now only the device is missing."""
    home, _ = await pipeline.home()
    await pipeline.reading(pipeline.incoming(message("motion"), "gw-9", "late-1", "reading"))
    await pipeline.pair("gw-9", home)
    (done,) = await _replay(pipeline)
    assert (done.outcome, done.reason) == (None, "unknown_device")
    row = await pipeline.row("SELECT reason, outcome, replayed_at FROM quarantine")
    assert (row.reason, row.outcome) == ("unknown_device", None)
    assert row.replayed_at is not None


async def test_a_wrong_clock_does_not_become_right_by_waiting(pipeline: Pipeline) -> None:
    """An hour ahead when it came; replayed two hours later."""
    await pipeline.simple_home()
    await pipeline.tell("motion", time=ago(hours=1))
    await pipeline.reading(
        pipeline.incoming(message("motion", time=ago(hours=-1)), device="gw-1-motion", lane="reading")
    )
    await pipeline.run("UPDATE quarantine SET received_at = received_at - interval '2 h'")
    assert [one.reason for one in await _replay(pipeline)] == ["future_time"]
    assert await pipeline.count("reading") == 1


async def test_a_call_for_help_of_this_day_is_a_late_alarm_with_its_true_time(pipeline: Pipeline) -> None:
    """Turned away because nobody knew the gateway; two hours later it is known. Nobody has answered it yet."""
    home, _ = await pipeline.home()
    body = message("sos", time=ago(hours=2))
    await pipeline.alarm(pipeline.incoming(body, "gw-9", "button-9"))
    await _received(pipeline, hours=2)
    await pipeline.pair("gw-9", home, NewDevice("button-9", "button"))
    (done,) = await _replay(pipeline)
    (alarm,) = await _alarms(pipeline)
    assert done.alarms == [str(alarm["id"])]
    assert (alarm["kind"], alarm["late"], alarm["priority"], alarm["home_id"]) == ("sos", True, 0, home)
    assert alarm["happened_at"].isoformat() == body["time"]
    assert alarm["raised_at"] > datetime.now(UTC) - timedelta(minutes=5)
    assert alarm["why"]["turned_away"] == "unknown_gateway"
    assert "119 min ago" in alarm["why"]["text"]["en"] or "120 min ago" in alarm["why"]["text"]["en"]
    assert await pipeline.count("deadline", "kind = 'alarm' AND life_critical") == 1
    assert pipeline.line.receipts() == []


async def test_an_old_call_for_help_is_a_work_order_beside_the_alarms_of_today(pipeline: Pipeline) -> None:
    home, _ = await pipeline.home()
    await pipeline.alarm(pipeline.incoming(message("sos", time=ago(days=3)), "gw-9", "button-9"))
    await _received(pipeline, days=3)
    await pipeline.pair("gw-9", home, NewDevice("button-9", "button"))
    today = await pipeline.press("sos", "button-9", "gw-9")
    await _replay(pipeline)
    alarms = {str(one["id"]): one for one in await _alarms(pipeline)}
    pressed = alarms.pop(str(today.alarm))
    (old,) = alarms.values()
    assert (pressed["repeats"], pressed["priority"]) == (0, 0)
    assert (old["priority"], old["late"], old["closed_at"]) == (2, True, None)
    assert await pipeline.count("deadline", "kind = 'alarm' AND life_critical") == 1


async def test_it_joins_an_open_alarm_without_being_pressed_again(pipeline: Pipeline) -> None:
    home, _ = await pipeline.home()
    await pipeline.alarm(pipeline.incoming(message("sos", time=ago(hours=1)), "gw-9", "button-9"))
    await pipeline.pair("gw-9", home, NewDevice("button-9", "button"))
    today = await pipeline.press("sos", "button-9", "gw-9")
    (done,) = await _replay(pipeline)
    assert done.alarms == [str(today.alarm)]
    (alarm,) = await _alarms(pipeline)
    assert alarm["repeats"] == 0


async def test_an_old_cancel_never_closes_a_later_alarm(pipeline: Pipeline) -> None:
    home, _ = await pipeline.home()
    await pipeline.alarm(pipeline.incoming(message("sos_cancel", time=ago(hours=2)), "gw-9", "button-9"))
    await pipeline.pair("gw-9", home, NewDevice("button-9", "button"))
    await pipeline.press("sos", "button-9", "gw-9")
    assert [one.outcome for one in await _replay(pipeline)] == ["taken"]
    assert [one["closed_at"] for one in await _alarms(pipeline)] == [None]


async def test_a_fall_and_its_cancel_that_were_both_put_aside_end_as_they_should(pipeline: Pipeline) -> None:
    home, _ = await pipeline.home()
    for kind, seconds in (("fall", 60), ("fall_cancel", 50)):
        body = message(kind, time=ago(hours=2, seconds=seconds))
        await pipeline.alarm(pipeline.incoming(body, "gw-9", "band-9"))
    await pipeline.pair("gw-9", home, NewDevice("band-9", "band"))
    await _replay(pipeline)
    (alarm,) = await _alarms(pipeline)
    assert (alarm["kind"], alarm["state"]) == ("fall", "cancelled")


async def test_an_alarm_on_a_wrong_shard_was_taken_when_it_came(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    topic = "carebed/v1/00/gw-1/alarm/gw-1-button"
    assert shard_of("gw-1") != "00"
    await pipeline.alarm(pipeline.incoming(message("sos"), topic=topic))
    await pipeline.run("DELETE FROM inbox")  # even if it were forgotten
    assert [one.outcome for one in await _replay(pipeline)] == ["duplicate"]
    assert len(await _alarms(pipeline)) == 1
    assert await pipeline.count("inbox") == 0


async def test_readings_on_a_wrong_shard_are_taken_and_a_bad_one_among_them_stays_alone(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    body = [message("motion"), {"type": "motion"}, message("motion")]
    await pipeline.reading(pipeline.incoming(body, topic="carebed/v1/00/gw-1/reading/gw-1-motion"))
    (done,) = await _replay(pipeline)
    assert (done.outcome, done.stored, done.refused) == ("partly", 2, 1)
    waiting = await pipeline.rows("SELECT reason, payload FROM quarantine WHERE outcome IS NULL")
    assert [(row.reason, bytes(row.payload)) for row in waiting] == [("bad_id", b'{"type":"motion"}')]


async def test_each_message_of_a_flood_is_taken_by_itself(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    messages = [pipeline.incoming(message("motion"), device="gw-1-motion", lane="reading") for _ in range(300)]
    messages += [pipeline.incoming(b"nonsense", device="gw-1-motion", lane="reading")]
    async with pipeline.database.transaction() as conn:
        await put_floods_aside(conn, datetime.now(UTC), {"gw-1": messages})
    (done,) = await _replay(pipeline)
    assert (done.outcome, done.stored, done.refused) == ("partly", 300, 1)
    assert await pipeline.count("reading") == 300
    assert await pipeline.count("quarantine", "outcome IS NULL AND reason = 'malformed_json'") == 1


async def test_a_dry_run_says_the_same_and_changes_nothing(pipeline: Pipeline) -> None:
    home, _ = await pipeline.home()
    await pipeline.alarm(pipeline.incoming(message("sos"), "gw-9", "button-9"))
    await pipeline.reading(pipeline.incoming(message("motion"), "gw-9", "motion-9", "reading"))
    await pipeline.pair("gw-9", home, NewDevice("button-9", "button"))
    tables = ("alarm", "alarm_event", "deadline", "inbox", "reading", "notification")
    before = [await pipeline.count(table) for table in tables]
    for _ in range(2):
        done = await _replay(pipeline, dry_run=True)
        assert [(one.outcome, one.reason) for one in done] == [("taken", None), (None, "unknown_device")]
    assert [await pipeline.count(table) for table in tables] == before
    assert await pipeline.count("quarantine", "replayed_at IS NULL AND reason = 'unknown_gateway'") == 2


async def test_what_the_database_refuses_stays_until_the_cause_is_gone(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    await pipeline.run_as_admin("ALTER TABLE reading ADD CONSTRAINT poison CHECK (message_id <> 'poison')")
    body = [message("motion", id=one) for one in ("a", "poison", "b")]
    work = pipeline.worker(Lane.READING).work()
    await work.store([pipeline.incoming(body, device="gw-1-motion", lane="reading")])
    assert [(one.outcome, one.reason) for one in await _replay(pipeline)] == [(None, "store_error")]
    await pipeline.run_as_admin("ALTER TABLE reading DROP CONSTRAINT poison")
    assert [one.outcome for one in await _replay(pipeline)] == ["taken"]
    assert await pipeline.count("reading") == 3


@pytest.mark.parametrize("topic", ["", "carebed/v1/zz", "elsewhere\x00", "carebed/v1/00/gw-1/reading/家"])
async def test_whatever_it_holds_a_replay_raises_nothing(pipeline: Pipeline, topic: str) -> None:
    await pipeline.simple_home()
    for payload in (b"", b"\xff\x00", b"[]", b"[" * 50_000):
        await pipeline.reading(pipeline.incoming(payload, topic=topic, defect="malformed"))
    assert {one.outcome for one in await _replay(pipeline)} <= {None, "taken"}


async def test_quarantine_is_kept_for_its_days(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are dropped at once."""
    monkeypatch.setattr("ingest.quarantine._DROPPED_AT_ONCE", 3)
    await pipeline.simple_home()
    for _ in range(7):
        await pipeline.reading(pipeline.incoming(b"x", lane="reading"))
    await _received(pipeline, days=31)
    await pipeline.reading(pipeline.incoming(b"young", lane="reading"))
    await drop_quarantined(pipeline.database, Settings(quarantine_kept_days=30))
    assert [bytes(row.payload) for row in await pipeline.rows("SELECT payload FROM quarantine")] == [b"young"]
