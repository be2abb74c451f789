"""Sensors that say the same whatever happens: stuck values, motion without end, and blind ones."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_home import ToldHome, at

from ingest.detect.core import Clearing, Device, Finding
from ingest.detect.stuck import DETECTOR

KITCHEN, BEDROOM = Device("kitchen", "motion", "kitchen"), Device("bedroom", "motion", "bedroom")
BAND = Device("band", "wristband")


def _home(*devices: Device, **parameters: Any) -> ToldHome:
    return ToldHome(DETECTOR, *(devices or (KITCHEN, BEDROOM, BAND)), **parameters)


def _codes(findings: list[Finding]) -> list[tuple[str, str | None]]:
    return [(one.why["code"], one.device_id) for one in findings]


def test_a_pulse_that_never_changes_is_none_and_clears_when_it_does() -> None:
    home = _home()
    for minutes in range(0, 50 * 60, 10):
        home.tell(at(0) + timedelta(minutes=minutes), "band", "heart_rate", 72.0)
        home.tell(at(0) + timedelta(minutes=minutes), "band", "spo2", 96.0 + minutes % 3)
    (finding,) = home.raised(at(50))
    assert (finding.kind, finding.per_device) == ("sensor", True)
    assert finding.why["observed"] == {"type": "heart_rate", "value": 72.0, "messages": 289}
    home.tell(at(51), "band", "heart_rate", 71.0)
    assert [one.device_id for one in home.cleared(at(51))] == ["band"]


def test_no_contact_a_band_that_lies_there_and_a_few_messages_are_not_stuck() -> None:
    home = _home()
    for hour in range(100):
        home.tell(at(hour), "band", "heart_rate", 0.0)
    home.tell(at(100), "band", "worn", False)
    for hour in range(101, 200):
        home.tell(at(hour), "band", "temperature", 22.0)
    for day in range(20):
        home.tell(at(24 * day), "kitchen", "temperature", 21.0)
    assert home.found(at(24 * 20)) == []


def test_motion_day_and_night_without_a_pause_is_not_a_person() -> None:
    """And with a pause it works again; one that says `false` has paused."""
    home = _home(KITCHEN)
    for minutes in range(0, 30 * 60, 3):
        home.tell(at(0) + timedelta(minutes=minutes), "kitchen", "motion", True)
    (found,) = home.found(at(30))
    assert isinstance(found.what, Finding)
    assert (found.what.why["code"], found.at) == ("sensor_never_stops", at(24))
    home.tell(at(34), "kitchen", "motion", True)
    assert len(home.cleared(at(34))) == 1


@pytest.mark.parametrize("kind", ["motion", "presence"])
def test_people_who_pause_and_presence_that_lasts_are_people(kind: str) -> None:
    home = _home(KITCHEN)
    for minutes in range(0, 60 * 60, 5):
        value = kind == "presence" or minutes % 600 != 0
        home.tell(at(0) + timedelta(minutes=minutes), "kitchen", kind, value)
    assert home.found(at(60)) == []


def test_a_sensor_that_sees_nobody_for_a_week_in_which_the_others_do_is_blind() -> None:
    home = _home()
    for day in range(12):
        if day < 2:
            home.tell(at(24 * day + 8), "bedroom", "motion", True)
        home.tell(at(24 * day + 9), "kitchen", "motion", True)
        home.tell(at(24 * day + 20), "kitchen", "motion", True)
    (found,) = home.found(at(24 * 12))
    assert isinstance(found.what, Finding)
    assert _codes([found.what]) == [("sensor_never_fires", "bedroom")]
    assert (found.what.happened_at, found.at) == (at(24 + 8), at(24 * 8 + 9))
    home.tell(at(24 * 12), "bedroom", "motion", True)
    assert [one.device_id for one in home.cleared(at(24 * 12))] == ["bedroom"]


def test_one_that_has_never_said_anything_since_it_was_installed_is_blind_too() -> None:
    home = _home()
    for day in range(9):
        home.tell(at(24 * day + 9), "kitchen", "motion", True)
    assert _codes(home.raised(at(24 * 9))) == [("sensor_never_fires", "bedroom")]


def test_nobody_at_home_and_a_home_with_one_sensor_make_nobody_blind() -> None:
    """Two weeks away: a day of coming and going at either end."""
    home = _home()
    for hour in (8, 9, 24 * 15 + 9, 24 * 15 + 10):
        home.tell(at(hour), "kitchen", "motion", True)
    assert home.found(at(24 * 16)) == []
    alone = _home(KITCHEN)
    for day in range(30):
        alone.tell(at(24 * day + 9), "kitchen", "motion", True)
    assert alone.found(at(24 * 30)) == []


def test_what_is_delivered_late_makes_nobody_stuck() -> None:
    home = _home(KITCHEN)
    home.tell(at(100), "kitchen", "motion", True)
    home.found(at(100))
    for minutes in range(0, 30 * 60, 3):
        home.tell(at(0) + timedelta(minutes=minutes), "kitchen", "motion", True)
    assert home.found(at(101)) == []


@given(st.lists(st.tuples(st.integers(1, 40_000), st.sampled_from(["kitchen", "bedroom"]), st.booleans()), max_size=80))
def test_each_sensors_alarm_and_clearing_take_turns(told: list[tuple[int, str, bool]]) -> None:
    home, when = _home(never_stops_s=7200.0, never_fires_d=2), at(0)
    for seconds, device, value in told:
        when += timedelta(seconds=seconds)
        home.tell(when, device, "motion", value)
    found = home.found(when + timedelta(days=1))
    for device in ("kitchen", "bedroom"):
        kinds = [type(one.what) for one in found if one.what.device_id == device]
        assert kinds == [(Finding, Clearing)[number % 2] for number in range(len(kinds))]
