"""Leaving the safe zone: told in positions, from a walk to the shop to a night outside."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_home import FUZHOU, GRANDMA, GRANDPA, ToldHome, at

from ingest.detect.core import Absence, Clearing, Device, Finding
from ingest.detect.zone import DETECTOR, ZoneParameters

BAND = Device("band", "wristband", resident_id=GRANDMA)
OTHER_BAND = Device("band-2", "wristband", resident_id=GRANDPA)
TELEPHONE = Device("phone", "telephone", resident_id=GRANDMA)
LAT, LON = 26.0753, 119.2965
METRE = 1 / 110_783.0
#: Round the home, and a park that is safe by day.
HOME_ZONE = {"shape": "circle", "name": "home", "lat": LAT, "lon": LON, "radius_m": 300}
PARK = {"shape": "circle", "name": "park", "lat": LAT + 1000 * METRE, "lon": LON, "radius_m": 300, "by_night": False}


class Walk(ToldHome):
    """A home with bands; a position is told by how many metres it is north of the home."""

    def __init__(self, *devices: Device, **more: Any) -> None:
        super().__init__(DETECTOR, *(devices or (BAND,)), **{"zones": [HOME_ZONE, PARK], **more})

    def fix(self, when: datetime, north_m: float, device: str = "band", **data: Any) -> None:
        data = {"lat": LAT + north_m * METRE, "lon": LON, "accuracy_m": 15.0, **data}
        self.tell(when, device, "location", data={key: one for key, one in data.items() if one != "none"})

    def walk(self, begins_at: datetime, *north_m: float, device: str = "band", every_s: float = 120) -> datetime:
        """A position every two minutes; when the last one was."""
        for step, metres in enumerate(north_m):
            self.fix(begins_at + timedelta(seconds=step * every_s), metres, device)
        return begins_at + timedelta(seconds=(len(north_m) - 1) * every_s)


def test_who_leaves_and_stays_away_is_missed_after_the_dwell() -> None:
    """The alarm says where, how old that is and since when, and names the positions that led to it."""
    walk = Walk()
    walk.walk(at(10), 0, -100, -500, -600, -640, -500, -450)
    (finding,) = walk.raised(at(11))
    assert (finding.kind, finding.resident_id, finding.device_id) == ("zone", GRANDMA, "band")
    assert finding.happened_at == at(10) + timedelta(minutes=4)
    assert finding.why["position"]["lat"] == pytest.approx(LAT - 640 * METRE, abs=1 * METRE)
    assert 0 <= finding.why["position"]["age_s"] <= 120
    assert finding.why["observed"]["outside_m"] > 100
    assert "home, park" in finding.why["text"]["en"]
    assert "home、park" in finding.why["text"]["zh"]
    assert [one.message_id for one in finding.evidence] == ["m-2", "m-4"]


def test_a_walk_to_the_park_by_day_and_a_moment_in_between_call_nobody() -> None:
    walk = Walk()
    walk.walk(at(10), 0, 200, 500, 600, 800, 1000, 1000, 900, 650, 500, 200, 0)
    assert walk.found(at(12)) == []


def test_still_in_the_park_when_the_night_begins_is_out_at_night() -> None:
    """No new position is needed for that, as long as the last one is fresh."""
    walk = Walk()
    walk.walk(at(21.5), 900, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000)
    walk.walk(at(22.1), 1000, 1000, 1000)
    (finding,) = walk.raised(at(23))
    assert finding.happened_at == at(22)
    assert finding.why["code"] == "zone_night"
    assert finding.why["expected"]["zones"] == ["home"]


def test_a_position_from_the_afternoon_says_nothing_of_the_night() -> None:
    walk = Walk()
    walk.walk(at(15), 1000, 1000, 1000)
    assert walk.found(at(30)) == []


def test_an_error_circle_that_touches_a_zone_is_not_outside() -> None:
    """Positions of a mobile cell, 800 m wide, 900 m from the door."""
    walk = Walk(zones=[HOME_ZONE])
    for minutes in range(60):
        walk.fix(at(10) + timedelta(minutes=minutes), 900, accuracy_m=800.0)
    assert walk.found(at(12)) == []


@pytest.mark.parametrize(
    "data",
    [
        {"lat": "none"}, {"lon": "none"}, {"lat": None}, {"lat": True}, {"lat": "26.1"}, {"lat": 95.0}, {"lon": 500.0},
        {"accuracy_m": 0.0}, {"accuracy_m": -5.0}, {"accuracy_m": 99_000.0}, {"accuracy_m": "good"},
        {"lat": 0.0, "lon": 0.0}, {"lat": float("inf")},
    ],
)  # fmt: skip
def test_what_is_no_position_moves_nobody(data: dict[str, Any]) -> None:
    walk = Walk()
    for minutes in range(30):
        walk.fix(at(10) + timedelta(minutes=minutes), 5000, **data)
    assert walk.found(at(12)) == []


def test_a_position_without_an_accuracy_is_taken_for_a_usual_one() -> None:
    walk = Walk()
    for minutes in range(10):
        walk.fix(at(10) + timedelta(minutes=minutes), 500, accuracy_m="none")
    assert len(walk.raised(at(11))) == 1


def test_a_leap_that_nobody_can_make_is_not_believed_until_another_agrees() -> None:
    """One reflection 30 km away in a minute; then a bus that really drives there."""
    walk = Walk()
    walk.walk(at(10), 0, 0, 30_000, 0, 0, 0, 30_000, 0, every_s=60)
    assert walk.found(at(11)) == []
    walk.walk(at(12), 30_000, 30_100, 30_000, 30_200, 30_000, 30_000, every_s=120)
    assert len(walk.raised(at(13))) == 1


def test_one_position_outside_and_then_silence_is_raised_after_half_an_hour() -> None:
    walk = Walk()
    walk.walk(at(10), 0, -700)
    assert walk.found(at(10.4)) == []
    (finding,) = walk.raised(at(11))
    assert finding.why["position"]["age_s"] == 1800


def test_back_is_inside_again_and_the_edge_is_neither() -> None:
    """A return needs a good position within the zone; wavering at the edge is one stay outside, one alarm."""
    walk = Walk()
    walk.walk(at(10), 0, 400, 400, 400, 400, 310, 400, 305, 420, 310, 400, 400)
    found = walk.found(at(11))
    assert [type(one.what) for one in found] == [Finding]
    walk.fix(at(11), 250, accuracy_m=900.0)
    assert walk.cleared(at(11.1)) == []
    walk.fix(at(11.2), 250)
    (clearing,) = walk.cleared(at(11.3))
    assert (clearing.kind, clearing.resident_id) == ("zone", GRANDMA)
    walk.walk(at(12), 500, 500, 500, 500, 500)
    assert len(walk.raised(at(13))) == 1, "another stay outside is another alarm"


def test_still_outside_hours_later_is_said_again() -> None:
    """Whoever closed the alarm took it for done."""
    walk = Walk()
    for minutes in range(0, 9 * 60, 5):
        walk.fix(at(8) + timedelta(minutes=minutes), -700)
    assert len(walk.raised(at(17))) == 3


def test_two_people_are_two_and_two_devices_of_one_are_one() -> None:
    walk = Walk(BAND, OTHER_BAND, TELEPHONE, residents=(GRANDMA, GRANDPA))
    walk.walk(at(10), 0, 0, 0, 0, 0, 0, device="band-2")
    walk.walk(at(10), 600, 600, 600, 600, 600, 600, device="band")
    walk.walk(at(10), 620, 610, 600, 600, 600, 600, device="phone")
    assert {one.resident_id for one in walk.raised(at(11))} == {GRANDMA}
    walk.walk(at(11), 0, device="band")
    assert walk.cleared(at(11.2)) == [], "her telephone is still out there"
    walk.walk(at(11.3), 0, device="phone")
    assert len(walk.cleared(at(11.4))) == 1


def test_an_entered_absence_is_no_walk() -> None:
    """In hospital from ten to three; and whoever is still outside afterwards is missed."""
    away = Absence(at(10), at(15))
    walk = Walk(absences=[away])
    for minutes in range(0, 5 * 60, 10):
        walk.fix(at(10) + timedelta(minutes=minutes), 4000)
    assert walk.found(at(14.9)) == []
    walk.walk(at(15.1), 4000, 4000, 4000, 4000)
    assert [one.happened_at for one in walk.raised(at(16))] == [at(15.1)]


def test_late_positions_change_nothing() -> None:
    """Kept by the band while it had no net, and older than what is known."""
    walk = Walk()
    walk.walk(at(10), 0, 0, 0)
    assert walk.found(at(10.5)) == []
    walk.walk(at(9), -700, -700, -700, -700)
    assert walk.found(at(12)) == []


def test_nothing_is_safe_until_somebody_says_so() -> None:
    walk = Walk(zones=[])
    walk.walk(at(10), 0, 90_000, 90_000, 90_000)
    assert walk.found(at(20)) == []


def test_a_band_that_was_taken_away_is_forgotten() -> None:
    walk = Walk(BAND, TELEPHONE)
    walk.walk(at(10), -700, -700)
    walk.found(at(10.05))
    walk.home = msgspec.structs.replace(walk.home, devices={"phone": TELEPHONE})
    assert walk.found(at(20)) == []


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"dwell_s": -1}, "dwell_s"), ({"fixes": 0}, "fixes"), ({"night_from_h": 25}, "night_from_h"),
        ({"zones": [HOME_ZONE, HOME_ZONE]}, "same name"), ({"zones": [{**HOME_ZONE, "radius_m": 1}]}, "radius_m"),
        ({"zone": []}, "unknown field"),
    ],
)  # fmt: skip
def test_parameters_out_of_bounds_are_refused(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(parameters, ZoneParameters)


@given(
    north=st.lists(st.floats(-200, 200), min_size=1, max_size=40),
    accuracy=st.floats(1, 100),
    every_s=st.integers(1, 3600),
)
def test_who_stays_at_home_is_never_missed(north: list[float], accuracy: float, every_s: int) -> None:
    walk = Walk()
    for step, metres in enumerate(north):
        walk.fix(at(0) + timedelta(seconds=step * every_s), metres, accuracy_m=accuracy)
    assert walk.found(at(72)) == []


@given(
    steps=st.lists(st.tuples(st.integers(1, 1800), st.floats(-3000, 3000), st.floats(1, 600)), min_size=1, max_size=40)
)
def test_whatever_the_walk_alarms_and_returns_take_turns(steps: list[tuple[int, float, float]]) -> None:
    """One alarm for one stay outside, within what is said again; never raised before the dwell."""
    walk = Walk(again_s=604_800.0)
    when = at(8)
    for seconds, metres, accuracy in steps:
        when += timedelta(seconds=seconds)
        walk.fix(when, metres, accuracy_m=accuracy)
    found = walk.found(when + timedelta(hours=2))
    kinds = [type(one.what) for one in found]
    assert kinds == [(Finding, Clearing)[number % 2] for number in range(len(kinds))]
    for one in found:
        if isinstance(one.what, Finding):
            assert one.at - one.what.happened_at >= timedelta(seconds=300)
    assert walk.home.zone is FUZHOU
