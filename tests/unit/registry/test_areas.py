"""Area codes: a branch is a prefix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.area import scope_of


@pytest.mark.parametrize(
    ("code", "scope"),
    [
        ("350000000000", "35"),
        ("350100000000", "3501"),
        ("350102000000", "350102"),
        ("350102001000", "350102001"),
        ("350102001001", "350102001001"),
        ("350000000001", "350000000001"),
    ],
)
def test_a_code_stands_for_the_digits_of_its_level(code: str, scope: str) -> None:
    assert scope_of(code) == scope


@pytest.mark.parametrize(
    "code", ["", "35", "35010200000", "3501020000000", "35010200000x", "٣٥٠١٠٢٠٠٠٠٠٠", "/35010200000"]
)
def test_anything_else_is_no_area(code: str) -> None:
    with pytest.raises(ValueError, match="12-digit"):
        scope_of(code)


@given(st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_every_area_lies_in_its_own_branch(code: str) -> None:
    assert code.startswith(scope_of(code))
    assert len(scope_of(code)) in (2, 4, 6, 9, 12)
