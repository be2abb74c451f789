"""Times that cannot be used: danger is raised all the same, everything else is refused, a last will may have none."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.wire import Bad, Lane, Message, Reason, decode, judge_time

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
DANGERS = ["sos", "assist", "fall", "smoke", "gas", "leak"]


def message(kind: str, time: datetime | None) -> Message:
    return Message(id="1", time=time, type=kind)


def broken_clock(kind: str) -> Message | Bad:
    (item,) = decode(b'{"id": "1", "type": "%s", "time": "1970"}' % kind.encode())
    return item


@pytest.mark.parametrize("kind", DANGERS)
def test_danger_is_raised_without_a_usable_time(kind: str) -> None:
    ahead = message(kind, NOW + timedelta(minutes=10, seconds=1))
    for item in (broken_clock(kind), message(kind, None), ahead):
        assert judge_time(item, Lane.ALARM, NOW) == message(kind, None)


@pytest.mark.parametrize("kind", ["check_in", "sos_cancel", "fall_cancel", "doorbell"])
def test_the_rest_of_the_alarm_lane_is_refused_without_one(kind: str) -> None:
    reasons = []
    for item in (broken_clock(kind), message(kind, None), message(kind, NOW + timedelta(hours=1))):
        judged = judge_time(item, Lane.ALARM, NOW)
        assert isinstance(judged, Bad)
        reasons.append(judged.reason)
    assert reasons == [Reason.BAD_TIME, Reason.BAD_TIME, Reason.FUTURE_TIME]


def test_a_last_will_counts_from_when_it_is_received() -> None:
    assert judge_time(message("offline", None), Lane.HEALTH, NOW) == message("offline", None)


def test_a_reading_needs_its_time() -> None:
    judged = judge_time(message("motion", None), Lane.READING, NOW)
    assert isinstance(judged, Bad)
    assert judged.reason is Reason.BAD_TIME


def test_an_sos_type_on_the_reading_lane_is_no_alarm() -> None:
    judged = judge_time(message("sos", None), Lane.READING, NOW)
    assert isinstance(judged, Bad)


@pytest.mark.parametrize("time", [NOW + timedelta(minutes=10), NOW, NOW - timedelta(days=3)])
def test_a_usable_time_is_left_alone(time: datetime) -> None:
    assert judge_time(message("sos", time), Lane.ALARM, NOW) == message("sos", time)


def test_other_faults_are_not_forgiven() -> None:
    (item,) = decode(b'{"type": "sos", "time": "1970"}')
    assert judge_time(item, Lane.ALARM, NOW) is item
