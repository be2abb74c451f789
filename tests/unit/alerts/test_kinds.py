"""Every kind of alarm: what the contract says of it is what the code does."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from alerts import lifecycle
from alerts.alarm import KINDS, Closing, Priority, State
from alerts.case import Actor, Case
from alerts.policy import DEFAULT_POLICY
from alerts.why import why

PROTOCOL = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
OVER = why("over", "Over.", "已结束。")


def case(kind: str) -> Case:
    return Case(UUID(int=1), kind, KINDS[kind].priority, "350102001001", UUID(int=2), None, None, NOW, DEFAULT_POLICY)


def test_the_contract_names_every_kind_under_its_priority() -> None:
    found = re.search(r"^- `priority` by kind: (.*?)^- ", PROTOCOL, re.MULTILINE | re.DOTALL)
    assert found is not None
    named = dict(re.findall(r"`(\w+)` \((.*?)\)", found[1], re.DOTALL))
    assert {one: set(re.findall(r"`(\w+)`", kinds)) for one, kinds in named.items()} == {
        str(priority): {name for name, kind in KINDS.items() if kind.priority is priority} for priority in Priority
    }


def test_the_contract_says_which_end_by_themselves() -> None:
    """`door`, `water`, `outage`, `lag`, `audit`, `readiness` and work orders but `tamper`."""
    by_themselves = {name for name, kind in KINDS.items() if kind.closing is Closing.BY_ITSELF}
    work_orders = {name for name, kind in KINDS.items() if kind.priority is Priority.WORK_ORDER}
    assert by_themselves == {"door", "water", "outage", "lag", "audit", "readiness"} | work_orders - {"tamper"}
    words = " ".join(PROTOCOL.split())
    assert (
        "`door`, `water`, `outage`, `lag`, `audit`, `readiness` and work orders but `tamper` end by themselves" in words
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_over_ends_by_itself_or_is_left_to_a_person(kind: str) -> None:
    one = case(kind)
    by_itself = KINDS[kind].closing is Closing.BY_ITSELF
    assert lifecycle.clear(one, NOW, NOW, OVER) is by_itself
    assert [event.type for event in one.events] == ["cleared" if by_itself else "cleared_remark"]
    assert one.open is not by_itself
    if by_itself:
        assert one.state is State.CANCELLED


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_somebody_has_taken_is_his_and_he_is_told(kind: str) -> None:
    one, desk = case(kind), UUID(int=5)
    lifecycle.acknowledge(one, NOW, desk, Actor("staff", str(desk), "api"))
    due = one.due_at
    assert lifecycle.clear(one, NOW + timedelta(minutes=1), NOW, OVER) is False
    assert (one.open, one.due_at) == (True, due)
    assert [(message.kind, message.staff_id) for message in one.messages] == [("cleared_remark", desk)]
