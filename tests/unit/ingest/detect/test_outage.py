"""Which silent homes are one incident: in time, in the area tree, and in share."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_home import at

from ingest.detect.outage import OutageParameters, Sign, group, smallest_branch

USUAL = OutageParameters()
#: Two streets with three communities of 100 homes each.
HOMES = {f"35010200{street}00{community}": 100 for street in (1, 2) for community in (1, 2, 3)}
ONE, TWO, OTHER = "350102001001", "350102001002", "350102002001"


def _signs(count: int, area: str, *, after_s: float = 0, every_s: float = 1, first: int = 0) -> list[Sign]:
    return [
        Sign(UUID(int=10_000 + first + one), UUID(int=first + one), area,
             at(3) + timedelta(seconds=after_s + one * every_s))
        for one in range(count)
    ]  # fmt: skip


def test_four_homes_are_four_orders_and_five_neighbours_are_one_incident() -> None:
    assert group(_signs(4, ONE), HOMES, USUAL) == []
    (found,) = group(_signs(5, ONE), HOMES, USUAL)
    assert (found.area_code, found.homes) == (ONE, 5)


def test_a_whole_street_is_one_and_not_one_for_each_community() -> None:
    signs = [*_signs(60, ONE), *_signs(55, TWO, first=100)]
    (found,) = group(signs, HOMES, USUAL)
    assert (found.area_code, found.homes) == ("350102001000", 115)


def test_what_is_scattered_over_a_large_district_is_none() -> None:
    """Four in each community of a hundred: below a tenth everywhere, and nowhere enough neighbours."""
    signs = [one for number, area in enumerate(HOMES) for one in _signs(4, area, first=100 * number)]
    assert len(signs) == 24
    assert group(signs, HOMES, USUAL) == []


def test_two_cuts_at_a_time_are_two_where_what_lies_between_them_has_power() -> None:
    """Whole communities of two streets of a district with many more homes."""
    wide = {**HOMES, "350102003001": 5000}
    signs = [*_signs(40, ONE), *_signs(40, OTHER, first=100)]
    assert [one.area_code for one in group(signs, wide, USUAL)] == [ONE, OTHER]


def test_what_is_minutes_apart_is_another_incident() -> None:
    signs = [*_signs(20, ONE), *_signs(20, ONE, after_s=600, first=100)]
    assert [one.homes for one in group(signs, HOMES, USUAL)] == [20, 20]
    assert group(_signs(40, ONE, every_s=121), HOMES, USUAL) == []


def test_two_gateways_of_a_home_are_one_home() -> None:
    signs = [Sign(UUID(int=number), UUID(int=number % 2), ONE, at(3)) for number in range(20)]
    assert group(signs, {}, USUAL) == []


@pytest.mark.parametrize(
    ("codes", "branch"),
    [
        ([ONE], ONE), ([ONE, TWO], "350102001000"), ([ONE, OTHER], "350102000000"),
        ([ONE, "350203001001"], "350000000000"),
    ],
)  # fmt: skip
def test_the_smallest_branch_that_holds_all(codes: list[str], branch: str) -> None:
    assert smallest_branch(codes) == branch


@pytest.mark.parametrize("values", [{"least": 1}, {"share": 1.5}, {"within_s": 0}, {"gather_s": 600}, {"homes": 5}])
def test_parameters_out_of_bounds_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, OutageParameters)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(sorted(HOMES)), st.integers(0, 2000)), max_size=80),
    st.randoms(use_true_random=False),
)
def test_no_sign_is_in_two_incidents_and_none_is_small_and_order_changes_nothing(
    told: list[tuple[int, str, int]], chance: Any
) -> None:
    homes = dict.fromkeys(HOMES, 10)
    signs = [
        Sign(UUID(int=number), UUID(int=home), area, at(3) + timedelta(seconds=seconds))
        for number, (home, area, seconds) in enumerate(told)
    ]
    found = group(signs, homes, USUAL)
    taken = [one.alarm_id for each in found for one in each.signs]
    assert len(taken) == len(set(taken))
    assert all(each.homes >= USUAL.least for each in found)
    mixed = chance.sample(signs, len(signs))
    assert group(mixed, homes, USUAL) == found
