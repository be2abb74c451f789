"""The evaluation of vital signs: reading recordings, matching alerts with labels, and who is chosen by whom."""

import csv
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evaluation.options import Options
from evaluation.vital_crossing import crossed
from evaluation.vital_matching import AFTER, BEFORE, Tally, match, match_one_to_one, total
from evaluation.vital_methods import NOTHING, PUBLISHED, Personal, Trials, alerts, parameters
from evaluation.vital_picture import draw
from evaluation.vital_recordings import Patient, read_patients
from evaluation.vital_report import derivable, difference, figures, offsets_min, table, tallied
from evaluation.vitals import as_it_is, measure, wide_open
from ingest.detect.vital_limits import VitalSignsParameters

VITALS = Path(os.environ.get("CAREBED_RECORDINGS", Path(__file__).parents[4] / "shared" / "data")) / "vitals"
NOON = datetime(2019, 5, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people of our own making, forty noons each. A pulse below 45 is labelled 41 min before it was measured;
    one person has labels and no readings, and agitation is no vital sign."""
    folder = tmp_path_factory.mktemp("vitals") / "made"
    folder.mkdir()
    chance = random.Random("made")
    readings: list[list[object]] = [["patient_id", "date", "device_type", "value", "unit"]]
    labels: list[list[object]] = [["patient_id", "date", "type"], ["p9", "2019-05-02 08:00:00", "Body water"]]
    for person in range(6):
        for day in range(40):
            at = NOON + timedelta(days=day, minutes=chance.randrange(90))
            pulse = 42 if chance.random() < 0.1 else chance.randrange(55, 85)
            pressures = (("Systolic blood pressure", 130, "mm[Hg]"), ("Diastolic blood pressure", 80, "mm[Hg]"))
            skin = ("Skin Temperature", 33, "Cel")
            for kind, value, unit in (("Heart rate", pulse, "beats/min"), *(pressures if day < 2 else ()), skin):
                readings.append([f"p{person}", at.strftime("%Y-%m-%d %H:%M:%S"), kind, value, unit])
            if pulse < 45:
                stamp = (at - 41 * MINUTE).strftime("%Y-%m-%d %H:%M:%S")
                labels += [[f"p{person}", stamp, "Pulse"], [f"p{person}", stamp, "Agitation"]]
    for name, rows in (("Physiology.csv", readings), ("Labels.csv", labels)):
        with (folder / name).open("w", newline="") as lines:
            csv.writer(lines).writerows(rows)
    return folder.parent


def test_recordings_are_read_with_both_halves_of_a_pressure_in_one(recorded: Path) -> None:
    people = {one.name: one for one in read_patients(recorded)}
    assert sorted(people) == ["p0", "p1", "p2", "p3", "p4", "p5", "p9"]
    assert {one.type for one in people["p0"].events} == {"heart_rate", "blood_pressure"}
    pressure = next(one for one in people["p0"].events if one.type == "blood_pressure")
    assert (pressure.data, pressure.unit) == ({"systolic": 130.0, "diastolic": 80.0}, "mm[Hg]")
    assert "Agitation" not in people["p0"].labels
    assert (people["p9"].events, people["p9"].days) == ((), 0.0)
    assert 39 < people["p0"].days < 42
    assert read_patients(recorded / "nowhere") == []


def test_an_alert_meets_a_label_within_the_declared_bounds() -> None:
    assert match([NOON - BEFORE], [NOON]) == match([NOON + AFTER], [NOON]) == Tally(1, 1, 0, 1)
    assert match([NOON - BEFORE - MINUTE], [NOON]) == match([NOON + AFTER + MINUTE], [NOON]) == Tally(0, 1, 1, 1)


def test_one_alert_may_meet_two_labels_but_not_one_to_one() -> None:
    labels = [NOON, NOON + 10 * MINUTE]
    assert match([NOON], labels) == Tally(2, 2, 0, 1)
    assert match_one_to_one([NOON], labels) == Tally(1, 2, 0, 1)
    assert match_one_to_one([NOON, NOON + MINUTE], [NOON]) == Tally(1, 1, 1, 2)


def test_what_no_reading_could_have_led_to_is_counted_apart(recorded: Path) -> None:
    people = read_patients(recorded)
    assert derivable(people)["Body water"] == {"labels": 1, "with_reading": 0, "no_reading_ever": 1}
    pulse = derivable(people)["Pulse"]
    assert pulse["labels"] == pulse["with_reading"] > 10
    assert offsets_min(people) == pytest.approx([41.0] * pulse["labels"])


def test_ranges_are_fitted_to_other_people_and_hold_for_the_one_left_out(recorded: Path) -> None:
    """All but one person say that below 45 it matters; the range for the last one is theirs."""
    people = read_patients(recorded)
    fixed = crossed(Trials(people), 1.0)
    ours = crossed(Trials(people), 1.0, (Personal(unusual=8.0), NOTHING))
    ends = {ends for ends, _ in fixed.chosen if ends[0][0] == "heart_rate_low"}
    assert ends == {(("heart_rate_low", 45.0), ("heart_rate_high", 1000.0))}
    for one in (fixed, ours):
        came = total(tallied(people, one.alerts), label="Pulse")
        assert (came.recall, came.false) == (1.0, 0)


def test_whoever_is_left_out_has_no_part_in_his_range(recorded: Path) -> None:
    """Somebody whose labels say otherwise changes the ranges of the others, never his own."""
    people = read_patients(recorded)
    odd = people[0]
    changed = [Patient(odd.name, odd.home, odd.events, {"Pulse": tuple(one.at for one in odd.events)}), *people[1:]]
    assert crossed(Trials(people), 1.0).alerts["p0"] == crossed(Trials(changed), 1.0).alerts["p0"]


def test_figures_carry_intervals_and_what_they_were_counted_in(recorded: Path) -> None:
    people = read_patients(recorded)
    pulse = dict.fromkeys(("heart_rate_low",), 51.0)
    found = tallied(people, as_it_is(people, parameters(wide_open() | pulse, NOTHING)))
    one = figures(people, found)
    assert one["person_days"] == pytest.approx(240, abs=4)
    assert one["recall"] == pytest.approx(one["found"] / one["labels"], abs=1e-4)
    assert one["recall_95"][0] < one["recall"] < one["recall_95"][1]
    assert one["false_alerts"] == 0
    assert difference(found, found)["recall_95"] == [0, 0]
    assert f"{one['found']} of {one['labels']}" in table({"ours": one})
    assert table({"ours": one}, per_label=True).count("\n") == 6


def test_the_picture_shows_every_method() -> None:
    picture = draw(
        {"ours": [(0.5, 81.0, "weight 1")], "fitted fixed ranges": [(0.6, 80.0, "weight 1")],
         "published fixed ranges": [(7.0, 70.0, "A & B")]}, 82.0,
    )  # fmt: skip
    assert picture.count("<circle") == 5 + 3
    assert "A &amp; B" in picture


def test_without_recordings_the_part_says_so_and_measures_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(Options(tmp_path, tmp_path)) == {}
    assert "no labelled vital signs" in capsys.readouterr().out


@pytest.mark.skipif(
    not (VITALS / "tihm").is_dir() and "CI" not in os.environ, reason=f"no TIHM in {VITALS}: set CAREBED_RECORDINGS"
)
def test_on_tihm_what_we_ship_finds_more_with_fewer_false_alerts_than_published_ranges() -> None:
    """What we ship was chosen with all of TIHM in sight; `make evaluate` has the cross-validated figures."""
    people = read_patients(VITALS)
    assert sum(len(times) for one in people for times in one.labels.values()) == 383 - 76
    there = derivable(people)
    assert there["Body water"]["no_reading_ever"] == 54
    assert 40 <= offsets_min(people)[sum(one["labels"] - one["no_reading_ever"] for one in there.values()) // 2] <= 46
    ours = total(tallied(people, as_it_is(people, VitalSignsParameters())))
    assert ours.found >= 249
    for name, ends in PUBLISHED.items():
        theirs = total(tallied(people, as_it_is(people, parameters(wide_open() | dict(ends), NOTHING))))
        assert theirs.found <= ours.found, name
        assert theirs.false > ours.false or theirs.found < 0.5 * ours.found, name


def test_alerts_of_a_person_without_such_readings_are_none(recorded: Path) -> None:
    (nobody,) = (one for one in read_patients(recorded) if one.name == "p9")
    assert not any(alerts(nobody, frozenset({"heart_rate"}), VitalSignsParameters()).values())
