"""The daily "I'm OK": in time, late, of two people, over changes of the clock."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.detect.check_in import DETECTOR
from ingest.detect.core import Absence, Device
from tests.unit.ingest.detect.told_days import BUTTON, HOUSE, LIVING, Days
from tests.unit.ingest.detect.told_home import FUZHOU, GRANDMA, GRANDPA, ToldHome, at

HERS, HIS = Device("hers", "button", None, GRANDMA), Device("his", "button", None, GRANDPA)


def _home(*devices: Device, **more: Any) -> ToldHome:
    """From six to ten, switched on the evening before."""
    home = ToldHome(DETECTOR, *(devices or (BUTTON, LIVING)), **{"begins_h": 6, "ends_h": 10, **more})
    assert home.found(at(-4, zone=home.home.zone)) == []
    return home


def _ok(home: ToldHome, hour: float, device: str = "button") -> None:
    home.tell(at(hour, zone=home.home.zone), device, "check_in", True)


@pytest.mark.parametrize("zone", [FUZHOU, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")])
def test_months_in_which_the_button_is_pressed_every_morning_raise_nothing(zone: ZoneInfo) -> None:
    home = ToldHome(DETECTOR, *HOUSE, zone=zone)
    first = at(12 - 52 * 24, zone=zone)
    Days(home, first).tell(60)
    assert home.found(first + timedelta(days=60.5)) == []


def test_one_that_does_not_come_is_told_at_the_end_of_the_window_and_remarked_when_it_comes_late() -> None:
    home = _home()
    _ok(home, 8)
    assert home.raised(at(24 + 9.99)) == []
    (found,) = home.raised(at(24 + 10))
    assert (found.kind, found.happened_at, found.resident_id) == ("check_in", at(34), None)
    assert found.why["text"] == {
        "en": 'The daily "I\'m OK" was expected from 11-23 06:00 to 10:00 and did not come. '
        "The last one came at 11-22 08:00.",
        "zh": "每日报平安应在 11-23 06:00 至 10:00 之间完成，未收到。最近一次为 11-22 08:00。",
    }
    _ok(home, 24 + 10.7)
    (remark,) = home.cleared(at(24 + 11))
    assert remark.why["text"]["en"] == 'The "I\'m OK" came late, at 11-23 10:42.'
    _ok(home, 24 + 10.8)
    assert home.cleared(at(24 + 12)) == [], "once"
    assert len(home.raised(at(48 + 12))) == 1, "and it does not count for the next day"


def test_every_day_without_one_is_an_alarm_of_its_own() -> None:
    assert [one.happened_at for one in _home().raised(at(24 * 3))] == [at(10), at(34), at(58)]


@pytest.mark.parametrize(("hour", "missed"), [(5.99, 1), (6, 0), (9.99, 0), (10, 0), (10.01, 1)])
def test_it_has_to_come_in_the_window(hour: float, missed: int) -> None:
    home = _home()
    _ok(home, hour)
    assert len(home.raised(at(10.1))) == missed


def test_a_button_that_was_not_pressed_says_nothing() -> None:
    home = _home()
    home.tell(at(8), "button", "check_in", False)
    assert len(home.raised(at(10))) == 1


def test_a_window_that_was_under_way_when_it_was_switched_on_is_not_judged() -> None:
    home = ToldHome(DETECTOR, BUTTON, begins_h=6, ends_h=10)
    assert home.found(at(9)) == []
    assert [one.happened_at for one in home.raised(at(36))] == [at(34)]


@pytest.mark.parametrize(("counts", "missed"), [(True, 0), (False, 1)])
def test_being_up_and_about_is_as_good_where_the_station_says_so(counts: bool, missed: int) -> None:
    home = _home(activity_counts=counts)
    home.tell(at(8), "pir-living", "motion", True)
    assert len(home.raised(at(10))) == missed


def test_activity_after_the_window_is_remarked_where_it_counts() -> None:
    home = _home(activity_counts=True)
    home.tell(at(11), "pir-living", "motion", True)
    assert [one.what.why["code"] for one in home.found(at(12))] == ["check_in_missed", "check_in_active"]


@pytest.mark.parametrize("absence", [Absence(at(-20), at(7)), Absence(at(9.5), at(40)), Absence(at(0), at(20))])
def test_an_entered_absence_that_touches_the_window_excuses_it(absence: Absence) -> None:
    assert _home(absences=[absence]).raised(at(11)) == []


def test_each_of_two_people_has_to_say_so_himself() -> None:
    home = _home(HERS, HIS, residents=(GRANDMA, GRANDPA), each_resident=True)
    _ok(home, 8, "hers")
    assert [one.resident_id for one in home.raised(at(11))] == [GRANDPA]
    _ok(home, 12, "his")
    assert [one.resident_id for one in home.cleared(at(13))] == [GRANDPA]


def test_one_of_two_people_is_enough_otherwise() -> None:
    home = _home(HERS, HIS, residents=(GRANDMA, GRANDPA))
    _ok(home, 8, "his")
    assert home.raised(at(11)) == []


@pytest.mark.parametrize("day", ["2026-10-25", "2026-03-29"])
def test_the_window_is_by_the_clock_on_the_wall_when_it_changes(day: str) -> None:
    """From two to four, in a night in which two or three o'clock comes twice or not at all."""
    berlin = ZoneInfo("Europe/Berlin")
    days = {"2026-10-25": -28, "2026-03-29": -238}[day]
    home = ToldHome(DETECTOR, BUTTON, zone=berlin, begins_h=1, ends_h=4)
    assert home.found(at(24 * days - 6, zone=berlin)) == []
    (found,) = home.raised(at(24 * days + 12, zone=berlin))
    assert found.happened_at.astimezone(berlin).isoformat()[:16] == f"{day}T04:00"


@pytest.mark.parametrize("wrong", [{"begins_h": 9, "ends_h": 9}, {"ends_h": 25}, {"begins_h": -1}])
def test_parameters_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        _home(**wrong)


@settings(deadline=None, max_examples=50)
@given(presses=st.lists(st.integers(0, 4 * 24 * 60 - 1), max_size=30), again=st.integers(1, 90))
def test_a_day_is_missed_if_and_only_if_nothing_came_in_its_window(presses: list[int], again: int) -> None:
    """Pressed again within moments or not."""
    home = _home()
    for minute in presses:
        _ok(home, minute / 60)
        home.tell(at(minute / 60) + timedelta(milliseconds=again), "button", "check_in", True)
    missed = {round((one.happened_at - at(0)) / timedelta(days=1) - 10 / 24) for one in home.raised(at(4 * 24))}
    assert missed == {day for day in range(4) if not any(360 <= minute - day * 1440 <= 600 for minute in presses)}
    assert len(msgspec.json.encode(home.memory["check_in"].state)) < 2000
