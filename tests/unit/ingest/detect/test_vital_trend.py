"""A vital sign drifts over days: told in scales, cuffs and bands."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_home import GRANDMA, GRANDPA, ToldHome, at

from ingest.detect.core import Absence, Clearing, Device, Finding
from ingest.detect.vital_trend import DETECTOR, VitalTrendParameters

BAND, CUFF, SCALE = Device("band", "wristband", resident_id=GRANDMA), Device("cuff", "cuff"), Device("scale", "scale")
#: What a person weighs from one morning to the next.
SWING = (0.0, 0.4, -0.3, 0.2, -0.4, 0.3, 0.0)


class Mornings(ToldHome):
    """A person who steps on the scale every morning."""

    def __init__(self, **more: Any) -> None:
        super().__init__(DETECTOR, BAND, CUFF, SCALE, **more)

    def weigh(self, first: int, *weights: float) -> None:
        for day, weight in enumerate(weights, first):
            self.tell(at(8, 1) + timedelta(days=day), "scale", "weight", round(weight + SWING[day % 7], 1), unit="kg")


def test_weight_that_goes_up_within_days_is_noticed_and_said_once() -> None:
    person = Mornings()
    person.weigh(0, *[70.0] * 21, 70.5, 71, 71.6, 72.3, 72.8, 73.2, 73.5, 73.9, 74.2)
    (finding,) = person.raised(at(9, 30))
    assert (finding.kind, finding.resident_id, finding.device_id) == ("vital_trend", GRANDMA, "scale")
    assert (finding.why["vital"], finding.why["before"]) == ("weight", 70.0)
    assert finding.why["recent"] >= 72
    assert finding.why["text"]["en"].startswith("Weight has gone up by 2.")
    assert "体重近日上升 2." in finding.why["text"]["zh"]
    assert finding.happened_at < finding.evidence[0].at


def test_it_is_over_when_the_level_is_back() -> None:
    person = Mornings()
    person.weigh(0, *[70.0] * 14, *[73.0] * 5, *[70.0] * 6)
    found = [one.what for one in person.found(at(9, 30))]
    assert [type(one) for one in found] == [Finding, Clearing]
    assert "steady again: 70" in found[1].why["text"]["en"]


def test_a_new_level_becomes_the_usual_one_and_is_said_again_after_two_weeks() -> None:
    person, once = Mornings(), Mornings(again_days=60)
    for one in (person, once):
        one.weigh(-20, *[70.0] * 14, *[74.0] * 34)
    assert [type(one.what) for one in person.found(at(9, 30))] == [Finding, Finding, Clearing]
    assert [type(one.what) for one in once.found(at(9, 30))] == [Finding, Clearing]


@pytest.mark.parametrize(
    "weights",
    [
        [70.0] * 20 + [76.0] + [70.0] * 5,  # in boots
        [70.0] * 5 + [74.0] * 6,  # too little is known of before
        [70.0, 74.0, 68.0, 73.0, 66.0, 71.0, 69.0] * 3 + [73.0] * 5,  # a scale on a carpet
        [70.0] * 20 + [71.5] * 8,
    ],
)
def test_what_is_odd_new_restless_or_small_is_no_trend(weights: list[float]) -> None:
    person = Mornings()
    person.weigh(0, *weights)
    assert person.found(at(9, 30)) == []


def test_both_halves_of_the_pressure_and_a_bands_heart_rate() -> None:
    person = Mornings()
    for day in range(26):
        late = day >= 20
        data = {"systolic": 150 + 20 * late + day % 3, "diastolic": 85 + day % 3}
        person.tell(at(8, 1 + day), "cuff", "blood_pressure", data=data, unit="mm[Hg]")
        for hour in range(24):
            person.tell(at(hour, 1 + day), "band", "heart_rate", 62 + 12 * late + hour % 7)
    assert {one.why["vital"] for one in person.raised(at(9, 28))} == {"systolic", "heart_rate"}


def test_what_is_measured_while_somebody_is_known_to_be_away_does_not_count() -> None:
    """In hospital with the band on."""
    person = Mornings(absences=[Absence(at(0, 21), at(0, 26))])
    for day in range(26):
        for hour in range(24):
            person.tell(at(hour, 1 + day), "band", "heart_rate", 62 + 20 * (day >= 20) + hour % 7)
    assert person.found(at(9, 28)) == []


def test_a_week_of_long_walks_is_no_trend_of_the_heart() -> None:
    """The person at rest is what counts."""
    person = Mornings()
    for day in range(26):
        for hour in range(24):
            walks = day >= 20 and 9 <= hour < 17
            person.tell(at(hour, 1 + day), "band", "heart_rate", 62 + 30 * walks + hour % 7)
    assert person.found(at(9, 28)) == []


def test_a_shared_scale_weighs_nobody_in_particular() -> None:
    couple = Mornings(residents=(GRANDMA, GRANDPA))
    couple.weigh(0, *[70.0] * 14, *[80.0] * 10)
    assert couple.found(at(9, 30)) == []


def test_more_days_cannot_be_needed_than_there_are() -> None:
    with pytest.raises(ValueError, match="recent_needed must not be above recent_days and stream_days"):
        VitalTrendParameters(recent_days=3, recent_needed=4)
    with pytest.raises(ValueError, match="before_needed must not be above before_days"):
        VitalTrendParameters(before_days=7, before_needed=8)


weighings = st.lists(
    st.tuples(st.integers(0, 26 * 24), st.sampled_from([60.0, 70.0, 70.5, 74.0, 80.0, 5.0])), max_size=120
)


@given(sent=weighings)
def test_copies_and_late_ones_change_nothing(sent: list[tuple[int, float]]) -> None:
    once, twice = Mornings(), Mornings()
    for hour, weight in sorted(sent):
        once.tell(at(hour, 1), "scale", "weight", weight)
        for _ in range(2):
            twice.tell(at(hour, 1), "scale", "weight", weight)
    seen = [(one.at, one.what.kind, one.what.why) for one in once.found(at(0, 29))]
    assert seen == [(one.at, one.what.kind, one.what.why) for one in twice.found(at(0, 29))]
    for hour, weight in sent:
        once.tell(at(hour, 1), "scale", "weight", weight)
    assert once.found(at(0, 29)) == []


@given(sent=weighings)
def test_it_is_not_said_twice_in_the_same_direction_within_two_weeks(sent: list[tuple[int, float]]) -> None:
    person = Mornings()
    for hour, weight in sorted(sent):
        person.tell(at(hour, 1), "scale", "weight", weight)
    said: dict[bool, Any] = {}
    for one in person.found(at(0, 29)):
        if isinstance(one.what, Clearing):
            said = {}
            continue
        up = one.what.why["recent"] > one.what.why["before"]
        assert up not in said or one.at - said[up] >= timedelta(days=13)
        said = {up: one.at}


def test_state_stays_small_over_months_of_a_band() -> None:
    person = Mornings()
    for step in range(90 * 24 * 2):
        when = at(0, 1) - timedelta(days=75) + timedelta(minutes=30 * step)
        person.tell(when, "band", "heart_rate", 60.5 + step % 37)
        person.tell(when, "band", "spo2", 93 + step % 6)
    person.found(at(24, 28))
    assert len(msgspec.json.encode(person.memory["vital_trend"].state)) < 2_500
