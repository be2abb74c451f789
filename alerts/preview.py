"""Who would be called when, if an alarm of some kind were raised at a home at some time: the ladder itself, run in
memory on the rotas and care circles as they stand, with nobody answering."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import ladder
from alerts.alarm import kind_of
from alerts.case import Case
from alerts.choosing import Rule, Spot, read_rules
from alerts.people import answering
from carebed.ids import new_id

#: More steps than this are not looked at.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class PreviewedStep:
    """One step: when, and target -> who would answer to it then."""

    step: int
    at: datetime
    people: dict[str, list[UUID]]


@dataclass(frozen=True, slots=True)
class Preview:
    """`last_resort_at`: when the last-resort list would be called; `again_at`: when the ladder would start again."""

    rule: Rule
    steps: tuple[PreviewedStep, ...]
    last_resort_at: datetime | None
    again_at: datetime | None


async def preview(conn: AsyncConnection, spot: Spot, kind: str, at: datetime) -> Preview:
    """The rounds of its ladder until it is exhausted."""
    priority = kind_of(kind).priority
    rule = (await read_rules(conn, [spot])).choose(spot, kind, priority, at)
    due_at = at + timedelta(seconds=rule.policy.steps[0].delay_s)
    case = Case(
        id=new_id(), kind=kind, priority=priority, area_code=spot.area_code, station_id=spot.station_id,
        home_id=spot.home_id, resident_id=None, raised_at=at, policy=rule.policy, next_step_at=due_at,
    )  # fmt: skip
    steps: list[PreviewedStep] = []
    while not case.exhausted and len(steps) < _LONGEST and case.next_step_at is not None:
        due_at = case.next_step_at
        people = await answering(conn, spot.station_id, ladder.next_step(case).call, due_at, spot.home_id)
        ladder.take_step(case, due_at, people)
        steps.append(PreviewedStep(case.step, due_at, people))
    return Preview(rule, tuple(steps), case.last_resort_at, case.next_step_at)
