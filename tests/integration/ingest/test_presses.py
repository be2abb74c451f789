"""Somebody presses, once, twice, again, or takes it back: what becomes of it on a real database."""

from datetime import timedelta
from itertools import pairwise

import pytest
from small_district import Pipeline, ago, message

from alerts import book, lifecycle
from alerts.case import Actor
from alerts.firing import AlarmHandler
from carebed.clock import now as clock_now
from gateway.wire import Status
from registry.pairing import NewDevice
from tests.conftest import TestClock


async def test_a_press_opens_an_alarm_at_the_home_and_is_answered_with_it(pipeline: Pipeline) -> None:
    """The receipt names the alarm; home, sole resident, device and the one deadline are on it."""
    home = await pipeline.simple_home()
    receipt = await pipeline.press("sos", id="a-1")
    assert (receipt.id, receipt.status, receipt.reason) == ("a-1", Status.ACCEPTED, None)
    alarm = await pipeline.row("SELECT * FROM alarm")
    assert (alarm.id, alarm.home_id, alarm.state, alarm.late) == (receipt.alarm, home, "raised", False)
    assert alarm.resident_id is not None
    assert (alarm.gateway_id, alarm.device_id) == ("gw-1", "gw-1-button")
    assert await pipeline.count("deadline", "alarm_id = :id", id=receipt.alarm) == 1
    assert await pipeline.count("inbox", "alarm_id = :id", id=receipt.alarm) == 1


async def test_a_resend_is_a_duplicate_of_the_same_alarm_however_late_and_after_whatever_restart(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Byte for byte the same message: today, in another process, a month later, after the alarm is over."""
    await pipeline.simple_home()
    press = pipeline.incoming(message("sos", id="a-1"))
    (first,) = await pipeline.alarm(press)
    (again,) = await pipeline.alarm(press)
    restarted = Pipeline(pipeline.database, line=pipeline.line)
    await clock.advance(days=30)
    (late,) = await restarted.alarm(press)
    assert {again.status, late.status} == {Status.DUPLICATE}
    assert {again.alarm, late.alarm} == {first.alarm}
    assert await pipeline.count("alarm") == 1
    assert (await pipeline.row("SELECT repeats FROM alarm")).repeats == 0


async def test_the_same_id_with_other_content_is_a_new_press(pipeline: Pipeline) -> None:
    """A counter that restarted after a battery swap must not swallow a call for help."""
    await pipeline.simple_home()
    old = await pipeline.press("sos", id="a-1", time=ago(days=2))
    new = await pipeline.press("sos", id="a-1")
    assert (old.status, new.status) == (Status.ACCEPTED, Status.ACCEPTED)
    assert (await pipeline.row("SELECT repeats FROM alarm")).repeats == 1


async def test_without_a_usable_time_the_same_id_counts_as_the_same_press_for_an_hour(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Within the hour a duplicate, afterwards a new press, which is then remembered in its turn."""
    await pipeline.simple_home()
    press = pipeline.incoming(message("sos", id="a-1", time="yesterday"))
    statuses = []
    for minutes in (0, 59, 2, 30):
        await clock.advance(minutes=minutes)
        (receipt,) = await pipeline.alarm(press)
        statuses.append(receipt.status)
    assert statuses == [Status.ACCEPTED, Status.DUPLICATE, Status.ACCEPTED, Status.DUPLICATE]
    assert (await pipeline.row("SELECT repeats FROM alarm")).repeats == 1


@pytest.mark.parametrize("time", [None, "garbage", "2999-01-01T00:00:00Z", 17])
async def test_a_press_with_a_useless_clock_is_raised_with_the_time_of_its_arrival(
    pipeline: Pipeline, time: object
) -> None:
    """No time, no time at all, far ahead: raised now, not late. (1970 is a usable time: late.)"""
    await pipeline.simple_home()
    receipt = await pipeline.press("smoke", time=time)
    assert receipt.status is Status.ACCEPTED
    alarm = await pipeline.row("SELECT late, happened_at = raised_at AS now FROM alarm")
    assert (alarm.late, alarm.now) == ((True, False) if time == 17 else (False, True))


async def test_a_check_in_without_a_time_is_refused_with_the_reason(pipeline: Pipeline) -> None:
    """Only what calls for help is taken without a time."""
    await pipeline.simple_home()
    receipt = await pipeline.press("check_in", time=None, id="c-1")
    assert (receipt.id, receipt.status, receipt.reason) == ("c-1", Status.REJECTED, "bad_time")
    assert (await pipeline.press("check_in", time="2999-01-01T00:00:00Z")).reason == "future_time"


async def test_an_old_press_is_raised_as_late_with_its_true_time(pipeline: Pipeline) -> None:
    """The line was down for two hours: people must know that it happened two hours ago."""
    await pipeline.simple_home()
    await pipeline.press("sos", time=ago(hours=2))
    alarm = await pipeline.row("SELECT late, raised_at - happened_at AS age, why FROM alarm")
    assert alarm.late
    assert 7190 < alarm.age.total_seconds() < 7300
    assert 7190 < alarm.why["late_s"] < 7300


async def test_hasty_repeats_are_held_not_remembered_and_taken_when_they_come_again(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """One repeat a second pages people; the rest is told to come again, and is taken as new then."""
    await pipeline.simple_home()
    first = await pipeline.press("sos")
    second = await pipeline.press("sos")
    hasty = pipeline.incoming(message("sos", id="hasty"))
    (held,) = await pipeline.alarm(hasty)
    assert (held.id, held.status) == ("hasty", Status.HOLD)
    assert await pipeline.count("inbox", "message_id = 'hasty'") == 0
    await clock.advance(seconds=2)
    (taken,) = await pipeline.alarm(hasty)
    assert (taken.status, taken.alarm) == (Status.ACCEPTED, first.alarm)
    assert second.alarm == first.alarm
    assert (await pipeline.row("SELECT repeats FROM alarm")).repeats == 2


async def test_a_repeat_never_postpones_the_alarm(pipeline: Pipeline, clock: TestClock) -> None:
    """The next step stays where it is, however often the button is pressed."""
    await pipeline.simple_home()
    await pipeline.press("sos")
    before = await pipeline.row("SELECT due_at FROM deadline WHERE kind = 'alarm'")
    for _ in range(3):
        await clock.advance(seconds=20)
        await pipeline.press("sos")
    assert await pipeline.row("SELECT due_at FROM deadline WHERE kind = 'alarm'") == before


async def test_the_same_press_twice_in_one_batch_is_one(pipeline: Pipeline) -> None:
    """A broker that delivers twice in a row; and a hasty one twice in a row is held twice."""
    await pipeline.simple_home()
    press = pipeline.incoming(message("sos", id="a-1"))
    first, second = await pipeline.alarm(press, press)
    assert (first.status, second.status) == (Status.ACCEPTED, Status.DUPLICATE)
    assert first.alarm == second.alarm
    await pipeline.press("sos")
    hasty = pipeline.incoming(message("sos", id="hasty"))
    assert [receipt.status for receipt in await pipeline.alarm(hasty, hasty)] == [Status.HOLD, Status.HOLD]


async def test_pressed_cancelled_and_pressed_again_in_one_batch_leaves_the_second_alarm_open(
    pipeline: Pipeline,
) -> None:
    """Each in its order: the cancel closes only what was before it."""
    await pipeline.simple_home()
    first, cancel, second, other = await pipeline.alarm(
        *(pipeline.incoming(message(kind)) for kind in ("sos", "sos_cancel", "sos", "smoke"))
    )
    assert cancel.alarm == first.alarm != second.alarm
    states = {row.id: row.state for row in await pipeline.rows("SELECT id, state FROM alarm")}
    assert states == {first.alarm: "cancelled", second.alarm: "raised", other.alarm: "raised"}
    assert await pipeline.count("deadline", "kind = 'alarm'") == 2


async def test_a_cancel_of_an_older_alarm_comes_before_the_new_press_of_its_batch(pipeline: Pipeline) -> None:
    """cancel, press: the old alarm is closed, a new one open."""
    await pipeline.simple_home()
    old = await pipeline.press("sos")
    cancel, new = await pipeline.alarm(*(pipeline.incoming(message(kind)) for kind in ("sos_cancel", "sos")))
    assert cancel.alarm == old.alarm != new.alarm
    assert (await pipeline.row("SELECT id FROM alarm WHERE closed_at IS NULL")).id == new.alarm


async def test_a_fall_is_suspected_until_its_cancel_window_is_over(pipeline: Pipeline) -> None:
    """Nobody is paged yet; the wearer's cancel closes it; both are accepted."""
    home = await pipeline.simple_home()
    await pipeline.set_parameters("fall", home, cancel_s=30)
    fall = await pipeline.press("fall", time=None)
    alarm = await pipeline.row("SELECT state, next_step_at - raised_at AS window FROM alarm")
    assert (alarm.state, alarm.window.total_seconds()) == ("suspected", 60 + 30)
    cancel = await pipeline.press("fall_cancel")
    assert (cancel.status, cancel.alarm) == (Status.ACCEPTED, fall.alarm)
    assert (await pipeline.row("SELECT state FROM alarm")).state == "cancelled"


async def test_a_cancel_after_somebody_has_taken_it_is_a_remark(pipeline: Pipeline) -> None:
    """The alarm stays open for people to judge; the receipt is accepted all the same."""
    await pipeline.simple_home()
    receipt = await pipeline.press("sos")
    await pipeline.run(
        "INSERT INTO staff (id, login, name, role, area_code, password_hash)"
        " VALUES ('00000000-0000-0000-0000-00000000000a', 'o', 'o', 'operator', '350102001001', '')"
    )
    async with pipeline.database.transaction() as conn:
        now = await clock_now(conn)
        staff = (await pipeline.row("SELECT id FROM staff")).id
        cases = await book.load(conn, [receipt.alarm])
        lifecycle.acknowledge(cases[receipt.alarm], now, staff, Actor("staff"))
        await book.finish(conn, now, cases.values())
    cancel = await pipeline.press("sos_cancel")
    assert (cancel.status, cancel.alarm) == (Status.ACCEPTED, receipt.alarm)
    assert (await pipeline.row("SELECT state FROM alarm")).state == "acknowledged"
    assert await pipeline.count("alarm_event", "type = 'cancel_remark'") == 1


async def test_what_is_no_call_is_only_kept(pipeline: Pipeline) -> None:
    """`sos` false, an unknown type, a check-in and a cancel of nothing: accepted, stored, no alarm."""
    await pipeline.simple_home()
    for kind, value in (("sos", False), ("singing", True), ("check_in", True), ("sos_cancel", True)):
        receipt = await pipeline.press(kind, value=value)
        assert (receipt.status, receipt.alarm) == (Status.ACCEPTED, None)
    assert await pipeline.count("inbox") == 4
    assert await pipeline.count("alarm") == 0


async def test_three_presses_within_half_a_minute_bring_the_next_people_at_once(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Each press pages holder and desk again; the third one does not wait for the ladder. And then the ladder has its
    time again."""
    await pipeline.people()
    await pipeline.simple_home()
    await pipeline.press("sos")
    await pipeline.fire("alarm", AlarmHandler())
    for _ in range(2):
        await clock.advance(seconds=2)
        await pipeline.press("sos")
    urged = await pipeline.row("SELECT data FROM alarm_event WHERE type = 'urged'")
    assert urged.data == {"presses": 3, "within_s": 30, "brings": 2}
    await pipeline.fire("alarm", AlarmHandler())
    alarm = await pipeline.row("SELECT step, repeats, next_step_at > carebed_now() AS waits, urged_at FROM alarm")
    assert (alarm.step, alarm.repeats, alarm.waits) == (2, 2, True)
    assert alarm.urged_at is not None


async def test_panic_skips_no_step_and_hurries_one_at_a_time(pipeline: Pipeline, clock: TestClock) -> None:
    """Forty presses in as many seconds: each step is taken, one after the other, some seconds apart."""
    await pipeline.people()
    await pipeline.simple_home()
    steps = []
    for _ in range(40):
        await pipeline.press("sos")
        await pipeline.fire("alarm", AlarmHandler())
        steps.append((await pipeline.row("SELECT step FROM alarm")).step)
        await clock.advance(seconds=1.01)
    assert sorted(set(steps)) == list(range(1, steps[-1] + 1)), "none is skipped"
    assert 3 <= steps[-1] <= 5
    urged = [row.at for row in await pipeline.rows("SELECT at FROM alarm_event WHERE type = 'urged' ORDER BY at")]
    assert all(later - earlier >= timedelta(seconds=15) for earlier, later in pairwise(urged))


async def test_a_button_that_is_held_down_calls_louder(pipeline: Pipeline) -> None:
    """An assist button held is an SOS; a doorbell rung twice in a row is no visitor; nonsense is a plain press."""
    await pipeline.simple_home()
    held = await pipeline.press("assist", data={"press": "long"})
    await pipeline.press("doorbell", data={"press": "double"})
    await pipeline.press("doorbell", data={"press": "sideways"})
    kinds = await pipeline.rows("SELECT id, kind, priority, why FROM alarm ORDER BY raised_at, kind")
    assert sorted(row.kind for row in kinds) == ["assist", "doorbell", "sos"]
    (sos,) = (row for row in kinds if row.kind == "sos")
    assert (sos.id, sos.priority) == (held.alarm, 0)
    assert (sos.why["said"], sos.why["press"]) == ("assist", "long")
    assert sos.why["text"]["en"] == "Help was asked for. It was held down."


async def test_a_doorbell_that_is_rung_again_and_again_becomes_a_call_for_assistance(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """The third ring within half a minute; each ring belongs to one alarm, and the doorbell's stays open."""
    await pipeline.simple_home()
    rings = []
    for _ in range(4):
        rings.append((await pipeline.press("doorbell")).alarm)
        await clock.advance(seconds=2)
    bell, assist = rings[0], rings[2]
    assert rings == [bell, bell, assist, assist]
    rows = {row.id: row for row in await pipeline.rows("SELECT id, kind, state, repeats, why FROM alarm")}
    assert [(rows[one].kind, rows[one].state, rows[one].repeats) for one in (bell, assist)] == [
        ("doorbell", "raised", 1), ("assist", "raised", 1),
    ]  # fmt: skip
    assert rows[assist].why["press"] == "repeated"
    await clock.advance(seconds=60)
    assert (await pipeline.press("doorbell")).alarm == bell, "a visitor, an hour later"


async def test_rings_that_come_together_are_held_before_they_become_anything(pipeline: Pipeline) -> None:
    """In one batch, or one a moment after the other: the third comes again, and is judged then."""
    await pipeline.simple_home()
    first, second, third = await pipeline.alarm(*(pipeline.incoming(message("doorbell")) for _ in range(3)))
    assert (first.alarm, third.status) == (second.alarm, Status.HOLD)
    double = await pipeline.press("doorbell", data={"press": "double"})
    assert double.status is Status.ACCEPTED
    assert double.alarm != first.alarm


async def test_a_worn_button_is_its_wearers_and_a_fixed_one_anybodys(pipeline: Pipeline) -> None:
    """Two people at home: who wears a button has alarms of her own; the one on the wall says not who pressed. A cancel
    takes back only what its own sender's person called."""
    home_id, (her, him) = await pipeline.home(residents=2)
    await pipeline.pair(
        "gw-1", home_id, NewDevice("gw-1-hers", "wristband", resident_id=her),
        NewDevice("gw-1-his", "wristband", resident_id=him), NewDevice("gw-1-wall", "button"),
        NewDevice("gw-1-cord", "button"),
    )  # fmt: skip
    hers, his, wall, cord = [
        (await pipeline.press("sos", device=f"gw-1-{device}")).alarm for device in ("hers", "his", "wall", "cord")
    ]
    assert len({hers, his, wall}) == 3
    assert cord == wall
    people = {row.id: row.resident_id for row in await pipeline.rows("SELECT id, resident_id FROM alarm")}
    assert (people[hers], people[his], people[wall]) == (her, him, None)
    await pipeline.press("sos_cancel", device="gw-1-his")
    states = {row.id: row.state for row in await pipeline.rows("SELECT id, state FROM alarm")}
    assert states == {hers: "raised", his: "cancelled", wall: "raised"}


async def test_smoke_seen_by_several_detectors_is_one_alarm_that_names_them(
    pipeline: Pipeline, clock: TestClock
) -> None:
    """Also where one hangs in the room of one of two residents; that one sees it no longer is a remark, told once."""
    home_id, (her, _) = await pipeline.home(residents=2)
    await pipeline.pair(
        "gw-1", home_id, NewDevice("gw-1-kitchen", "smoke"), NewDevice("gw-1-bedroom", "smoke", resident_id=her),
    )  # fmt: skip
    kitchen, bedroom = await pipeline.alarm(
        *(pipeline.incoming(message("smoke"), device=f"gw-1-{room}") for room in ("kitchen", "bedroom"))
    )
    assert kitchen.alarm == bedroom.alarm
    for _ in range(2):
        over = await pipeline.press("smoke", device="gw-1-kitchen", value=False)
        assert (over.status, over.alarm) == (Status.ACCEPTED, kitchen.alarm)
    alarm = await pipeline.row("SELECT state, repeats, devices FROM alarm")
    assert (alarm.state, alarm.repeats) == ("raised", 1)
    assert [(one["id"], one["over_at"] is not None) for one in alarm.devices] == [
        ("gw-1-kitchen", True), ("gw-1-bedroom", False),
    ]  # fmt: skip
    assert await pipeline.count("alarm_event", "type = 'signal_over'") == 1
    await clock.advance(seconds=2)
    await pipeline.press("smoke", device="gw-1-kitchen")
    assert [one["over_at"] for one in (await pipeline.row("SELECT devices FROM alarm")).devices] == [None, None]


async def test_that_all_is_well_with_a_detector_opens_and_remarks_nothing(pipeline: Pipeline) -> None:
    """Detectors repeat their state; one that has not signalled says nothing of another's smoke."""
    await pipeline.simple_home()
    assert (await pipeline.press("gas", value=False)).alarm is None
    await pipeline.press("gas", device="gw-1-motion")
    await pipeline.press("gas", value=False)
    assert await pipeline.count("alarm_event") == 1


async def test_taken_back_and_called_again_through_another_button_in_one_batch(pipeline: Pipeline) -> None:
    """cancel, then an assist button held (an SOS): the cancel closes only what was before it."""
    await pipeline.simple_home()
    old = await pipeline.press("sos")
    cancel, held = await pipeline.alarm(
        pipeline.incoming(message("sos_cancel")), pipeline.incoming(message("assist", data={"press": "long"}))
    )
    assert cancel.alarm == old.alarm != held.alarm
    assert (await pipeline.row("SELECT id, kind FROM alarm WHERE closed_at IS NULL"))[:] == (held.alarm, "sos")
