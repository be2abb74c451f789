"""Water: a home that uses none for half a day; meters that are replaced, silent or slow, and flushes."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.detect.core import Absence, Clearing, Device, Finding
from ingest.detect.water import DETECTOR
from tests.unit.ingest.detect.told_days import DOOR, FLUSH, HOUSE, LIVING, METER, Days
from tests.unit.ingest.detect.told_home import FUZHOU, ToldHome, at


def _home(*devices: Device, **more: Any) -> ToldHome:
    return ToldHome(DETECTOR, *(devices or (METER, FLUSH, LIVING, DOOR)), **more)


def _counts(home: ToldHome, hour: float, litres: float, unit: str | None = "L") -> None:
    home.tell(at(hour), "meter", "water", litres, unit=unit)


# --- nothing is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [FUZHOU, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")])
@pytest.mark.parametrize("seed", [1, 2])
def test_months_of_ordinary_days_raise_nothing(zone: ZoneInfo, seed: int) -> None:
    home = _home(*HOUSE, zone=zone)
    first = at(12 - 52 * 24, zone=zone)
    Days(home, first, seed).tell(60)
    assert home.found(first + timedelta(days=60.5)) == []


def test_a_long_night_is_judged_in_the_morning() -> None:
    home = _home()
    _counts(home, 8, 1000)
    _counts(home, 17, 1060)
    assert home.raised(at(31.9)) == [], "twelve hours were over at five"
    assert [one.happened_at for one in home.raised(at(32))] == [at(17)]


def test_a_day_out_is_no_emergency_and_neither_is_coming_home() -> None:
    home = _home()
    _counts(home, 7, 1000)
    _counts(home, 8, 1060)
    for hour in (8.5, 22.0):
        home.tell(at(hour), "door", "door", True)
        home.tell(at(hour + 0.01), "door", "door", False)
    home.tell(at(22.1), "pir-living", "motion", True)
    home.tell(at(22.2), "flush", "water", True)
    assert home.found(at(31)) == []


@pytest.mark.parametrize(("pets", "count"), [(True, 0), (False, 1)])
def test_a_cat_that_stays_behind_does_not_need_the_tap(pets: bool, count: int) -> None:
    home = _home(pets=pets)
    _counts(home, 7, 1000)
    _counts(home, 8, 1060)
    for hour, value in ((8.5, True), (8.51, False)):
        home.tell(at(hour), "door", "door", value)
    for minute in (0, 3, 5, 8):
        home.tell(at(11 + minute / 60), "pir-living", "motion", True)
    assert len(home.raised(at(25))) == count


def test_an_entered_absence_and_the_span_after_it_are_left_out() -> None:
    home = _home(absences=[Absence(at(12), at(90))])
    _counts(home, 7, 1000)
    _counts(home, 8, 1060)
    assert home.raised(at(101.9)) == []
    assert len(home.raised(at(105))) == 1


# --- something is wrong ---------------------------------------------------------------------------------------------


def test_no_water_for_twelve_hours_is_told_and_clears_when_water_runs_again() -> None:
    home = _home()
    _counts(home, 6, 1000)
    _counts(home, 7, 1040)
    _counts(home, 9, 1045)
    assert home.raised(at(18.9)) == [], "45 L since six, of which 5 L at nine"
    (found,) = home.raised(at(19))
    assert (found.kind, found.happened_at, found.per_device) == ("water", at(9), False)
    assert found.why["text"] == {
        "en": "5 L of water used until 11-22 19:00, the last at 11-22 09:00. Expected at least 10 L in 12 h.",
        "zh": "截至 11-22 19:00 用水 5 升，最近一次用水为 11-22 09:00。预期每 12 小时至少 10 升。",
    }
    assert [one.value for one in found.evidence] == [1045]
    _counts(home, 20, 1046)
    assert home.found(at(20)) == [], "a drop is nobody"
    _counts(home, 20.5, 1060)
    (cleared,) = home.cleared(at(20.6))
    assert cleared.kind == "water"
    assert home.found(at(32)) == []
    assert len(home.raised(at(33))) == 1, "and again"


@pytest.mark.parametrize(("unit", "first", "second"), [("m3", 1.0, 1.05), (None, 1.0, 1.05), ("L", 1000.0, 1050.0)])
def test_meters_count_in_cubic_metres_or_litres(unit: str | None, first: float, second: float) -> None:
    home = _home()
    _counts(home, 7, first, unit)
    _counts(home, 9, second, unit)
    assert [one.at for one in home.found(at(24))] == [at(21)]


def test_a_flush_is_enough_and_a_flush_alone_is_too() -> None:
    home = _home(FLUSH)
    home.tell(at(8), "flush", "water", True)
    home.tell(at(8.01), "flush", "water", False)
    assert [one.at for one in home.found(at(25))] == [at(20)]


# --- bad input ------------------------------------------------------------------------------------------------------


def test_a_new_meter_begins_from_nothing_and_is_no_use_of_water() -> None:
    home = _home()
    _counts(home, 7, 48_000)
    _counts(home, 8, 48_100)
    _counts(home, 12, 3)
    (found,) = home.found(at(25))
    assert found.at == at(20)
    assert isinstance(found.what, Finding)


def test_a_meter_that_speaks_once_a_day_is_judged_when_it_speaks() -> None:
    home = _home(METER)
    for day in range(8):
        _counts(home, 9 + 24 * day, 1000 + 80 * day)
    _counts(home, 9 + 24 * 8, 1000 + 80 * 7 + 0.4)
    found = home.raised(at(9 + 24 * 8.5))
    assert len([one for one in found if one.happened_at > at(24 * 4)]) == 1
    assert found[-1].happened_at == at(9 + 24 * 8)


def test_a_meter_that_speaks_by_the_clock_and_dies_is_no_dry_tap() -> None:
    home = _home(METER)
    for hour in range(30):
        _counts(home, hour, 1000 + (0 if hour % 24 < 7 else 6 * (hour % 24)))
    assert home.raised(at(24 * 6)) == []


def test_meters_that_were_never_heard_say_nothing() -> None:
    assert _home().found(at(24 * 6)) == []


def test_odd_values_are_left_out() -> None:
    home = _home()
    for odd in (None, "dry", ""):
        home.tell(at(8), "meter", "water", odd)
    _counts(home, 9, 1000)
    assert home.found(at(20)) == []


@pytest.mark.parametrize("wrong", [{"span_h": 1}, {"least_l": 0}, {"night_begins_h": 6, "night_ends_h": 5}])
def test_parameters_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        _home(**wrong)


uses = st.lists(st.tuples(st.integers(0, 4 * 24 * 60), st.integers(0, 60)), max_size=60, unique_by=lambda one: one[0])


@settings(deadline=None, max_examples=50)
@given(told=uses.map(sorted))
def test_alarms_and_their_clearing_alternate_none_comes_while_enough_was_used_and_the_state_stays_small(
    told: list[tuple[int, int]],
) -> None:
    home = _home(METER, night_begins_h=0, night_ends_h=4)
    litres, times = 0.0, []
    for minute, used in told:
        litres += used
        times.append((at(minute / 60), used))
        _counts(home, minute / 60, litres)
    found = home.found(at(6 * 24))
    kinds = [isinstance(one.what, Clearing) for one in found]
    assert kinds == [bool(number % 2) for number in range(len(kinds))]
    for one in found[::2]:
        span = one.at - timedelta(hours=12)
        used_l = sum(used for when, used in times[1:] if span < when <= one.at)
        assert used_l < 10
    assert len(msgspec.json.encode(home.memory["water"].state)) < 3000


def test_a_count_that_no_meter_can_have_is_not_kept() -> None:
    home = _home()
    _counts(home, 7, 1000)
    for hour, litres in ((7.5, -1.5e308), (8.0, 1.5e308), (8.5, 1.5e308)):
        _counts(home, hour, litres, None)
    _counts(home, 9, 1060)
    assert [one.happened_at for one in home.raised(at(33))] == [at(9)]
    kept = msgspec.json.encode(home.memory["water"].state)
    assert msgspec.json.decode(kept, type=DETECTOR.state) == home.memory["water"].state
