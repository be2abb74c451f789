"""Somebody presses, once, twice, again, or takes it back: what becomes of it on a real database."""

import pytest
from small_district import Pipeline, ago, message

from alerts import book, lifecycle
from alerts.case import Actor
from carebed.clock import now as clock_now
from gateway.wire import Status
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
    await pipeline.simple_home(fall_cancel_s=30)
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
