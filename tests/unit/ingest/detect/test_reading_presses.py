"""What the press of a button stands for: never less than its type."""

import msgspec
import pytest

from alerts.alarm import PRIORITY_RANK, kind_of
from gateway.wire import Message
from ingest.detect.presses import Press, PressParameters, read_press

USUAL = PressParameters()


def press(kind: str, manner: object = None, parameters: PressParameters = USUAL) -> Press | None:
    data = {} if manner is None else {"press": manner}
    return read_press(Message(id="a", type=kind, value=True, data=data), parameters)


@pytest.mark.parametrize(
    ("kind", "manner", "expected"),
    [
        ("sos", None, Press("sos", "single", 1)), ("sos", "double", Press("sos", "double", 2)),
        ("sos", "long", Press("sos", "long", 1)), ("assist", "single", Press("assist", "single", 1)),
        ("assist", "double", Press("assist", "double", 2)), ("assist", "long", Press("sos", "long", 1)),
        ("doorbell", None, Press("doorbell", "single", 1)), ("doorbell", "double", Press("assist", "double", 2)),
        ("doorbell", "long", Press("assist", "long", 1)), ("fall", "long", None), ("smoke", None, None),
    ],
)  # fmt: skip
def test_what_each_press_stands_for(kind: str, manner: str | None, expected: Press | None) -> None:
    assert press(kind, manner) == expected


@pytest.mark.parametrize("manner", ["triple", "", "LONG", 2, True, ["long"], {"long": 1}, 1e300])
def test_a_manner_that_nobody_knows_is_a_plain_press(manner: object) -> None:
    assert press("assist", manner) == Press("assist", "single", 1)


def test_a_home_may_have_its_own_meanings_and_none_is_less_urgent_than_the_type() -> None:
    quiet = PressParameters(assist_long="assist", doorbell_double="doorbell", doorbell_long="sos")
    assert [press("assist", "long", quiet), press("doorbell", "double", quiet), press("doorbell", "long", quiet)] == [
        Press("assist", "long", 1), Press("doorbell", "double", 2), Press("sos", "long", 1),
    ]  # fmt: skip
    for wrong in ({"assist_long": "doorbell"}, {"assist_double": "none"}, {"presses": 1}, {"span_s": 0}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, PressParameters)
    with pytest.raises(ValueError, match="switched off"):
        PressParameters(enabled=False)
    for field in msgspec.structs.fields(PressParameters):
        kind = field.name.partition("_")[0]
        if kind in ("assist", "doorbell"):
            for meant in field.type.__args__:
                assert PRIORITY_RANK[kind_of(meant).priority] <= PRIORITY_RANK[kind_of(kind).priority]
