"""A preview: who would be called when, for a home, a kind of alarm and a time."""

from datetime import datetime, time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from alerts.alarm import KINDS, kind_of
from alerts.choosing import Rule
from alerts.preview import Preview, preview
from alerts.view import shown
from api import example
from api.document import answers
from api.places import the_spot
from api.policy_body import PolicyPlace
from api.problem import as_json, invalid
from api.scope import OFFICE, Caller
from carebed.clock import now as clock_now

router = APIRouter(prefix="/homes/{home_id}/escalation", tags=["escalation"])

_NAMES = text("SELECT id, name_of_staff(id) AS name FROM unnest(CAST(:people AS uuid[])) AS given(id)")


class CalledPerson(BaseModel):
    """Somebody who would be called."""

    id: UUID
    name: str | None


class CalledTarget(BaseModel):
    """A target of a step, and who answers to it at that time, in calling order; nobody: the list is empty."""

    target: str
    people: list[CalledPerson]


class EscalationStep(BaseModel):
    """One step. A step that reaches nobody is followed by the next at once."""

    step: int
    at: datetime
    after_s: float
    targets: list[CalledTarget]


class EscalationPolicy(BaseModel):
    """The policy that holds. `id` null: nothing is set, and the built-in one holds."""

    id: UUID | None
    name: str
    place: PolicyPlace
    from_time: str | None = Field(description="local time of the station's area; null: all day")
    to_time: str | None
    days: list[int] | None = Field(description="ISO weekdays on which it begins; null: every day")


class Escalation(BaseModel):
    """Who would be called when, if nobody answered."""

    home: UUID
    kind: str
    priority: str
    at: datetime
    policy: EscalationPolicy
    steps: list[EscalationStep]
    last_resort_at: datetime | None
    again_at: datetime | None


_EXAMPLE: dict[str, Any] = {
    "home": example.ALARM["home"], "kind": "sos", "priority": "life_critical", "at": "2026-11-22T15:00:00.000Z",
    "policy": {"id": None, "name": "default", "place": {"scope": "everywhere", "id": None}, "from_time": None,
               "to_time": None, "days": None},
    "steps": [{
        "step": 1, "at": "2026-11-22T15:00:00.000Z", "after_s": 0.0,
        "targets": [{"target": "rota:1",
                     "people": [{"id": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30", "name": "林小禾"}]}],
    }],
    "last_resort_at": "2026-11-22T15:03:00.000Z", "again_at": "2026-11-22T15:04:00.000Z",
}  # fmt: skip


@router.get(
    "",
    operation_id="readEscalation",
    summary="Preview who would be called when",
    description="By the policies, rotas and care circle as they stand now, if nobody answered.",
    response_model=Escalation,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("Step by step.", "application/json", _EXAMPLE)}),
)
async def read(
    call: Caller,
    home_id: Annotated[UUID, Path()],
    kind: Annotated[str, Query(max_length=64, examples=["sos"])] = "sos",
    at: Annotated[AwareDatetime | None, Query(description="when it is raised; by default now")] = None,
) -> Response:
    call.allow(OFFICE, "preview escalations")
    spot = await the_spot(call, home_id)
    if kind not in KINDS:
        raise invalid("kind", f"there is no such kind of alarm; there are: {', '.join(KINDS)}")
    if at is not None and not 2000 <= at.year <= 2100:
        raise invalid("at", "must lie between the years 2000 and 2100")
    at = at or await clock_now(call.conn)
    found = await preview(call.conn, spot, kind, at)
    content = {"home": str(home_id), "kind": kind, "priority": kind_of(kind).priority, "at": shown(at),
               **await _shown(call.conn, found, at)}  # fmt: skip
    return Response(as_json(content), media_type="application/json")


async def _shown(conn: AsyncConnection, found: Preview, at: datetime) -> dict[str, Any]:
    people = {one for step in found.steps for some in step.people.values() for one in some}
    names = {row.id: row.name for row in await conn.execute(_NAMES, {"people": sorted(people)})}
    return {
        "policy": {"id": None if found.rule.id is None else str(found.rule.id), "name": found.rule.policy.name,
                   "place": _place(found.rule), "from_time": _clock(found.rule.from_time),
                   "to_time": _clock(found.rule.to_time),
                   "days": None if found.rule.days is None else sorted(found.rule.days)},
        "steps": [
            {"step": step.step, "at": shown(step.at), "after_s": (step.at - at).total_seconds(),
             "targets": [{"target": target, "people": [{"id": str(one), "name": names.get(one)} for one in some]}
                         for target, some in step.people.items()]}
            for step in found.steps
        ],
        "last_resort_at": _when(found.last_resort_at), "again_at": _when(found.again_at),
    }  # fmt: skip


def _place(rule: Rule) -> dict[str, str | None]:
    for scope, where in (("home", rule.home_id), ("station", rule.station_id), ("area", rule.area_code)):
        if where is not None:
            return {"scope": scope, "id": str(where)}
    return {"scope": "everywhere", "id": None}


def _clock(at: time | None) -> str | None:
    return None if at is None else f"{at:%H:%M}"


def _when(at: datetime | None) -> str | None:
    return None if at is None else shown(at)
