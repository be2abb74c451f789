"""The homes of an incident: each is listed with its people, and ticked off when somebody has asked after them."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse, Response

from alerts.alarm import State
from alerts.incident import KIND
from alerts.incident_tick import Finding, MemberUnknown, list_homes, tick, unticked
from alerts.view import PAGE
from api import example, incident_shapes
from api.alarms import the_alarm
from api.body import Tick
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.problem import Problem, invalid, not_found
from api.scope import DESK, Call, Caller, PartsOf

router = APIRouter(prefix="/incidents/{incident_id}", tags=["incidents"])

IncidentId = Annotated[UUID, Path(description="the alarm of the kind `outage` that stands for it")]


async def _the_incident(call: Call, incident_id: UUID) -> None:
    if (await the_alarm(call.conn, incident_id)).as_object()["kind"] != KIND:
        raise not_found("This alarm is no incident.")


@router.get(
    "/homes",
    operation_id="listIncidentHomes",
    summary="List the homes of an incident, to ask after each",
    description=(
        "Those that are out and that nobody has asked after come first, then those ticked off, then those that came "
        "back by themselves. Take `next` as `cursor` for the page after this one."
    ),
    response_model=incident_shapes.IncidentHomePage,
    response_class=JSONResponse,
    responses=answers(401, 404, 422, ok={200: ("A page of homes.", "application/json", example.INCIDENT_HOMES)}),
)
async def homes(
    call: Caller,
    incident_id: IncidentId,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-2]\.[0-9a-f-]{36}$", description="`next` of the page before")
    ] = None,
) -> Response:
    await _the_incident(call, incident_id)
    items, following = await list_homes(call.conn, incident_id, limit, _where(cursor))
    left = await unticked(call.conn, incident_id)
    more = "null" if following is None else f'"{following[0]}.{following[1]}"'
    body = f'{{"items":[{",".join(items)}],"next":{more},"unticked":{left}}}'
    return Response(body, media_type="application/json")


def _where(cursor: str | None) -> tuple[int, UUID] | None:
    if cursor is None:
        return None
    place, member = cursor.split(".")
    try:
        return int(place), UUID(member)
    except ValueError:
        raise invalid("cursor", "take the `next` of this list's last page") from None


@router.post(
    "/members/{member_id}/tick",
    operation_id="tickIncidentHome",
    summary="Tick a home of an incident off",
    description=(
        "By any of its alarms. `well`: somebody has asked. `needs_help` and `not_reached` raise an `assist` alarm at "
        "the home, for who cannot be reached is an emergency. A later tick replaces it; the event log keeps all."
    ),
    response_model=incident_shapes.Ticked,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 409, 413, 415, 422, ok={200: ("Ticked off.", "application/json", example.TICKED)}
    ),
)
async def tick_off(
    call: Caller, parts: PartsOf, incident_id: IncidentId, member_id: UUID, body: Tick, key: Key = None
) -> Response:
    call.allow(DESK, "tick homes off")
    await _the_incident(call, incident_id)

    async def work() -> Answer:
        incident = await the_alarm(call.conn, incident_id)
        if not incident.open:
            state = State(incident.as_object()["state"])
            what = (
                "" if body.finding is Finding.WELL else " Nobody is called by this: raise an alarm at the home by hand."
            )
            detail = f"The incident is already {state}.{what}"
            raise Problem(409, "move-refused", detail, alarm=incident.as_object())
        try:
            raised = await tick(
                call.conn, incident_id, member_id, call.principal.id, body.finding, body.note, body.at,
                parts.hooks.channels,
            )  # fmt: skip
        except MemberUnknown as error:
            raise not_found(str(error)) from None
        left = await unticked(call.conn, incident_id)
        done = {
            "incident": incident_id,
            "member": member_id,
            "finding": body.finding,
            "alarm": raised,
            "unticked": left,
        }
        return Answer(200, msgspec.json.encode(done).decode())

    digest = digest_of("POST", f"/incidents/{incident_id}/members/{member_id}/tick", body)
    return await once(call.conn, call.principal.id, key, digest, work)
