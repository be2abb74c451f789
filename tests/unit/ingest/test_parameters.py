"""What is set of a detector: resolved value by value, judged when it is set, and never a reason to fail a home."""

from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.detect.catalogue import with_parameters
from ingest.detect.core import Detector, Parameters, bounded
from ingest.parameter_check import check, describe
from ingest.parameters import Parameterised, Where, branches, resolve


class Limits(Parameters, frozen=True):
    """Two figures that must be in order, and a word."""

    low: Annotated[int, bounded("min", 1, 60, "a book")] = 10
    high: Annotated[float, bounded("min", 1.0, 600.0, "another")] = 20.0
    then: Literal["wait", "call"] = "wait"

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("`low` must not be above `high`.")


class _Toy:
    name = "toy"
    parameters = Limits


TOY: Detector[Any, Any] = _Toy()
HOME, STATION, AREA = UUID(int=1), UUID(int=2), "350102001001"
WHERE = Where(HOME, STATION, AREA)


def test_the_branches_of_an_area_are_its_ancestors_the_smallest_first() -> None:
    assert branches(AREA) == (AREA, "350102001000", "350102000000", "350100000000", "350000000000")
    assert branches("350000000000") == ("350000000000",)
    assert branches("350110000000") == ("350110000000", "350100000000", "350000000000")


def test_the_most_specific_value_holds_each_by_itself() -> None:
    stored = [
        (None, None, "350000000000", "toy", {"low": 2, "high": 100}),
        (None, None, AREA, "toy", {"low": 3}),
        (None, None, "110000000000", "toy", {"low": 9}),
        (None, STATION, None, "toy", {"then": "call"}),
        (HOME, None, None, "toy", {"low": 4}),
        (HOME, None, None, "other", {"low": 9}),
    ]
    set_of = Parameterised([TOY], stored)
    assert set_of.of(WHERE)["toy"] == Limits(low=4, high=100, then="call")
    assert set_of.of(Where(UUID(int=9), STATION, AREA))["toy"] == Limits(low=3, high=100, then="call")
    assert set_of.of(Where(UUID(int=9), UUID(int=8), "110000000000"))["toy"] == Limits(low=9)
    assert set_of.of(Where(UUID(int=9), UUID(int=8), "120000000000"))["toy"] == Limits()


@pytest.mark.parametrize(
    "broken", [{"low": 0}, {"low": "x"}, {"lower": 1}, {"low": 50, "high": 40}, {"high": None}, [], "x", {"then": "go"}]
)
def test_a_row_that_cannot_be_read_is_passed_over_and_the_next_layer_counts(broken: Any) -> None:
    resolved = resolve(TOY, [{"toy": {"low": 5}}, {"toy": broken}, {"toy": {"then": "call"}}])
    assert resolved.parameters == Limits(low=5, then="call")
    assert resolved.layers == {"low": 0, "then": 2}


@pytest.mark.parametrize(
    ("values", "name", "words"),
    [
        ({"low": 0}, "low", "Must be from 1 to 60 min"),
        ({"low": 61}, "low", "Must be from 1 to 60 min"),
        ({"low": 2.5}, "low", "Expected `int`"),
        ({"high": float("nan")}, "high", "finite"),
        ({"high": float("inf")}, "high", "finite"),
        ({"high": True}, "high", "Expected `float`"),
        ({"then": "go"}, "then", "Invalid enum value"),
        ({"lower": 1}, "lower", "There is no such parameter"),
        ({"low": 30}, None, "`low`"),
        ({"low": 30, "high": 25}, None, "must not be above"),
    ],
)
def test_what_is_wrong_is_said_of_the_parameter(values: dict[str, Any], name: str | None, words: str) -> None:
    (wrong,) = check(TOY, values, [])
    assert wrong.name == name
    assert words in wrong.detail


def test_what_a_home_has_holds_also_when_its_station_is_set_to_what_does_not_go_with_it() -> None:
    """Each was allowed when it was set; what is set nearest is not what gives way."""
    stored = [(HOME, None, None, "toy", {"high": 15, "then": "call"}), (None, STATION, None, "toy", {"low": 16})]
    assert Parameterised([TOY], stored).of(WHERE)["toy"] == Limits(high=15, then="call")
    resolved = resolve(TOY, [{"toy": {"low": 16}}, {"toy": {"high": 15, "then": "call"}}])
    assert resolved.layers == {"high": 1, "then": 1}


def test_what_goes_with_no_other_value_gives_way_when_those_are_taken_back() -> None:
    assert resolve(TOY, [{"toy": {"then": "call"}}, {"toy": {"low": 30}}]).parameters == Limits(then="call")


def test_values_are_judged_over_the_wider_scopes() -> None:
    assert check(TOY, {"low": 30}, [{"toy": {"high": 40}}]) == []
    assert check(TOY, {"high": 8}, []) != []


@pytest.mark.parametrize("detector", with_parameters(), ids=lambda one: one.name)
def test_every_parameter_there_is_tells_its_unit_its_bounds_and_its_source(detector: Detector[Any, Any]) -> None:
    for one in describe(detector):
        number = isinstance(one.default, int | float) and not isinstance(one.default, bool)
        if number:
            assert one.unit, one.name
            assert one.source, one.name
            assert one.minimum is not None, one.name
            assert one.maximum is not None, one.name
            assert one.minimum <= one.default <= one.maximum, one.name
    assert detector.parameters() == resolve(detector, []).parameters


@given(st.dictionaries(st.sampled_from(["low", "high", "then", "x"]), st.none() | st.booleans() | st.integers()
                       | st.floats() | st.text(), max_size=4))  # fmt: skip
def test_what_is_allowed_to_be_set_can_be_read(values: dict[str, Any]) -> None:
    if not check(TOY, values, []):
        assert set(resolve(TOY, [{"toy": values}]).layers) == set(values)
