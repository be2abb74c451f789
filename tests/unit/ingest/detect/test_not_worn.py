"""Bands that lie about: by day and by night, on the charger, two of them, and when the clock is put back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_home import GRANDMA, GRANDPA, ToldHome, at

from gateway.message import Value
from ingest.detect.core import Absence, Clearing, Device, Finding
from ingest.detect.not_worn import DETECTOR

BERLIN = ZoneInfo("Europe/Berlin")
BAND = Device("band", "wristband", resident_id=GRANDMA)
HERS = Device("pendant", "pendant", resident_id=GRANDMA)
HIS = Device("band-2", "wristband", resident_id=GRANDPA)


def _home(*devices: Device, **more: Any) -> ToldHome:
    return ToldHome(DETECTOR, *(devices or (BAND,)), residents=(GRANDMA, GRANDPA), **more)


def test_a_band_that_lies_there_by_day_is_raised_after_the_limit_and_clears_when_it_is_put_on() -> None:
    home = _home()
    home.tell(at(8), "band", "worn", True)
    home.tell(at(9), "band", "worn", False)
    home.tell(at(11), "band", "worn", 0.0)
    (found,) = home.found(at(16))
    assert isinstance(found.what, Finding)
    assert (found.at, found.what.happened_at) == (at(13), at(9))
    assert (found.what.kind, found.what.resident_id, found.what.per_device) == ("not_worn", GRANDMA, True)
    assert found.what.why["observed"] == {"hours": 4.0}
    home.tell(at(17), "band", "worn", 1.0)
    (clearing,) = home.cleared(at(18))
    assert (clearing.kind, clearing.device_id) == ("not_worn", "band")


def test_the_night_does_not_count() -> None:
    """Taken off at seven in the evening: one hour of that day, three of the next."""
    home = _home()
    home.tell(at(19), "band", "worn", False)
    (found,) = home.found(at(48))
    assert found.at == at(24 + 11)


def test_by_the_clock_on_the_wall_also_where_it_was_put_back() -> None:
    """Berlin, 25 October: the night is an hour longer, the next day's hours stay what they are."""
    home = _home(zone=BERLIN)
    home.tell(datetime(2026, 10, 24, 19, tzinfo=BERLIN).astimezone(UTC), "band", "worn", False)
    (found,) = home.found(at(0))
    assert found.at.astimezone(BERLIN).strftime("%d.%m. %H:%M") == "25.10. 11:00"


@pytest.mark.parametrize("value", [None, "yes", 3.0])
def test_what_does_not_say_whether_it_is_worn_says_nothing(value: Value) -> None:
    home = _home()
    home.tell(at(9), "band", "worn", value)
    assert home.found(at(40)) == []


def test_a_charger_is_a_reason_for_as_long_as_charging_takes() -> None:
    """On the charger from ten, off it at noon: the whole limit from then on."""
    home = _home()
    home.tell(at(9.9), "band", "worn", False)
    for hours, charging in ((10, True), (11, True), (12, False)):
        home.tell(at(hours), "band", "battery", 20.0 + hours, unit="%", data={"charging": charging})
    (found,) = home.found(at(30))
    assert found.at == at(16)


def test_a_rising_level_is_a_charger_too_and_a_forgotten_one_is_not_worn() -> None:
    home = _home()
    home.tell(at(7.5), "band", "battery", 30.0, unit="%")
    home.tell(at(8), "band", "worn", True)
    home.tell(at(8.1), "band", "battery", 29.0, unit="%")
    home.tell(at(8.5), "band", "worn", False)
    for hours, percent in ((9, 40.0), (10, 70.0), (11, 100.0), (12, 100.0), (13, 100.0)):
        home.tell(at(hours), "band", "battery", percent, unit="%")
    (found,) = home.found(at(30))
    assert found.at == at(9 + 3 + 4), "three hours of charging, then the limit"


def test_a_button_with_a_battery_is_no_band() -> None:
    home = _home(BAND, Device("button", "button"))
    home.tell(at(9), "button", "battery", 30.0, unit="%")
    assert home.found(at(48)) == []


def test_who_has_two_wears_one_of_them_and_two_people_are_two() -> None:
    home = _home(BAND, HERS, HIS)
    home.tell(at(8), "band", "worn", False)
    home.tell(at(8), "pendant", "worn", True)
    home.tell(at(8), "band-2", "worn", False)
    assert [one.device_id for one in home.raised(at(13))] == ["band-2"]
    home.tell(at(14), "pendant", "worn", False)
    assert [(one.device_id, one.happened_at) for one in home.raised(at(19))] == [("pendant", at(14))]
    home.tell(at(19.5), "band", "worn", True)
    assert [one.device_id for one in home.cleared(at(19.5))] == ["pendant"]


def test_who_is_away_wears_nothing_here() -> None:
    home = _home(absences=[Absence(at(10), at(32))])
    home.tell(at(9), "band", "worn", False)
    (found,) = home.found(at(60))
    assert found.at == at(24 + 12), "back at eight in the morning, and then the whole limit"


def test_late_messages_change_nothing() -> None:
    home = _home()
    home.tell(at(10), "band", "worn", True)
    home.found(at(10))
    home.tell(at(9), "band", "worn", False)
    assert home.found(at(48)) == []


@given(
    st.lists(
        st.tuples(st.integers(1, 20_000), st.sampled_from(["worn", "battery"]), st.booleans(), st.floats(0, 100)),
        max_size=50,
    )
)
def test_alarm_and_clearing_take_turns_and_no_alarm_comes_early(told: list[tuple[int, str, bool, float]]) -> None:
    home, when = _home(), at(8)
    for seconds, kind, flag, percent in told:
        when += timedelta(seconds=seconds)
        home.tell(when, "band", kind, flag if kind == "worn" else percent, unit=None if kind == "worn" else "%")
    found = home.found(when + timedelta(days=3))
    kinds = [type(one.what) for one in found]
    assert kinds == [(Finding, Clearing)[number % 2] for number in range(len(kinds))]
    for one in found:
        if isinstance(one.what, Finding):
            assert one.at - one.what.happened_at >= timedelta(hours=4)
