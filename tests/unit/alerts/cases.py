"""Alarms in memory for the pure parts: no database, and `now` is whatever the story says."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from alerts.alarm import Priority
from alerts.case import Actor, Case
from alerts.policy import Policy, Step

START = datetime(2026, 11, 22, 4, tzinfo=UTC)
DESK, FIRST, SECOND, THIRD, STRANGER = (UUID(int=number) for number in range(1, 6))
BY_HAND = Actor("staff", str(DESK), "api")
WEARER = Actor("device", "gw-1/button", "mqtt")

LADDER = Policy(
    name="three steps",
    steps=(
        Step(delay_s=0, call=("rota:1", "desk")),
        Step(delay_s=60, call=("rota:2", "desk")),
        Step(delay_s=60, call=("manager",)),
    ),
)
ON_CALL = {"rota:1": [FIRST], "rota:2": [SECOND], "manager": [THIRD], "desk": [DESK]}


def after(seconds: float) -> datetime:
    """That many seconds into the story."""
    return START + timedelta(seconds=seconds)


def raised(policy: Policy = LADDER, *, suspected_s: float | None = None) -> Case:
    """An SOS, or a fall with a cancel window, as it is raised at the start of the story."""
    return Case(
        id=uuid4(), kind="sos", priority=Priority.LIFE_CRITICAL, area_code="350102001001", station_id=uuid4(),
        home_id=uuid4(), resident_id=None, raised_at=START, policy=policy, suspected=suspected_s is not None,
        next_step_at=after(suspected_s or 0),
    )  # fmt: skip


def called(case: Case) -> list[UUID]:
    """Whom the case has paged since its messages were last looked at."""
    people = [message.staff_id for message in case.messages if message.kind == "called"]
    case.messages.clear()
    return people


def logged(case: Case) -> list[str]:
    """The types of its events."""
    return [event.type for event in case.events]
