"""The entrance door at night: open, or somebody went out by it and did not come back."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.detect.core import Absence, Clearing, Device, Finding
from ingest.detect.door import DETECTOR
from ingest.parameter_check import check
from tests.unit.ingest.detect.told_days import BED, DOOR, HOUSE, LIVING, Days
from tests.unit.ingest.detect.told_home import FUZHOU, GRANDMA, GRANDPA, ToldHome, at

FRIDGE = Device("fridge", "door", "kitchen")
MINUTE = 1 / 60


def _home(*devices: Device, **more: Any) -> ToldHome:
    return ToldHome(DETECTOR, *(devices or (DOOR, FRIDGE, LIVING, BED)), **more)


def _passes(home: ToldHome, hour: float) -> None:
    home.tell(at(hour), "door", "door", True)
    home.tell(at(hour) + timedelta(seconds=6), "door", "door", False)


# --- nothing is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [FUZHOU, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")])
def test_months_of_ordinary_days_raise_nothing(zone: ZoneInfo) -> None:
    home = _home(*HOUSE, zone=zone, left_home=True)
    first = at(12 - 52 * 24, zone=zone)
    Days(home, first).tell(60)
    assert home.found(first + timedelta(days=60.5)) == []


def test_a_door_that_stands_open_by_day_and_a_fridge_at_night_are_nobodys_business() -> None:
    home = _home()
    home.tell(at(9), "door", "door", True)
    home.tell(at(21), "door", "door", False)
    home.tell(at(23), "fridge", "door", True)
    assert home.found(at(32)) == []


def test_a_parcel_at_night_is_no_alarm() -> None:
    home = _home(left_home=True)
    home.tell(at(22.5), "door", "door", True)
    home.tell(at(22.6), "door", "door", False)
    home.tell(at(22.65), "pir-living", "motion", True)
    assert home.found(at(32)) == []


# --- open -----------------------------------------------------------------------------------------------------------


def test_a_door_that_stays_open_at_night_is_told_after_ten_minutes_and_cleared_when_it_is_closed() -> None:
    home = _home()
    home.tell(at(23), "door", "door", True)
    assert home.raised(at(23 + 9.9 * MINUTE)) == []
    (found,) = home.raised(at(23 + 10 * MINUTE))
    assert (found.kind, found.device_id, found.per_device, found.happened_at) == ("door", "door", True, at(23))
    assert found.why["text"] == {
        "en": "The entrance door has been open since 11-22 23:00. Expected at night: open for at most 10 min.",
        "zh": "入户门自 11-22 23:00 起一直开着。夜间预期最多开启 10 分钟。",
    }
    assert [one.value for one in found.evidence] == [True]
    home.tell(at(24), "door", "door", True)
    assert home.found(at(25)) == [], "the sensor repeats itself"
    home.tell(at(26), "door", "door", False)
    (cleared,) = home.cleared(at(26))
    assert (cleared.kind, cleared.device_id, cleared.per_device) == (found.kind, found.device_id, found.per_device)
    home.tell(at(27), "door", "door", True)
    assert len(home.raised(at(28))) == 1, "and again"


def test_a_door_that_was_open_before_counts_from_the_beginning_of_the_night() -> None:
    home = _home()
    home.tell(at(20), "door", "door", True)
    (found,) = home.found(at(30))
    assert found.at == at(22 + 10 * MINUTE)


def test_one_that_is_opened_just_before_the_morning_waits_for_the_next_night() -> None:
    home = _home()
    home.tell(at(30 - 5 * MINUTE), "door", "door", True)
    assert [one.at for one in home.found(at(47))] == [at(46 + 10 * MINUTE)]


def test_the_only_door_of_a_home_is_the_way_out_and_of_several_without_a_room_none_is() -> None:
    for names, count in ((["a"], 1), (["a", "b"], 0)):
        home = _home(*(Device(name, "door") for name in names))
        home.tell(at(23), "a", "door", True)
        assert len(home.raised(at(24))) == count


def test_an_absence_does_not_excuse_an_open_door() -> None:
    home = _home(absences=[Absence(at(0), at(48))])
    home.tell(at(23), "door", "door", True)
    assert len(home.raised(at(24))) == 1


# --- left -----------------------------------------------------------------------------------------------------------


def test_who_goes_out_at_night_and_is_at_risk_is_told_after_ten_minutes_and_cleared_when_he_is_back() -> None:
    home = _home(left_home=True)
    home.tell(at(25.99), "pir-living", "motion", True)
    _passes(home, 26)
    home.tell(at(26) + timedelta(seconds=20), "pir-living", "motion", True)
    found = home.found(at(26.5))
    assert [(one.what.why["code"], one.at) for one in found] == [
        ("door_left_home", at(26 + 10 * MINUTE) + timedelta(seconds=6))
    ]
    what = found[0].what
    assert isinstance(what, Finding)
    assert what.why["text"]["en"].startswith("The entrance door moved at 11-23 02:00, at night, and nobody")
    _passes(home, 28)
    home.tell(at(28.05), "pir-living", "motion", True)
    (cleared,) = home.found(at(32))
    assert isinstance(cleared.what, Clearing)
    assert (cleared.what.kind, cleared.what.device_id) == (what.kind, what.device_id)


def test_steps_of_a_band_are_no_sign_that_its_wearer_is_at_home() -> None:
    home = _home(DOOR, LIVING, Device("band", "wristband"), left_home=True)
    _passes(home, 26)
    for minute in (3, 6, 9):
        home.tell(at(26 + minute * MINUTE), "band", "steps", 100 * minute)
    assert len(home.raised(at(27))) == 1


@pytest.mark.parametrize(("pets", "count"), [(True, 1), (False, 0)])
def test_a_cat_is_nobody_where_the_station_knows_of_it(pets: bool, count: int) -> None:
    home = _home(left_home=True, pets=pets)
    _passes(home, 26)
    home.tell(at(26.1), "pir-living", "motion", True)
    assert len(home.raised(at(27))) == count


@pytest.mark.parametrize("more", [{}, {"left_home": True, "absences": [Absence(at(20), at(40))]}])
def test_for_others_and_in_an_absence_it_is_not_told(more: dict[str, Any]) -> None:
    home = _home(**more)
    _passes(home, 26)
    assert home.raised(at(40)) == []


def test_going_out_in_the_morning_is_not_told() -> None:
    home = _home(left_home=True)
    _passes(home, 30.1)
    assert home.raised(at(40)) == []


@pytest.mark.parametrize(("residents", "count"), [((GRANDMA,), 0), ((GRANDMA, GRANDPA), 1)])
def test_a_visitor_may_go_while_everybody_lies_in_bed(residents: tuple[Any, ...], count: int) -> None:
    home = _home(left_home=True, residents=residents)
    home.tell(at(21), "bed", "bed", True)
    _passes(home, 23)
    assert len(home.raised(at(24))) == count


# --- bad input ------------------------------------------------------------------------------------------------------


def test_a_sensor_that_dies_open_costs_one_alarm() -> None:
    home = _home()
    home.tell(at(23), "door", "door", True)
    assert len(home.raised(at(24 * 20))) == 1


def test_what_is_older_than_the_doors_last_word_changes_nothing() -> None:
    home = _home()
    home.tell(at(23.1), "door", "door", False)
    assert home.found(at(23.2)) == []
    home.tell(at(23), "door", "door", True)
    assert home.found(at(24)) == []


@pytest.mark.parametrize("wrong", [{"open_min": 0}, {"night_begins_h": 3}, {"back_min": 500}, {"left_home": "yes"}])
def test_parameters_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        _home(**wrong)


happenings = st.lists(
    st.tuples(st.integers(0, 3 * 24 * 60), st.sampled_from(["door", "fridge", "bed"]), st.booleans()),
    max_size=40,
    unique_by=lambda one: one[0],
).map(sorted)


@settings(deadline=None, max_examples=50)
@given(told=happenings)
def test_every_alarm_of_an_open_door_is_cleared_by_its_closing_and_repeats_add_none(
    told: list[tuple[int, str, bool]],
) -> None:
    homes = [_home(), _home()]
    for minute, device, value in told:
        for number, home in enumerate(homes):
            home.tell(at(minute / 60), device, "bed" if device == "bed" else "door", value)
            if number:
                again = at(minute / 60) + timedelta(seconds=30)
                home.tell(again, device, "bed" if device == "bed" else "door", value)
    for home in homes:
        home.tell(at(4 * 24), "door", "door", False)
    once, repeated = ([(one.at, one.what.why["code"]) for one in home.found(at(5 * 24))] for home in homes)
    assert once == repeated
    codes = [code for _, code in once]
    assert codes == ["door_open", "door_closed"] * (len(codes) // 2)
    assert len(msgspec.json.encode(homes[1].memory["door"].state)) < 3000


def test_a_night_that_is_shorter_than_the_span_is_refused() -> None:
    """No door would ever be open for too long in it, however far one looks ahead."""
    wrong = {"night_begins_h": 24, "night_ends_h": 2, "open_min": 121}
    assert [one.detail for one in check(DETECTOR, wrong, ())] == [
        "open_min must fit into the night, from night_begins_h to night_ends_h"
    ]
    home = _home(**{**wrong, "open_min": 120})
    home.tell(at(20), "door", "door", True)
    assert [one.happened_at for one in home.raised(at(26))] == [at(20)]
