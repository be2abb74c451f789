"""Inactivity: sleep raises nothing, not getting up does, and whoever is out is waited for."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from told_home import GRANDMA, GRANDPA, ToldHome, at

from ingest.detect.catalogue import detectors, folded_detectors
from ingest.detect.core import Absence, Device, Finding
from ingest.detect.inactivity import DETECTOR, InactivityParameters, due_at, soonest_due_at
from ingest.detect.rhythm import ALL, Rhythm
from ingest.detect.whereabouts import Whereabouts

BED, KITCHEN = Device("bed", "bed", "bedroom"), Device("kitchen", "motion", "kitchen")
DOOR = Device("door", "door", "entrance")

#: Nine hours of sleep at most, up by eight; half an hour of stillness by day.
_LINE = tuple(min(540, 180 + 30 * number) if number < 16 else 30 for number in range(48))
_NIGHT_LATE = tuple(30 * max(0, number - 43) or 30 for number in range(48))
SLEEPER = Rhythm(20, {ALL: tuple(map(max, _LINE, _NIGHT_LATE)), "kitchen": (30,) * 48}, away_min=300)


class Still(ToldHome):
    """A home that has learned."""

    def __init__(self, rhythm: Rhythm | None = SLEEPER, **more: Any) -> None:
        super().__init__(DETECTOR, BED, KITCHEN, DOOR, **more)
        if rhythm is not None:
            stored = msgspec.json.decode(msgspec.json.encode(rhythm))
            self.home = msgspec.structs.replace(self.home, learned={"inactivity": stored})

    def raised_at(self, until: datetime) -> list[float]:
        """Hours after midnight of the 22nd."""
        found = self.found(until)
        assert all(isinstance(one.what, Finding) for one in found)
        return [(one.at - at(0)) / timedelta(hours=1) for one in found]


def test_a_night_in_bed_raises_nothing_and_not_getting_up_does() -> None:
    """To bed at eleven; by eight he has always been up, so then somebody is called, once."""
    home = Still()
    home.tell(at(-1), "bed", "bed", True)
    assert home.raised_at(at(7.9)) == []
    (hour,) = home.raised_at(at(30))
    assert 8 <= hour < 9


def test_by_day_it_is_noticed_in_hours_and_the_reason_says_what_is_usual() -> None:
    home = Still()
    for minute in (0, 5, 10):
        home.tell(at(14) + timedelta(minutes=minute), "kitchen", "motion", True)
    (finding,) = home.raised(at(20))
    assert finding.kind == "inactivity"
    assert finding.happened_at == at(14) + timedelta(minutes=10)
    assert finding.why["usual_hours"] == 0.5
    assert finding.why["limit_hours"] == 2.0  # never less
    assert finding.why["hours"] == pytest.approx(2.0)
    assert "learned over 20 days" in finding.why["text"]["en"]
    assert "20 天" in finding.why["text"]["zh"]
    assert "11-22 14:10" in finding.why["text"]["en"]
    assert [one.message_id for one in finding.evidence] == ["m-0", "m-1", "m-2"]


def test_whoever_sits_down_in_the_kitchen_at_midnight_is_looked_for_before_a_sleeper_is() -> None:
    in_bed, up = Still(buffer=0, buffer_s=0), Still(buffer=0, buffer_s=0)
    in_bed.tell(at(0), "bed", "bed", True)
    up.tell(at(0), "kitchen", "motion", True)
    assert up.raised_at(at(24))[0] < in_bed.raised_at(at(24))[0]


def test_without_a_rhythm_and_at_most_it_is_the_fixed_span() -> None:
    home = Still(rhythm=None, fixed_s=7200)
    home.tell(at(1), "kitchen", "motion", True)
    assert home.raised_at(at(9)) == [3.0]
    home = Still(Rhythm(20, {ALL: (900,) * 48}))
    home.tell(at(1), "kitchen", "motion", True)
    assert home.raised_at(at(20)) == [13.0]


def test_it_is_raised_once_and_again_when_somebody_was_active_in_between() -> None:
    home = Still(rhythm=None)
    home.tell(at(0), "kitchen", "motion", True)
    assert home.raised_at(at(40)) == [12.0]
    home.tell(at(41), "kitchen", "motion", True)
    assert home.raised_at(at(80)) == [53.0]


def test_who_has_gone_out_is_waited_for_a_day_and_then_missed() -> None:
    """Usually away for five hours at most; the motion sensor that fires at the sun brings nobody home."""
    home = Still()
    home.tell(at(9), "door", "door", True)
    home.tell(at(9.01), "door", "door", False)
    home.tell(at(15), "kitchen", "motion", True)
    (finding,) = home.raised(at(60))
    assert finding.happened_at == at(9.01)
    assert finding.why["code"] == "inactivity_away"
    assert finding.why["usual_hours"] == 5
    assert finding.why["hours"] == pytest.approx(24.0)


def test_who_is_often_away_for_long_is_waited_for_as_long_as_the_street_rule_says() -> None:
    home = Still(msgspec.structs.replace(SLEEPER, away_min=2700))
    home.tell(at(9), "door", "door", True)
    assert home.raised_at(at(90)) == [57.0]


def test_of_two_residents_one_may_sleep_while_the_other_is_out() -> None:
    home = Still(msgspec.structs.replace(SLEEPER, away_min=2700), residents=(GRANDMA, GRANDPA))
    home.tell(at(9), "door", "door", True)
    assert home.raised_at(at(90)) == [33.0]


def test_an_entered_absence_is_no_stillness() -> None:
    """In hospital from ten on, back in two days: the span begins then."""
    home = Still(rhythm=None, absences=[Absence(at(10), at(58))])
    home.tell(at(9), "kitchen", "motion", True)
    assert home.raised_at(at(90)) == [70.0]


def test_a_home_in_which_nothing_was_ever_noticed_and_one_without_devices_raise_nothing() -> None:
    home = Still()
    assert home.found(at(90)) == []
    assert ToldHome(DETECTOR).found(at(90)) == []


def test_events_that_come_late_or_twice_postpone_nothing() -> None:
    home = Still(rhythm=None)
    home.tell(at(2), "kitchen", "motion", True)
    home.tell(at(2), "kitchen", "motion", True)
    home.found(at(3))
    home.tell(at(1), "kitchen", "motion", True)
    assert home.raised_at(at(20)) == [14.0]


def test_where_the_clock_is_put_back_the_stillness_is_as_long_as_it_was() -> None:
    """Berlin, 25 October 2026, three o'clock comes twice: the rhythm is by the wall, the limit by the watch."""
    home = Still(Rhythm(20, {ALL: (120,) * 48}), zone=ZoneInfo("Europe/Berlin"))
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
    home.tell(midnight, "kitchen", "motion", True)
    (found,) = home.found(midnight + timedelta(hours=9))
    assert found.at - midnight == timedelta(hours=4)


@pytest.mark.parametrize("wrong", [{"least_s": 60}, {"buffer": -1}, {"fixed_s": 5}, {"away_s": 10}, {"unknown": 1}])
def test_parameters_out_of_bounds_are_an_error(wrong: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, InactivityParameters)


def test_live_it_has_a_deadline_of_its_own() -> None:
    assert DETECTOR in detectors()
    assert DETECTOR not in folded_detectors()


@pytest.mark.parametrize("away_h", [12, 24, 48])
@pytest.mark.parametrize("residents", [(GRANDMA,), (GRANDMA, GRANDPA)])
def test_the_first_look_is_never_later_than_somebody_who_went_out_is_missed(
    away_h: int, residents: tuple[UUID, ...]
) -> None:
    """Also where a home that is still is given a week, and one who went out half a day."""
    home = Still(None, fixed_s=604_800, away_s=away_h * 3600, residents=residents)
    where = Whereabouts(at(9), "door", left_at=at(9))
    due = due_at(where, home.home, None, home.parameters)
    assert due is not None
    assert soonest_due_at(at(9), home.home, None, home.parameters) <= due


@pytest.mark.parametrize(
    "stored", [{}, [], {"days": 9, "lines": {}}, {"days": 9, "lines": {ALL: [30] * 24}}, {"days": 9, "curve": [1]}]
)
def test_a_rhythm_of_another_version_is_none_and_the_fixed_span_holds(stored: Any) -> None:
    home = Still(None)
    home.home = msgspec.structs.replace(home.home, learned={"inactivity": stored})
    home.tell(at(9), "kitchen", "motion", True)
    assert home.raised_at(at(30)) == [21]
