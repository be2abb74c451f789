"""The lives by which detectors are judged stay what they were when they were written down."""

import pytest

from device_sim.lives.mishaps import PICKS
from evaluation.scenario_lives import FROZEN, JUDGED_DAYS, OF_EACH_KIND, digest, emergencies, households


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
