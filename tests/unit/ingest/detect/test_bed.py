"""The bed, as a night warden tells it: who is not back, not up, in it too long, out of it alone; and who sleeps."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.detect.bed import DETECTOR
from ingest.detect.core import Absence, Device, Finding
from tests.unit.ingest.detect.told_days import BATH, BED, BEDROOM, DOOR, HOUSE, LIVING, Days
from tests.unit.ingest.detect.told_home import FUZHOU, GRANDMA, GRANDPA, ToldHome, at

ROOMS = (BED, BEDROOM, LIVING, BATH, DOOR)


def _home(*devices: Device, **more: Any) -> ToldHome:
    return ToldHome(DETECTOR, *(devices or ROOMS), **more)


def _codes(found: list[Finding]) -> list[str]:
    return [str(one.why["code"]) for one in found]


def _awake(home: ToldHome, hour: float = 20.0) -> None:
    """An evening in the living room, so that it is known that somebody can be seen there."""
    home.tell(at(hour), "pir-living", "motion", True)


def _in_bed(home: ToldHome, hour: float = 21.5) -> None:
    _awake(home, hour - 1)
    home.tell(at(hour), "bed", "bed", True)


# --- nothing is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [FUZHOU, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_months_of_ordinary_nights_raise_nothing(zone: ZoneInfo, seed: int) -> None:
    """October and November: the clock changes in Berlin and on Lord Howe Island."""
    home = _home(*HOUSE, zone=zone)
    first = at(12 - 52 * 24, zone=zone)
    Days(home, first, seed).tell(60)
    assert home.found(first + timedelta(days=60.5)) == []
    (bed,) = home.memory["bed"].state.beds.values()
    assert len(bed.ups) == 28, "four weeks of getting up are remembered"
    assert all(6 * 60 <= minute <= 7 * 60 for minute in bed.ups), "by the clock on the wall"


def test_an_hour_awake_in_the_living_room_at_night_is_no_alarm() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(25), "bed", "bed", False)
    for minute in range(1, 75, 12):
        home.tell(at(25 + minute / 60), "pir-living", "motion", True)
    home.tell(at(26.5), "bed", "bed", True)
    home.tell(at(30.5), "bed", "bed", False)
    home.tell(at(30.6), "pir-bath", "motion", True)
    assert home.found(at(34)) == []


def test_who_sits_still_after_an_hour_awake_has_twice_the_time() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(24.5), "bed", "bed", False)
    for minute in range(1, 45, 8):
        home.tell(at(24.5 + minute / 60), "pir-living", "motion", True)
    home.tell(at(26), "bed", "bed", True)
    assert home.found(at(29)) == []


def test_getting_up_early_is_no_alarm_for_who_always_does() -> None:
    """Up at a quarter past four, every day, and then in the armchair until the radio begins at half past five."""
    home = _home()
    for day in range(1, 12):
        home.tell(at(20.5, day), "bed", "bed", True)
        home.tell(at(28.25, day), "bed", "bed", False)
        home.tell(at(28.3, day), "pir-bath", "motion", True)
        home.tell(at(29.5 if day > 8 else 28.6, day), "pir-living", "motion", True)
        for hour in range(29, 44):
            home.tell(at(hour, day), "pir-living", "motion", True)
    assert home.found(at(44, 11)) == []


def test_a_nap_is_no_late_morning() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(30), "bed", "bed", False)
    home.tell(at(30.1), "pir-bath", "motion", True)
    home.tell(at(33), "pir-living", "motion", True)
    home.tell(at(33.2), "bed", "bed", True)
    home.tell(at(36), "bed", "bed", False)
    home.tell(at(36.1), "pir-bath", "motion", True)
    assert home.found(at(40)) == []


def test_who_went_out_by_the_door_at_night_is_not_looked_for_in_bed() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(25), "bed", "bed", False)
    home.tell(at(25.1), "pir-living", "motion", True)
    home.tell(at(25.2), "door", "door", True)
    home.tell(at(25.21), "door", "door", False)
    home.tell(at(25.215), "pir-living", "motion", True)
    assert home.found(at(44)) == []


def test_nothing_is_raised_during_an_entered_absence_or_about_it_later() -> None:
    """Taken to hospital at night; the bag on the bed is still there a week later."""
    home = _home(absences=[Absence(at(23), at(34, 28))])
    _in_bed(home)
    assert home.found(at(40, 28)) == []


# --- something is wrong ---------------------------------------------------------------------------------------------


def test_who_falls_on_the_way_back_is_noticed_half_an_hour_after_the_last_movement() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(26), "bed", "bed", False)
    home.tell(at(26 + 1 / 60), "pir-bedroom", "motion", True)
    home.tell(at(26 + 4 / 60), "pir-bath", "motion", True)
    assert home.raised(at(26 + 33 / 60)) == []
    (found,) = home.raised(at(26 + 34 / 60))
    assert found.why["code"] == "bed_still"
    assert found.why["text"]["en"] == (
        "Out of bed at night since 11-23 02:00, not back in bed, and no movement since 11-23 02:04. "
        "Expected within 30 min."
    )
    assert found.why["text"]["zh"] == "夜间自 11-23 02:00 离床，未回床，且自 11-23 02:04 起无活动。预期 30 分钟内恢复。"
    assert found.happened_at == at(26 + 4 / 60)
    assert [(one.device_id, one.value) for one in found.evidence] == [("bed", True), ("bed", False), ("pir-bath", True)]
    assert home.raised(at(40)) == [], "once, however long it lasts"


def test_it_is_remarked_when_who_was_down_moves_again_and_when_he_is_back_in_bed() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(26), "bed", "bed", False)
    home.tell(at(26.9), "pir-bath", "motion", True)
    home.tell(at(27), "bed", "bed", True)
    found = home.found(at(28))
    assert [one.what.why["code"] for one in found] == ["bed_still", "bed_moves", "bed_back"]
    assert [isinstance(one.what, Finding) for one in found] == [True, False, False]


def test_who_wanders_about_all_night_is_told_after_two_hours() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(24.5), "bed", "bed", False)
    for minute in range(0, 300, 9):
        home.tell(at(24.6 + minute / 60), "pir-living", "motion", True)
    found = home.raised(at(29.7))
    assert _codes(found) == ["bed_not_back"]
    assert found[0].why["expected_min"] == 120
    assert found[0].happened_at == at(24.5)


def test_a_home_with_nothing_but_a_mat_is_told_after_an_hour() -> None:
    home = _home(BED)
    home.tell(at(21.5), "bed", "bed", True)
    home.tell(at(26), "bed", "bed", False)
    assert home.raised(at(26.99)) == []
    (found,) = home.raised(at(27))
    assert found.why["code"] == "bed_still"
    assert "no movement" not in found.why["text"]["en"], "nobody could have seen it"


def test_motion_sensors_that_died_days_ago_are_as_none() -> None:
    home = _home()
    home.tell(at(12, 19), "pir-living", "motion", True)
    home.tell(at(21.5), "bed", "bed", True)
    home.tell(at(26), "bed", "bed", False)
    (found,) = home.raised(at(30))
    assert found.happened_at == at(26)


def test_who_does_not_get_up_is_noticed_an_hour_after_the_usual_time() -> None:
    home = _home(*HOUSE)
    Days(home, at(12, day=8), seed=4).tell(14, until=at(4, day=22))
    assert home.raised(at(7.5, day=22)) == [], "sleeping in"
    found = home.raised(at(12, day=22))
    assert _codes(found) == ["bed_not_up"]
    latest = max(home.memory["bed"].state.beds[""].ups)
    assert 6 * 60 + 30 <= latest < 7 * 60
    assert found[0].happened_at == at(latest / 60 + 1, day=22)
    assert f"Usually up by 06:{latest % 60:02}; 60 min more were allowed" in found[0].why["text"]["en"]
    assert found[0].why["known_mornings"] == 13


def test_until_seven_mornings_are_known_the_fixed_hour_counts() -> None:
    home = _home()
    _in_bed(home)
    assert home.raised(at(33.99)) == []
    found = home.raised(at(34))
    assert _codes(found) == ["bed_not_up"]
    assert found[0].why["text"]["zh"] == "仍未起床。预期 10:00 前起床（作息尚未掌握）。自 11-22 21:30 卧床。"


def test_a_late_riser_is_not_called_every_morning_while_he_is_unknown() -> None:
    home = _home()
    for day in range(1, 9):
        home.tell(at(25, day), "bed", "bed", True)
        home.tell(at(35.5, day), "bed", "bed", False)
        home.tell(at(35.6, day), "pir-bath", "motion", True)
    assert [one.happened_at for one in home.raised(at(40, 8))] == [at(34, 1)]


def test_who_lay_down_at_five_is_not_late_at_ten() -> None:
    home = _home()
    home.tell(at(28.9), "pir-living", "motion", True)
    home.tell(at(29), "bed", "bed", True)
    assert home.raised(at(35.9)) == []
    assert _codes(home.raised(at(36))) == ["bed_not_up"]


def test_movement_in_the_kitchen_speaks_against_a_stuck_mat_and_movement_in_the_bedroom_does_not() -> None:
    for pir, expected in (("pir-living", []), ("pir-bedroom", ["bed_not_up"])):
        home = _home()
        _in_bed(home)
        for minute in range(0, 300, 20):
            home.tell(at(30.5 + minute / 60), pir, "motion", True)
        assert _codes(home.raised(at(35.4))) == expected


def test_a_stuck_mat_and_nobody_at_home_is_no_late_morning() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(30.5), "pir-living", "motion", True)
    home.tell(at(31), "door", "door", True)
    home.tell(at(31.01), "door", "door", False)
    assert home.raised(at(44)) == []


def test_who_lies_in_bed_all_day_is_told_even_where_getting_up_is_not_watched() -> None:
    home = _home(not_up=False)
    _in_bed(home, 21.0)
    assert home.raised(at(34.99)) == []
    found = home.raised(at(60))
    assert _codes(found) == ["bed_too_long"]
    assert found[0].why["text"]["en"] == "In bed without a break since 11-22 21:00. Expected at most 14 h."
    home.tell(at(61), "bed", "bed", False)
    assert [one.why["code"] for one in home.cleared(at(62))] == ["bed_up"]


def test_a_visit_to_the_toilet_is_a_break() -> None:
    home = _home(not_up=False)
    _in_bed(home, 21.0)
    home.tell(at(30), "bed", "bed", False)
    home.tell(at(30.1), "bed", "bed", True)
    assert home.raised(at(44)) == []
    assert _codes(home.raised(at(44.2))) == ["bed_too_long"]


def test_who_must_not_walk_alone_is_told_at_once_but_not_for_turning_over() -> None:
    home = _home(alone="night")
    _in_bed(home)
    home.tell(at(26), "bed", "bed", False)
    home.tell(at(26) + timedelta(seconds=6), "bed", "bed", True)
    assert home.raised(at(26.5)) == []
    home.tell(at(27), "bed", "bed", False)
    (found,) = home.raised(at(27) + timedelta(seconds=10))
    assert found.why["code"] == "bed_alone"
    assert found.happened_at == at(27)


@pytest.mark.parametrize(("alone", "codes"), [("off", []), ("night", []), ("always", ["bed_alone"])])
def test_whether_that_holds_by_day_is_for_the_station_to_say(alone: str, codes: list[str]) -> None:
    home = _home(alone=alone)
    home.tell(at(13), "bed", "bed", True)
    home.tell(at(14), "bed", "bed", False)
    home.tell(at(14.02), "pir-living", "motion", True)
    assert _codes(home.raised(at(18))) == codes


@pytest.mark.parametrize("rule", ["not_back", "not_up", "too_long"])
def test_every_rule_can_be_switched_off(rule: str) -> None:
    told = {"not_back": "bed_still", "not_up": "bed_not_up", "too_long": "bed_too_long"}
    home = _home(**{one: one != rule for one in told})
    _in_bed(home)
    home.tell(at(40), "bed", "bed", False)
    home.tell(at(43), "bed", "bed", True)
    home.tell(at(48), "bed", "bed", False)
    assert set(_codes(home.raised(at(55)))) == set(told.values()) - {told[rule]}


# --- two beds, two people -------------------------------------------------------------------------------------------


def test_two_mats_of_one_person_are_one_bed() -> None:
    home = _home(Device("left", "bed"), Device("right", "bed"), LIVING)
    _awake(home)
    home.tell(at(21.5), "left", "bed", True)
    home.tell(at(25), "right", "bed", True)
    home.tell(at(25.01), "left", "bed", False)
    assert home.raised(at(27)) == [], "he has rolled over to the other side"
    home.tell(at(27.5), "right", "bed", False)
    assert _codes(home.raised(at(29))) == ["bed_still"]


def test_of_two_people_the_one_who_is_out_of_bed_is_named() -> None:
    hers, his = Device("hers", "bed", None, GRANDMA), Device("his", "bed", None, GRANDPA)
    home = _home(hers, his, LIVING, residents=(GRANDMA, GRANDPA))
    _awake(home)
    home.tell(at(21.5), "hers", "bed", True)
    home.tell(at(22.5), "his", "bed", True)
    home.tell(at(26), "his", "bed", False)
    (found,) = home.raised(at(27))
    assert (found.resident_id, found.device_id, found.per_device) == (GRANDPA, "his", False)
    home.tell(at(30), "hers", "bed", False)
    home.tell(at(30.1), "pir-living", "motion", True)
    assert home.raised(at(44)) == []


def test_mats_that_are_nobodys_in_a_home_of_two_go_by_the_device() -> None:
    home = _home(Device("left", "bed"), Device("right", "bed"), LIVING, residents=(GRANDMA, GRANDPA))
    _awake(home)
    for mat in ("left", "right"):
        home.tell(at(21.5), mat, "bed", True)
    home.tell(at(26), "left", "bed", False)
    (found,) = home.raised(at(27))
    assert (found.resident_id, found.device_id, found.per_device) == (None, "left", True)


def test_a_mat_that_was_taken_away_is_forgotten() -> None:
    home = _home()
    _in_bed(home)
    assert home.found(at(22)) == []
    home.home = msgspec.structs.replace(home.home, devices={LIVING.id: LIVING})
    assert home.raised(at(60)) == []


# --- bad input ------------------------------------------------------------------------------------------------------


def _chattering_night(home: ToldHome, seed: int = 1) -> None:
    """Thousands of one-second intervals, and half an hour now and then in which the mat has lost the person."""
    chance = random.Random(seed)
    hour = 22.0
    while hour < 30.5:
        home.tell(at(hour), "bed", "bed", True)
        home.tell(at(hour + 1 / 3600), "bed", "bed", False)
        hour += 45 / 60 if chance.random() < 0.004 else chance.uniform(2, 20) / 3600


def test_a_chattering_mat_is_one_night_in_bed() -> None:
    home = _home()
    _awake(home, 21.8)
    _chattering_night(home)
    home.tell(at(30.6), "pir-bath", "motion", True)
    told = len(home.events)
    assert told > 2000
    assert home.found(at(33)) == []
    assert len(home.memory["bed"].state.beds[""].ups) == 1


def test_who_falls_from_a_chattering_bed_is_noticed_when_something_else_saw_him_get_up() -> None:
    home = _home()
    _awake(home, 21.8)
    _chattering_night(home)
    home.events = [one for one in home.events if one.at < at(26)]
    home.tell(at(26.02), "pir-bath", "motion", True)
    assert _codes(home.raised(at(26.6))) == ["bed_still"]


def test_a_mat_that_dies_costs_one_alarm_and_not_one_a_day() -> None:
    for value in (True, False):
        home = _home()
        _in_bed(home)
        home.tell(at(26), "bed", "bed", value)
        assert len(home.raised(at(24, 30))) <= 2
        assert home.raised(at(24 * 60)) == []


def test_older_and_repeated_words_of_a_mat_change_nothing() -> None:
    home = _home()
    _in_bed(home)
    home.tell(at(26), "bed", "bed", True)
    assert home.found(at(26)) == []
    home.tell(at(25), "bed", "bed", False)
    home.tell(at(25.9), "bed", "bed", True)
    home.tell(at(26), "bed", "bed", False)
    assert home.found(at(30)) == [], "the mat itself said later that it was occupied"


def test_what_comes_after_a_line_was_down_is_judged_by_its_own_time() -> None:
    """He was back in bed after five minutes; that came an hour later, before anything was asked."""
    home = _home()
    _in_bed(home)
    home.tell(at(26), "bed", "bed", False)
    home.tell(at(26.1), "bed", "bed", True)
    assert home.found(at(28)) == []


def test_values_that_are_no_yes_or_no_are_left_out() -> None:
    home = _home()
    _in_bed(home)
    for odd in (None, "empty", 0.5, 7):
        home.tell(at(26), "bed", "bed", odd)
    assert home.raised(at(29)) == []


@pytest.mark.parametrize(
    "wrong", [{"still_min": 0}, {"night_begins_h": 9}, {"alone": "sometimes"}, {"too_long_h": 100}, {"sleepy": True}]
)
def test_parameters_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        _home(**wrong)


DEVICES = {one.id: one for one in ROOMS} | {"bed-2": Device("bed-2", "bed")}
happenings = st.lists(
    st.tuples(st.integers(0, 24 * 60), st.sampled_from(sorted(DEVICES)), st.sampled_from([True, False, 1, None, "x"])),
    max_size=60,
    unique_by=lambda one: one[0],
).map(sorted)


@settings(deadline=None, max_examples=60)
@given(told=happenings, people=st.sampled_from([(), (GRANDMA,), (GRANDMA, GRANDPA)]), later=st.integers(1, 59))
def test_sensors_that_repeat_their_state_add_no_alarm_and_the_state_stays_small(
    told: list[tuple[int, str, Any]], people: tuple[UUID, ...], later: int
) -> None:
    """Whatever happens in a day: every mat and door says it again within the minute."""
    homes = [_home(*DEVICES.values(), residents=people, alone="always") for _ in range(2)]
    for minute, device, value in told:
        kind = DEVICES[device].kind
        for number, home in enumerate(homes):
            home.tell(at(minute / 60), device, kind, value)
            if number == 1 and kind in ("bed", "door"):
                home.tell(at(minute / 60) + timedelta(seconds=later), device, kind, value)
    once, repeated = ([(one.at, one.what.why["code"]) for one in home.found(at(5 * 24))] for home in homes)
    assert [code for _, code in repeated] == [code for _, code in once]
    assert len(msgspec.json.encode(homes[1].memory["bed"].state)) < 6000
