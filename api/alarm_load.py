"""Alarm load: alarms per 1,000 homes and day, and the share that was real."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from alerts.load import read_load
from api import example, figure_shapes
from api.document import answers
from api.problem import as_json
from api.scope import SUPERVISION, Caller
from api.span import BranchSpanAsked
from registry.area import scope_of

router = APIRouter(tags=["alarms"])


@router.get(
    "/alarm-load",
    operation_id="readAlarmLoad",
    summary="Alarms per 1,000 homes and day, and the share that was real",
    description=(
        "Of alarms raised from `from` to before `to` in a branch of the caller's areas. `real`: emergency, help_given, "
        "handed_to_120; `false`: no_help_needed, false_alarm; `real_share`: real of these two. `alarms` is all but "
        "tests, which are counted apart. `open` and `cancelled` (by the wearer or by itself) were judged by nobody. "
        "`by_home` names the hundred homes and kinds with the most false ones."
    ),
    response_model=figure_shapes.AlarmLoad,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("The figures.", "application/json", example.ALARM_LOAD)}),
)
async def read(call: Caller, asked: BranchSpanAsked) -> Response:
    call.allow(SUPERVISION, "see the alarm load")
    span = await asked.of(call)
    load = await read_load(call.conn, scope_of(span.area), span.since, span.until)
    told = {"from": span.since.isoformat(), "to": span.until.isoformat(), "area": span.area, **load}
    return Response(as_json(told), media_type="application/json")
