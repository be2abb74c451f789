"""Batteries: what a level is, low for how long, empty when, and new ones."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from told_home import ToldHome, at

from gateway.message import Value
from ingest.detect.battery import DETECTOR, Sample, days_left
from ingest.detect.core import Clearing, Device, Finding

BUTTON = Device("button", "button")


def _home(**parameters: Any) -> ToldHome:
    return ToldHome(DETECTOR, BUTTON, Device("band", "wristband"), **parameters)


@pytest.mark.parametrize(
    ("value", "unit", "low"),
    [
        (9.0, "%", True), (90.0, "%", False), (9.0, None, True), (90.0, None, False), (2.4, "V", True),
        (3.0, "V", False), (2400.0, "mV", True), (3000.0, "mV", False), (False, None, True), (True, None, False),
        (0.0, None, True), (1.0, None, False), (1.0, "%", True), ("low", None, True), (" LOW ", None, True),
        ("ok", None, False), ("unknown", None, False), (255.0, "%", False), (-3.0, None, False), (80.0, "V", False),
        (0.0, "V", False), (None, None, False), (5.0, "Cel", False),
    ],
)  # fmt: skip
def test_what_is_low(value: Value, unit: str | None, low: bool) -> None:
    """Numbers by their unit, flags, words; what is no level is not judged."""
    home = _home()
    home.tell(at(8), "button", "battery", value, unit=unit)
    assert len(home.raised(at(20))) == low


def test_low_is_raised_once_when_it_lasts_and_clears_with_a_new_battery() -> None:
    home = _home()
    for day, percent in enumerate((18.0, 15.0, 14.0, 16.0, 13.0)):
        home.tell(at(24 * day), "button", "battery", percent, unit="%")
    (found,) = home.found(at(24 * 5))
    assert isinstance(found.what, Finding)
    assert (found.what.kind, found.what.device_id, found.what.per_device) == ("battery", "button", True)
    assert (found.what.happened_at, found.at) == (at(24), at(30))
    assert found.what.why["observed"] == {"percent": 15.0}
    assert [one.message_id for one in found.what.evidence] == ["m-1"]
    home.tell(at(24 * 5), "button", "battery", 19.0, unit="%")
    assert home.found(at(24 * 5)) == [], "levels waver by a few points"
    home.tell(at(24 * 6), "button", "battery", 100.0, unit="%")
    assert [one.device_id for one in home.cleared(at(24 * 6))] == ["button"]


def test_a_dying_device_that_says_so_only_once_is_raised_too() -> None:
    home = _home()
    home.tell(at(8), "button", "battery", 2.1, unit="V")
    assert len(home.raised(at(48))) == 1


def test_a_zero_after_a_restart_and_a_band_that_is_charged_every_night_are_not_low() -> None:
    home = _home()
    home.tell(at(8), "button", "battery", 0.0, unit="%")
    home.tell(at(9), "button", "battery", 80.0, unit="%")
    for day in range(20):
        for hour, percent in ((8, 100.0), (14, 60.0), (20, 20.0), (22, 10.0), (23, 40.0)):
            home.tell(at(24 * day + hour), "band", "battery", percent, unit="%")
    assert home.found(at(24 * 20)) == []


def test_one_percent_stays_a_percentage_where_the_device_tells_those_without_a_unit() -> None:
    home = _home()
    for hour, value in ((8, 3.0), (9, 2.0), (20, 1.0)):
        home.tell(at(hour), "button", "battery", value)
    assert len(home.found(at(40))) == 1


def test_a_fall_that_ends_within_days_is_raised_before_it_is_low_and_low_is_the_same_alarm() -> None:
    """Six points a day from ninety down: said at 60 %, ten days before the end."""
    home = _home()
    for half_day in range(30):
        home.tell(at(12 * half_day), "button", "battery", 90.0 - 3 * half_day, unit="%")
    fast, low = home.raised(at(12 * 30))
    assert fast.why["code"] == "battery_falling"
    assert 50 < fast.why["observed"]["percent"] < 61
    assert fast.why["observed"]["days_left"] < 10
    assert low.why["code"] == "battery_low"
    assert (low.kind, low.device_id) == (fast.kind, fast.device_id)
    home.tell(at(12 * 31), "button", "battery", 100.0, unit="%")
    assert len(home.cleared(at(12 * 31))) == 1


def test_a_battery_that_lasts_years_is_never_said_to_fall_fast() -> None:
    home = _home()
    for day in range(500):
        home.tell(at(24 * day), "button", "battery", round(100 - day * 0.15), unit="%")
    assert home.found(at(24 * 500)) == []


def test_late_levels_change_nothing() -> None:
    home = _home()
    home.tell(at(10), "button", "battery", 90.0, unit="%")
    home.found(at(10))
    home.tell(at(9), "button", "battery", 5.0, unit="%")
    assert home.found(at(48)) == []


@given(rate=st.floats(3, 30), noise=st.lists(st.floats(-1, 1), min_size=8, max_size=8), odd=st.integers(1, 6))
def test_the_rate_is_found_whatever_one_level_says(rate: float, noise: list[float], odd: int) -> None:
    """Eight levels half a day apart with a point of noise, one of them nonsense."""
    levels = [100 - rate * 0.5 * step + wave for step, wave in enumerate(noise)]
    samples = [Sample(at(12 * step), level) for step, level in enumerate(levels)]
    samples[odd] = Sample(samples[odd].at, 50.0)
    left = days_left(tuple(samples))
    assert left is not None
    assert left == pytest.approx(levels[-1] / rate, rel=0.75, abs=3)


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 100)), max_size=60))
@example([(1, 26.0), (43_200, 17.0), (1, 0.0), (43_199, 16.0), (86_400, 20.0)])  # a rise from between two samples
def test_whatever_the_levels_alarms_are_one_until_cleared(told: list[tuple[int, float]]) -> None:
    """First falling, then low may be said of one alarm; nothing is cleared that was not raised."""
    home, when = _home(), at(0)
    for seconds, percent in told:
        when += timedelta(seconds=seconds)
        home.tell(when, "button", "battery", percent, unit="%")
    said: list[str] = []
    for one in home.found(when + timedelta(days=2)):
        if isinstance(one.what, Clearing):
            assert said
            said = []
        else:
            said.append(one.what.why["code"])
            assert said in (["battery_low"], ["battery_falling"], ["battery_falling", "battery_low"])
