"""Vital signs outside the person's range: told in bands, cuffs and thermometers."""

from datetime import timedelta

import msgspec
import pytest
from told_home import GRANDMA, GRANDPA, at
from told_person import MINUTE, Person

from ingest.detect.vital_limits import VitalSignsParameters


def test_oxygen_that_stays_low_calls_somebody_and_says_what_was_expected() -> None:
    person = Person()
    end = person.stream("spo2", at(3), 96, 95, *[88] * 12)
    (finding,) = person.raised(end)
    assert (finding.kind, finding.resident_id, finding.device_id) == ("vital_signs", GRANDMA, "band")
    assert finding.happened_at == at(3) + 2 * MINUTE
    (figures,) = finding.why["vitals"]
    assert (figures["vital"], figures["value"], figures["low"], figures["values"]) == ("spo2", 88, 92, 11)
    assert finding.why["since"] == finding.happened_at.isoformat()
    assert finding.why["expected"] == {"lowest": 92, "highest": None, "usual": None}
    assert finding.why["observed"] == {"value": 88, "count": 11}
    assert "Oxygen saturation is 88 %: at least 92 expected; since 11-22 03:02, 11 values in a row." in str(finding.why)
    assert "血氧饱和度为 88 %：预期不低于 92；自 11-22 03:02 起，连续 11 次。" in str(finding.why)
    assert [one.message_id for one in finding.evidence] == ["m-2", "m-12"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("spo2", [88] * 8 + [97] + [88] * 8),  # a hand that moved
        ("spo2", [92] * 30),
        ("respiration", [9] * 15 + [24] * 15),
        ("heart_rate", [41] * 15 + [110] * 15),
        ("heart_rate", [0] * 30),  # none was found
        ("temperature", [33.0] * 30),  # skin
    ],
)
def test_what_is_short_or_inside_calls_nobody(kind: str, values: list[float]) -> None:
    person = Person()
    end = person.stream(kind, at(3), *values)
    assert person.found(end) == []


@pytest.mark.parametrize(
    ("kind", "value"), [("respiration", 8), ("respiration", 28), ("heart_rate", 40), ("heart_rate", 111)]
)
def test_each_stream_has_both_ends(kind: str, value: float) -> None:
    person = Person()
    end = person.stream(kind, at(3), *[value] * 12)
    assert [one.why["vitals"][0]["vital"] for one in person.raised(end)] == [kind]


def test_two_values_of_a_night_are_no_stream_but_an_hourly_band_is() -> None:
    person = Person()
    person.stream("heart_rate", at(0), 120, 120, every=timedelta(hours=3))
    assert person.found(at(4)) == []
    person.stream("heart_rate", at(8), 120, 120, every=timedelta(hours=1))
    assert [one.happened_at for one in person.raised(at(9))] == [at(8)]


def test_one_high_pressure_calls_somebody_with_both_halves_in_one_reason() -> None:
    person = Person()
    person.pressure(at(8), 174, 103)
    (finding,) = person.raised(at(8))
    assert [(one["vital"], one["value"], one["high"]) for one in finding.why["vitals"]] == [
        ("systolic", 174, 159), ("diastolic", 103, 99)]  # fmt: skip
    assert finding.why["text"]["en"].startswith("Systolic pressure is 174 mmHg: 80 to 159 expected; since 11-22 08:00.")
    assert "收缩压为 174 mmHg：预期 80 至 159；自 11-22 08:00 起。舒张压为 103 mmHg" in finding.why["text"]["zh"]


def test_where_two_measurements_are_asked_for_the_second_within_a_day_calls() -> None:
    person = Person(measurements=2)
    person.pressure(at(8, 1), 170, 90)
    person.pressure(at(9, 2), 170, 90)
    assert person.found(at(10, 2)) == []
    person.pressure(at(8, 3), 170, 90)
    (finding,) = person.raised(at(9, 3))
    assert (finding.happened_at, len(finding.evidence)) == (at(9, 2), 2)


def test_it_is_over_when_it_is_well_inside_and_not_before() -> None:
    """Hysteresis of 3 mm[Hg], what a cuff may err by."""
    person = Person()
    person.pressure(at(8), 170, 90)
    person.pressure(at(9), 157, 90)
    assert person.cleared(at(9)) == []
    person.pressure(at(10), 151, 90)
    (over,) = person.cleared(at(10))
    assert (over.kind, over.resident_id, over.happened_at) == ("vital_signs", GRANDMA, at(10))
    assert "back at 151 mmHg" in over.why["text"]["en"]


def test_a_stream_is_over_only_when_it_stays_inside() -> None:
    person = Person()
    ill = person.stream("heart_rate", at(3), *[120] * 12)
    assert len(person.raised(ill)) == 1
    person.stream("heart_rate", ill + MINUTE, 80, 80, 120, *[80] * 10)
    assert person.cleared(ill + 13 * MINUTE) == []
    person.tell(ill + 14 * MINUTE, "band", "heart_rate", 80)
    assert [one.happened_at for one in person.cleared(ill + 14 * MINUTE)] == [ill + 14 * MINUTE]


def test_one_person_is_well_only_when_all_her_vital_signs_are() -> None:
    person = Person()
    person.pressure(at(8), 170, 104)
    person.pressure(at(9), 140, 104)
    assert person.cleared(at(9)) == []
    person.pressure(at(10), 140, 80)
    assert len(person.cleared(at(10))) == 1


def test_while_it_stays_outside_it_is_said_again_after_four_hours_or_when_it_gets_worse() -> None:
    person = Person()
    for minute, value in ((0, 170), (30, 171), (60, 190), (90, 216), (120, 217), (330, 170)):
        person.pressure(at(8) + minute * MINUTE, value, 85)
    said = [one.why["vitals"][0]["value"] for one in person.raised(at(14))]
    assert said == [170, 216, 170]


def test_on_the_first_day_only_what_is_far_outside_calls() -> None:
    """By more than the 3 mm[Hg] that a cuff may err by."""
    person = Person(settle_s=86_400)
    person.pressure(at(8, 1), 162, 90)
    person.pressure(at(9, 1), 162, 90)
    assert person.found(at(10, 1)) == []
    person.pressure(at(11, 1), 163, 90)
    assert len(person.raised(at(12, 1))) == 1
    later = Person(settle_s=86_400)
    later.pressure(at(8, 1), 140, 80)
    later.pressure(at(9, 2), 161, 80)
    assert len(later.raised(at(10, 2))) == 1


def test_what_is_far_from_the_persons_own_usual_calls_inside_the_general_range() -> None:
    """97 is a normal upper pressure for many; not for somebody who always has 150."""
    person = Person()
    person.mornings(8, 150, 80)
    person.pressure(at(8, 9), 97, 62)
    (finding,) = person.raised(at(9, 9))
    (figures,) = finding.why["vitals"]
    assert (figures["vital"], figures["usual"], figures["low"], figures["personal"]) == ("systolic", 150, 105, True)
    assert "105 to 159 expected, usual for this person 150" in finding.why["text"]["en"]


def test_nobody_is_called_for_what_is_normal_however_unusual() -> None:
    """A week at 130 a minute, and then the heart is quiet again."""
    person = Person()
    for day in range(1, 9):
        for hour in (2, 8, 14, 20):
            person.tell(at(hour, day), "band", "heart_rate", 130)
    person.found(at(24, 8))
    end = person.stream("heart_rate", at(8, 9), *[75] * 30)
    assert person.raised(end) == []


def test_who_always_has_less_oxygen_has_a_wider_range_but_only_so_far() -> None:
    """Chronic lung disease: 88 to 92 is the aim there."""
    person = Person()
    for day in range(1, 9):
        person.stream("spo2", at(3, day), 90, 89, 91, 90, every=timedelta(minutes=4))
    person.found(at(4, 8))
    end = person.stream("spo2", at(3, 9), *[89] * 12)
    assert person.raised(end) == []
    worse = Person()
    for day in range(1, 9):
        worse.stream("spo2", at(3, day), 85, 84, 86, 85, every=timedelta(minutes=4))
    assert [one.why["vitals"][0]["low"] for one in worse.raised(at(4, 8))] == [92] * 5 + [88] * 3


def test_two_people_with_bands_are_two_and_a_shared_cuff_is_nobodys() -> None:
    couple = Person(residents=(GRANDMA, GRANDPA))
    couple.stream("spo2", at(3), *[88] * 12)
    couple.stream("spo2", at(3), *[97] * 12, device="band-2")
    for day in range(1, 9):
        couple.pressure(at(8, day), 150, 80)
    couple.pressure(at(8, 9), 97, 62)
    couple.pressure(at(9, 9), 170, 80)
    assert {(one.resident_id, one.why["vitals"][0]["vital"]) for one in couple.raised(at(24))} == {
        (GRANDMA, "spo2"), (None, "systolic")}  # fmt: skip


def test_temperature_is_that_of_a_body() -> None:
    person = Person()
    person.tell(at(7), "room", "temperature", 39.5, unit="Cel")
    person.tell(at(8), "band", "temperature", 39.5, unit="Cel")
    assert person.found(at(8)) == []
    person.tell(at(9), "ear", "temperature", 102.2, unit="[degF]")
    (finding,) = person.raised(at(9))
    assert finding.why["vitals"][0]["value"] == pytest.approx(39.0)


def test_units_are_converted_and_one_that_does_not_fit_is_the_sensors_fault() -> None:
    person = Person(implausible=1, implausible_spot=1)
    person.pressure(at(8), 18.7, 10.7, unit="kPa")  # 140/80
    person.stream("heart_rate", at(8), *[1.2] * 12)
    assert [one.kind for one in person.raised(at(9))] == ["sensor"]
    person.tell(at(10), "ear", "temperature", 98.6)
    (finding,) = person.raised(at(10))
    assert (finding.why["reason"], finding.device_id, finding.per_device) == ("out_of_bounds", "ear", True)
    person.tell(at(11), "ear", "temperature", 37, unit="kPa")
    assert person.cleared(at(11)) == []


@pytest.mark.parametrize(("upper", "lower"), [(80, 120), (110, 110), (400, 80)])
def test_pressures_that_cannot_be_are_the_cuffs_fault_until_one_can_be(upper: float, lower: float) -> None:
    person = Person(implausible_spot=3)
    for hour in (8, 9):
        person.pressure(at(hour), upper, lower)
    assert person.found(at(9)) == []
    person.pressure(at(10), upper, lower)
    (finding,) = person.raised(at(10))
    assert (finding.kind, finding.happened_at, finding.why["count"]) == ("sensor", at(8), 3)
    assert "3 such values in a row" in finding.why["text"]["en"]
    assert "已连续 3 次" in finding.why["text"]["zh"]
    person.pressure(at(11), upper, lower)
    assert person.found(at(11)) == []
    person.pressure(at(12), 130, 80)
    (over,) = person.cleared(at(12))
    assert (over.kind, over.device_id, over.per_device) == ("sensor", "cuff", True)


def test_what_cannot_be_true_never_reaches_the_baseline() -> None:
    person = Person()
    person.mornings(6, 150, 80)
    for day in range(7, 20):
        person.pressure(at(8, day), 60, 300)
    person.pressure(at(8, 20), 97, 62)
    assert [one.kind for one in person.raised(at(9, 20))] == ["sensor", "vital_signs"]


def test_words_flags_and_gaps_are_no_measurements() -> None:
    person = Person()
    for value in ("high", True, None):
        person.tell(at(8), "band", "heart_rate", value)
    person.tell(at(9), "cuff", "blood_pressure", data={"systolic": "?", "pulse": 70})
    assert person.found(at(9)) == []


def test_a_late_value_changes_nothing() -> None:
    """An hour of low oxygen that comes after the news that all is well."""
    person = Person()
    person.stream("spo2", at(5), *[97] * 12)
    person.found(at(6))
    end = person.stream("spo2", at(4), *[85] * 40)
    assert person.found(end + timedelta(hours=2)) == []


def test_limits_that_cross_are_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="heart_rate_low must be below heart_rate_high"):
        VitalSignsParameters(heart_rate_low=90, heart_rate_high=80)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"spo2_low": 20}, VitalSignsParameters)
