"""Silent devices on real rows: by the home's grade, never heard of, without power, and back again."""

from datetime import timedelta
from typing import Any

import pytest
from small_district import Pipeline, message
from sqlalchemy.exc import IntegrityError
from test_silence_judged import SETTLED

from ingest.offline import OfflineHandler
from registry.pairing import NewDevice
from tests.conftest import TestClock


async def _say(pipeline: Pipeline, kind: str = "heartbeat", device: str = "_", **more: Any) -> None:
    """By the shifted clock."""
    (now,) = await pipeline.row("SELECT carebed_now()")
    await pipeline.reading(pipeline.incoming(message(kind, time=now.isoformat(), **more), "gw-1", device, "health"))


async def _pass(pipeline: Pipeline, clock: TestClock, **span: float) -> None:
    """Time passes in earnest, with sentinels; then what is due is judged."""
    await clock.advance(**span)
    await pipeline.run_as_admin(SETTLED)
    (known_at,) = await pipeline.row("SELECT max(committed_at) FROM watermark")
    await pipeline.sentinels(at=known_at + timedelta(seconds=1))  # no gap, however slow the machine is
    await pipeline.fire("offline", OfflineHandler())


async def _live(pipeline: Pipeline, clock: TestClock) -> None:
    """The gateway beats for two minutes and a bit."""
    for _ in range(3):
        await _say(pipeline)
        await _pass(pipeline, clock, seconds=45)


async def _alarms(pipeline: Pipeline, where: str = "closed_at IS NULL") -> list[tuple[str, str]]:
    """(device, code of the reason)."""
    rows = await pipeline.rows(f"SELECT device_id, why FROM alarm WHERE {where} ORDER BY device_id")
    return [(row.device_id, row.why["code"]) for row in rows]


@pytest.mark.parametrize(("grade", "minutes"), [(None, 2), (2, 24 * 60), (3, 5 * 60), (4, 3)], ids=str)
async def test_a_gateway_counts_as_offline_by_its_homes_grade(
    pipeline: Pipeline, clock: TestClock, grade: int | None, minutes: int
) -> None:
    """EN 50136: a day, five hours, three minutes; without a grade four missed beats."""
    home, _ = await pipeline.home(transmission_grade=grade)
    await pipeline.pair("gw-1", home)
    await pipeline.sentinels()
    await _say(pipeline)
    await _pass(pipeline, clock, minutes=minutes - 0.5)
    await _pass(pipeline, clock, seconds=10)
    assert await _alarms(pipeline) == []
    await _pass(pipeline, clock, seconds=30)
    assert await _alarms(pipeline) == [("gw-1", "offline")]
    assert (await pipeline.row("SELECT why FROM alarm")).why["grade"] == grade


@pytest.mark.parametrize("column", ["transmission_grade = 1", "transmission_grade = 5", "first_sign_s = 10"])
async def test_settings_out_of_bounds_are_refused(pipeline: Pipeline, column: str) -> None:
    await pipeline.home()
    with pytest.raises(IntegrityError):
        await pipeline.run(f"UPDATE home SET {column}")


async def test_what_was_paired_and_never_heard_of_is_raised_once_a_day_until_it_speaks(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """The gateway stands for what is behind it; once it speaks, its devices must."""
    await pipeline.simple_home(first_sign_s=7200)
    await pipeline.pair("gw-1", await _home(pipeline), NewDevice("gw-1-motion", "motion", heartbeat_s=60))
    await pipeline.sentinels()
    await _pass(pipeline, clock, hours=1.9)
    assert await _alarms(pipeline) == []
    for hours in (0.2, 2, 6):
        await _pass(pipeline, clock, hours=hours)
    assert await _alarms(pipeline) == [("gw-1", "never_heard")]
    await _live(pipeline, clock)
    assert await _alarms(pipeline) == [], "heard at last: it closes itself"
    for _ in range(2):
        await _pass(pipeline, clock, minutes=70)
        await _live(pipeline, clock)
    assert await _alarms(pipeline) == [("gw-1-motion", "never_heard")]


async def test_what_is_heard_of_in_time_is_watched_from_then_on(pipeline: Pipeline, clock: TestClock) -> None:
    """Installed an hour after pairing, dead ten minutes later: known minutes later, not the next day."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _pass(pipeline, clock, hours=1)
    await _say(pipeline)
    for _ in range(3):
        await _pass(pipeline, clock, minutes=5)
    assert await _alarms(pipeline) == [("gw-1", "offline")]


async def test_who_is_paired_again_is_expected_again(pipeline: Pipeline, clock: TestClock) -> None:
    """Taken home by the installer, revoked, and months later paired again: its old signs of life prove nothing."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _say(pipeline)
    await pipeline.run("UPDATE gateway SET revoked_at = carebed_now()")
    for days in (1, 90):
        await _pass(pipeline, clock, days=days)
    assert await pipeline.count("deadline", "kind = 'offline' AND subject = 'gw-1'") == 0
    await pipeline.pair("gw-1", await _home(pipeline))
    await _pass(pipeline, clock, hours=23)
    assert await _alarms(pipeline) == []
    await _pass(pipeline, clock, hours=2)
    assert await _alarms(pipeline) == [("gw-1", "never_heard")]


async def test_whoever_was_told_of_a_silence_is_told_of_its_end_and_the_next_is_another(
    pipeline: Pipeline, clock: TestClock
) -> None:
    await pipeline.simple_home()
    await pipeline.sentinels()
    for _ in range(2):
        await _say(pipeline)
        await _pass(pipeline, clock, minutes=4)
        assert await _alarms(pipeline) == [("gw-1", "offline")]
        await _live(pipeline, clock)
        assert await _alarms(pipeline) == []
    assert await pipeline.count("alarm", "state = 'cancelled'") == 2
    types = [row.type for row in await pipeline.rows("SELECT type FROM alarm_event ORDER BY seq")]
    assert types == ["raised", "cleared", "raised", "cleared"]


async def test_a_silence_that_somebody_works_on_is_his_to_close(pipeline: Pipeline, clock: TestClock) -> None:
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _say(pipeline)
    await _pass(pipeline, clock, minutes=4)
    await pipeline.run("UPDATE alarm SET acknowledged_at = carebed_now()")
    await _live(pipeline, clock)
    assert await _alarms(pipeline) == [("gw-1", "offline")]
    remarks = await pipeline.count("alarm_event", "type = 'cleared_remark'")
    assert remarks == 1


async def test_the_last_word_before_a_silence_tells_a_power_cut_from_a_dead_gateway(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """It says so and dies; mains that came back before are no reason."""
    await pipeline.simple_home()
    await pipeline.sentinels()
    await _say(pipeline)
    await _say(pipeline, "mains", value=False)
    (lost_at,) = await pipeline.row("SELECT carebed_now()")
    await _pass(pipeline, clock, minutes=4)
    assert await _alarms(pipeline) == [("gw-1", "offline_without_power")]
    why = (await pipeline.row("SELECT why FROM alarm")).why
    assert abs((lost_at.fromisoformat(why["power_lost_at"]) - lost_at).total_seconds()) < 5
    assert "Power was lost at" in why["text"]["en"]
    await _say(pipeline, "mains", value=True)
    await _live(pipeline, clock)
    await _pass(pipeline, clock, minutes=4)
    assert await _alarms(pipeline) == [("gw-1", "offline")]


async def test_mains_that_were_gone_for_hours_before_the_battery_died_are_named_too(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """The order for the mains is open, and no message of the last minutes says anything else."""
    home = await pipeline.simple_home()
    await pipeline.sentinels()
    await _say(pipeline)
    (now,) = await pipeline.row("SELECT carebed_now()")
    lost_at = now - timedelta(hours=3)
    await _open_mains_alarm(pipeline, home, lost_at.isoformat())
    await _pass(pipeline, clock, minutes=4)
    why = (await pipeline.row("SELECT why FROM alarm WHERE kind = 'offline' AND closed_at IS NULL")).why
    assert why["power_lost_at"] == lost_at.isoformat()


async def _home(pipeline: Pipeline) -> Any:
    return (await pipeline.row("SELECT id FROM home")).id


async def _open_mains_alarm(pipeline: Pipeline, home: Any, at: str) -> None:
    await pipeline.run(
        "WITH opened AS (INSERT INTO alarm (id, kind, priority, state, area_code, station_id, home_id, device_id,"
        " merge_key, raised_at, happened_at, policy, why) SELECT gen_random_uuid(), 'mains', 2, 'raised', area_code,"
        " station_id, id, 'gw-1', 'x', carebed_now(), CAST(:at AS timestamptz), '{}', '{}' FROM home WHERE id = :home"
        " RETURNING id) INSERT INTO deadline (kind, subject, alarm_id, due_at) SELECT 'alarm', id::text, id,"
        " carebed_now() + interval '1 day' FROM opened",
        home=home, at=at,
    )  # fmt: skip
