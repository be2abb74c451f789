"""The evaluation of inactivity: what it makes of a recording's oddities, and of methods whose answers are known."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from recorded_fixture import DAYS, START, write_home

from evaluation.homes import Bench, leave_one_home_out, measure
from evaluation.intervals import poisson_interval, resampled_interval, wilson_interval
from evaluation.options import Options
from evaluation.recorded_home import RecordedHome, read_homes
from evaluation.stillness_methods import STREET_RULE, fixed, percentile_line
from evaluation.stillness_picture import draw
from evaluation.stillness_watch import LineWatch, Still, learned_rhythms, nights, stills_of

RECORDINGS = Path(os.environ.get("CAREBED_RECORDINGS", "../shared/data")) / "homes"
HOUR = timedelta(hours=1)


def at(day: int, hour: float) -> datetime:
    """By the recording's clock."""
    return START.replace(tzinfo=UTC) + timedelta(days=day, hours=hour)


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedHome:
    write_home(tmp_path / "house_X")
    (home,) = read_homes(tmp_path)
    return home


def test_labels_that_end_before_they_begin_are_left_out_and_coverage_is_what_is_labelled(
    recorded: RecordedHome,
) -> None:
    assert len(recorded.absences) == DAYS - 1
    assert all(first < last for first, last in recorded.absences)
    assert recorded.labelled[1] == at(DAYS - 2, 30)
    assert recorded.absent(at(3, 11))
    assert not recorded.absent(at(3, 13))


def test_sensors_that_no_map_names_are_heard_and_are_no_mat(recorded: RecordedHome) -> None:
    device = recorded.home.devices["99"]
    assert device.kind == "unknown"
    assert any(event.device is device for event in recorded.events)


def test_the_street_door_is_the_way_out_and_a_chattering_mat_is_one_night(recorded: RecordedHome) -> None:
    assert recorded.home.devices["1"].room == "entrance"
    away = [one for one in stills_of(recorded) if one.away and one.until - one.since > HOUR]
    assert [(one.since.hour, one.until.hour) for one in away] == [(10, 12)] * DAYS
    rhythms = [rhythm for _, rhythm in learned_rhythms(recorded, timedelta(hours=12)) if rhythm is not None]
    assert rhythms[-1].usual("3", at(11, 6), recorded.home.zone) > 6 * HOUR
    assert rhythms[-1].usual("2", at(11, 15), recorded.home.zone) < HOUR


def test_what_is_judged_begins_after_seven_known_days_and_ends_with_the_labels(recorded: RecordedHome) -> None:
    (trial,) = Bench([recorded], per_day=20).trials
    assert trial.begins_at == at(8, 3)
    assert trial.ends_at == recorded.labelled[1]
    assert trial.emergencies
    assert not any(recorded.absent(one) for one in trial.emergencies)


def test_nothing_of_the_day_that_is_judged_is_known(recorded: RecordedHome) -> None:
    """Each night knows what ended before it; an emergency is judged by the night before it."""
    asked: list[tuple[datetime, datetime]] = []

    def learn(past: list[Still], night: datetime) -> object:
        asked.append((max((one.until for one in past), default=night), night))
        return lambda _still, _at: 3 * HOUR

    watch = LineWatch(recorded, stills_of(recorded), learn)
    assert watch.alarm_after(at(9, 15)) == at(9, 15) + 3 * HOUR
    assert [night for _, night in asked] == [at(9, 3)]
    watch.alarms()
    assert len(asked) >= DAYS - 1
    assert all(newest <= night for newest, night in asked)


def test_a_fixed_span_and_the_street_rule_do_what_they_say(recorded: RecordedHome) -> None:
    bench = Bench([recorded], per_day=40)
    span, best = bench.best_fixed(0)
    assert span == timedelta(hours=8)  # the nights last from eleven to seven
    assert best.false == []
    assert len(bench.by_line(fixed(span - timedelta(minutes=15))).false) == 3
    assert max(hours for _, _, hours in bench.street_rule().delays) <= STREET_RULE / HOUR
    assert bench.by_line(percentile_line(absences_apart=False)).delays


def test_ours_is_quicker_than_the_best_fixed_span_at_no_more_false_alarms(recorded: RecordedHome) -> None:
    bench = Bench([recorded], per_day=60)
    ours = bench.ours()
    assert ours.false == []
    assert ours.missed < 0.05 * len(ours.delays)  # who has just come in by the door counts as out
    assert ours.median_h < 0.6 * bench.best_fixed(0)[1].median_h
    assert leave_one_home_out(bench) == ({}, None)


def test_three_in_the_morning_comes_every_night(recorded: RecordedHome) -> None:
    assert list(nights(recorded))[:2] == [at(1, 3), at(2, 3)]


def test_intervals_are_those_of_the_books() -> None:
    """Garwood's for 0 and 5 events, Wilson's for 8 of 10."""
    assert poisson_interval(0) == (0.0, pytest.approx(3.689, abs=0.001))
    assert poisson_interval(5) == (pytest.approx(1.623, abs=0.001), pytest.approx(11.668, abs=0.001))
    assert wilson_interval(8, 10) == (pytest.approx(0.490, abs=0.001), pytest.approx(0.943, abs=0.001))
    low, high = resampled_interval([1.0, 2.0, 3.0, 4.0], lambda some: sum(some) / len(some))
    assert 1 <= low < 2.5 < high <= 4


def test_homes_that_are_not_there_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure(Options(tmp_path / "nothing", tmp_path)) == {}
    assert "no recorded homes" in capsys.readouterr().out


def test_the_recorded_homes_are_read_with_their_oddities() -> None:
    if not RECORDINGS.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"no recordings at {RECORDINGS}; set CAREBED_RECORDINGS")
    homes = {one.name: one for one in read_homes(RECORDINGS)}
    kasteren_b, ordonez = homes["kasteren_B"], homes["ordonez_A"]
    assert (kasteren_b.labelled[0].day, kasteren_b.labelled[1].day) == (24, 7)
    assert sum(one.device.kind == "unknown" for one in kasteren_b.events) == 2 * 548
    assert all(first <= last for first, last in ordonez.absences)
    mats = [one for one in kasteren_b.events if one.device.id in ("12", "13")]
    assert len(mats) > 5000
    assert {one.home.devices[door].room for one in homes.values() for door in _doors(one)} == {"entrance"}


def _doors(home: RecordedHome) -> list[str]:
    return [one.id for one in home.home.devices.values() if one.room is not None]


def test_the_picture_has_a_line_for_each_method() -> None:
    picture = ElementTree.fromstring(draw([("ours", [1.0, 2.0]), ("a < b", [30.0])]))  # noqa: S314  our own
    ends = [line.get("points", "").split()[-1] for line in picture.iter("{http://www.w3.org/2000/svg}polyline")]
    assert ends == ["470.0,24.0", "470.0,276.0"]  # all noticed after a day, and nobody
