"""Fan-out's rule, which must be row-level security's: one's own branch, or what one was called to."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from alerts.view import AlarmView
from api.principal import Principal
from api.subscriber import may_see
from registry.area import LEVEL_DIGITS, scope_of

AREAS = st.sampled_from(
    ["350000000000", "350100000000", "350102000000", "350103000000", "350102001000", "350102001001", "350102001002",
     "350102010000", "351000000000", "110101001001"]
)  # fmt: skip


def principal(area: str, staff: UUID | None = None) -> Principal:
    """Somebody of that area."""
    return Principal(staff or uuid4(), "x", "X", "operator", area, datetime(2100, 1, 1, tzinfo=UTC), b"")


def alarm(area: str, *called: UUID) -> AlarmView:
    """An alarm in that area."""
    return AlarmView(uuid4(), 1, area, True, frozenset(called), "{}")


def level_of(area: str) -> int:
    """How many digits name this area: from the definition of the code, not from the code under test."""
    return next(digits for digits in sorted(LEVEL_DIGITS.values()) if set(area[digits:]) <= {"0"})


@given(AREAS, AREAS)
def test_one_sees_ones_own_branch_and_nothing_beside_or_above_it(mine: str, where: str) -> None:
    digits = level_of(mine)
    assert may_see(principal(mine), alarm(where)) == (where[:digits] == mine[:digits])


@given(AREAS, AREAS)
def test_whoever_was_called_sees_the_alarm_wherever_it_is(mine: str, where: str) -> None:
    me = uuid4()
    assert may_see(principal(mine, me), alarm(where, uuid4(), me))


def test_a_street_is_not_taken_for_the_one_whose_code_begins_alike() -> None:
    assert scope_of("350102001000") == "350102001"
    assert not may_see(principal("350102001000"), alarm("350102010000"))
