"""Work orders that go out together: what their one message says."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from alerts.outbox import _bundled


def _row(number: int, kind: str, alarm: int = 1, *, may_wait: bool = True) -> Any:
    return SimpleNamespace(
        id=UUID(int=number), kind=kind, alarm_id=UUID(int=alarm), may_wait=may_wait, contact_method_id=UUID(int=9)
    )


def test_of_an_alarm_that_has_been_closed_since_the_message_says_that_it_is_over() -> None:
    rows = [_row(1, "called"), _row(2, "called", alarm=2), _row(3, "resolved")]
    (leased,) = _bundled(rows, {str(UUID(int=1)): {"state": "resolved"}})
    assert (leased.row.kind, leased.alarm) == ("resolved", {"state": "resolved"})
    assert [one.kind for one in leased.others] == ["called", "called"]
    assert {one.id for one in leased.rows} == {one.id for one in rows}, "all of them are settled with it"


def test_what_may_not_wait_goes_alone() -> None:
    rows = [_row(1, "called", may_wait=False), _row(2, "resolved", may_wait=False)]
    assert [(one.row.kind, one.others) for one in _bundled(rows, {})] == [("called", ()), ("resolved", ())]
