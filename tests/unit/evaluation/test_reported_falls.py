"""Falls of the simulated lives, each through the live rule: what is scored is what would become of them."""

import pytest

from evaluation.falls import EXPECTED, fate_of
from evaluation.scenario_lives import emergencies


@pytest.mark.parametrize(
    ("kind", "end", "within_s"), [("fall_still", "paged", (80, 90)), ("fall_cancelled", "cancelled", (0, 80))]
)
def test_who_lies_still_is_paged_and_who_cancels_is_not(kind: str, end: str, within_s: tuple[float, float]) -> None:
    """One of each; all of them are counted by make evaluate."""
    fate = fate_of(next(one for one in emergencies("development") if one.mishap.kind == kind))
    assert (fate.kind, fate.end) == (kind, end) == (kind, EXPECTED[kind])
    assert within_s[0] <= fate.after_s <= within_s[1]
