"""The lives by which detectors are judged stay what they were when they were written down."""

from pathlib import Path

import pytest

from device_sim.lives.mishaps import PICKS
from evaluation.scenario_lives import FROZEN, JUDGED_DAYS, OF_EACH_KIND, digest, emergencies, households
from evaluation.scenario_tables import write


@pytest.mark.parametrize("which", ["judged", "development"])
def test_the_lives_are_frozen(which: str) -> None:
    assert digest(which) == FROZEN[which], (
        "other lives: say why in evaluation/scenario_lives.py, and make all figures anew"
    )


def test_there_are_enough_of_them() -> None:
    assert len(households("judged")) * JUDGED_DAYS >= 12 * 30
    kinds = [one.mishap.kind for one in emergencies("judged")]
    assert all(kinds.count(kind) == OF_EACH_KIND >= 30 for kind in PICKS)


def test_nothing_of_the_development_lives_is_judged() -> None:
    names = [{one.name for one in households(which)} for which in ("judged", "development")]
    assert not names[0] & names[1]
    begins = [{one.mishap.begins_s for one in emergencies(which)} for which in ("judged", "development")]
    assert len(begins[0] & begins[1]) < OF_EACH_KIND, "what begins at a full hour may meet by chance"


def test_the_tables_of_the_page_are_written_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures: written by `--pictures` -->\nold\n<!-- end of figures -->\nafter\n")
    found = {"found": 27, "of": 30, "recall": 0.9, "recall_interval": [0.74, 0.97], "median_delay_h": 0.5,
             "p90_delay_h": None}  # fmt: skip
    false = {"false_alarms": 2, "false_alarms_per_month": 0.13, "false_alarms_interval": [0.02, 0.46]}
    zone = {"enabled": False, **false, **found, "good_enough": True, "scenarios": {"wander_far": found}}
    write(page, {"lives": "judged", "resident_months": 15.5, "detectors": {"zone": zone, "lone": {**zone, **false}}})
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1], "old" in lines) == ("before", "after", False)
    assert "| wander_far | `zone` | 27 of 30 | 0.90 (0.74 to 0.97) | 30 min | never |" in lines
    assert "| `zone` | 27 of 30 | 0.90 | 2 | 0.13 (0.02 to 0.46) | yes | off |" in lines
