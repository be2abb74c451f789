"""The ladder that an alarm keeps, as a newer release wrote it and an older one reads it."""

from typing import Any

import msgspec
import pytest

from alerts.policy import Policy, Step, policy_from, policy_json, snapshot_from

OURS = Policy("ours", (Step(0, ("rota:1",)), Step(45, ("manager", "desk"))), loop_s=90, last_resort_s=None)
WRITTEN: dict[str, Any] = msgspec.json.decode(policy_json(OURS))


def test_what_this_release_wrote_is_read_as_it_was() -> None:
    assert snapshot_from(WRITTEN) == policy_from(WRITTEN) == OURS


def test_fields_of_a_newer_release_are_passed_over() -> None:
    steps = [{**step, "only_if": {"drill": False}} for step in WRITTEN["steps"]]
    assert snapshot_from({**WRITTEN, "steps": steps, "quiet": {"from": "22:00"}, "version": 7}) == OURS


def test_people_whom_only_a_newer_release_can_call_leave_the_others() -> None:
    steps = [{"delay_s": 0, "call": ["rota:1", "robot:dog"]}, WRITTEN["steps"][1]]
    assert snapshot_from({**WRITTEN, "steps": steps}).steps == (Step(0, ("rota:1", "robot:dog")), OURS.steps[1])


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"loop_s": "PT90S"}, {"loop_s": 120}),
        ({"repeat": 40}, {"repeat": 0}),
        ({"reopen_s": 9_000_000, "name": None}, {"reopen_s": 86_400, "name": "None"}),
        ({"steps": [*WRITTEN["steps"], {"wait": "PT1M", "call": ["desk"]}]}, {}),
        ({"steps": WRITTEN["steps"] * 11}, {"steps": OURS.steps * 11}),
    ],
)
def test_what_cannot_be_read_costs_no_step_that_can(newer: dict[str, Any], older: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        policy_from({**WRITTEN, **newer})
    assert snapshot_from({**WRITTEN, **newer}) == msgspec.structs.replace(OURS, **older)


@pytest.mark.parametrize("nothing", [None, [], {}, {"steps": "all"}, {"name": "n", "steps": [{"call": []}, 1, None]}])
def test_a_snapshot_without_a_step_is_none(nothing: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        snapshot_from(nothing)
