"""Clocks that are wrong, and messages that are only late."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from told_home import ToldHome, at

from ingest.detect.clock import DETECTOR
from ingest.detect.core import Clearing, Device, Finding

DOOR, BAND = Device("door", "door"), Device("band", "wristband")


class Heard(ToldHome):
    """A home whose messages come in at a time of ours, written at one of the device's."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(DETECTOR, DOOR, BAND, zone=ZoneInfo("Europe/Berlin"), **parameters)

    def hear(self, hour: float, ahead_s: float, device: str = "door", late_s: float = 0.0) -> None:
        received_at = at(hour)
        written = received_at + timedelta(seconds=ahead_s - late_s)
        self.tell(min(written, received_at), device, "door", True, received_at=received_at, device_time=written)


def test_a_clock_that_is_wrong_for_hours_is_raised_and_set_right_it_clears() -> None:
    home = Heard()
    for hour in range(6):
        home.hear(hour, -300, late_s=5)
    (finding,) = home.raised(at(6))
    assert (finding.kind, finding.device_id, finding.per_device) == ("clock", "door", True)
    assert finding.happened_at == at(0)
    assert finding.why["observed"]["ahead_s"] == -305.0
    assert "slow" in finding.why["text"]["en"]
    assert not finding.why["observed"]["time_zone"]
    for hour in range(6, 12):
        home.hear(hour, 1)
    assert len(home.cleared(at(12))) == 1


def test_a_clock_that_is_fast_is_found_too() -> None:
    home = Heard()
    for hour in range(8):
        home.hear(hour, 240)
    (finding,) = home.raised(at(8))
    assert "fast" in finding.why["text"]["en"]
    assert "快 4.0 分钟" in finding.why["text"]["zh"]


def test_a_clock_that_is_a_working_day_slow_is_told_of_now_and_not_in_its_own_past() -> None:
    """Written in UTC, and called the time of Fuzhou: what was found eight hours ago would be nobody's business."""
    home = Heard()
    for hour in range(8):
        home.hear(hour, -8 * 3600)
    (found,) = home.found(at(8))
    assert found.at == at(4)


def test_summer_time_that_a_device_has_slept_through_is_named() -> None:
    home = Heard()
    for hour in range(8):
        home.hear(hour, -3600, late_s=3)
    assert home.raised(at(8))[0].why["observed"]["time_zone"]


def test_a_change_of_the_homes_own_clock_is_none_of_the_devices() -> None:
    """Berlin puts its clock back on 25 October 2026; times on the wire have a zone."""
    home = Heard()
    for hour in range(-30 * 24, -26 * 24):
        home.hear(hour, 2)
    assert home.found(at(0)) == []


def test_a_backlog_that_is_played_back_is_late_and_no_clock() -> None:
    """Three days without a line, then a hundred at once, then the rest at a hundred times the pace."""
    home = Heard()
    for back in range(100):
        home.hear(0, -1, late_s=back * 600)
    for step in range(60):
        home.hear(0.01 + step / 20, -1, late_s=(60 - step) * 3600)
    for hour in range(4, 8):
        home.hear(hour, -1)
    assert home.found(at(12)) == []


def test_a_gateway_that_sends_what_it_gathered_every_hour_is_judged_by_the_newest() -> None:
    home = Heard()
    for hour in range(24):
        for minutes in range(0, 60, 10):
            home.hear(hour, -2, late_s=60 * minutes)
    assert home.found(at(24)) == []


def test_who_writes_no_time_has_no_clock_to_judge() -> None:
    home = Heard()
    for hour in range(24):
        home.tell(at(hour), "door", "door", True, received_at=at(hour), device_time=at(hour))
        home.tell(at(hour), "band", "heartbeat", received_at=at(hour))
    assert home.found(at(24)) == []


def test_two_devices_are_judged_apart() -> None:
    home = Heard()
    for hour in range(8):
        home.hear(hour, -300)
        home.hear(hour, -1, device="band")
    assert [one.device_id for one in home.raised(at(8))] == ["door"]


@given(delays=st.lists(st.floats(0, 80), min_size=1, max_size=60), every_s=st.integers(1, 7200))
def test_a_clock_within_the_bound_is_never_raised(delays: list[float], every_s: int) -> None:
    home = Heard()
    for step, late in enumerate(delays):
        home.hear(step * every_s / 3600, 5, late_s=late)
    assert home.found(at(24 * 30)) == []


@given(told=st.lists(st.tuples(st.integers(60, 20_000), st.floats(-4000, 500)), max_size=60))
def test_alarm_and_clearing_take_turns(told: list[tuple[int, float]]) -> None:
    home, hour = Heard(), 0.0
    for seconds, ahead in told:
        hour += seconds / 3600
        home.hear(hour, ahead)
    kinds = [type(one.what) for one in home.found(at(hour + 24))]
    assert kinds == [(Finding, Clearing)[number % 2] for number in range(len(kinds))]
