"""Alarm load: alarms per 1,000 homes and day, and the share that was real."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.load import read_load
from api import example, shapes
from api.document import answers
from api.problem import Problem, as_json, not_found
from api.scope import SUPERVISION, Caller
from carebed.clock import now as clock_now
from registry.area import scope_of

router = APIRouter(tags=["alarms"])

_LONGEST = timedelta(days=367)
_USUAL = timedelta(days=28)

_AREA = text("SELECT EXISTS (SELECT FROM area WHERE code = :area AND in_scope(code))")


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
    response_model=shapes.AlarmLoad,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("The figures.", "application/json", example.ALARM_LOAD)}),
)
async def read(
    call: Caller,
    from_: Annotated[
        AwareDatetime | None,
        Query(alias="from", description="by default four weeks before `to`", examples=[example.SINCE]),
    ] = None,
    to: Annotated[AwareDatetime | None, Query(description="by default now; at most 367 days after `from`")] = None,
    area: Annotated[
        str | None, Query(pattern=r"^[0-9]{12}$", description="by default the caller's", examples=["350102001000"])
    ] = None,
) -> Response:
    call.allow(SUPERVISION, "see the alarm load")
    wanted = area or call.principal.area_code
    if not (await call.conn.execute(_AREA, {"area": wanted})).scalar_one():
        raise not_found("There is no such area in yours.")
    try:
        until = to or await clock_now(call.conn)
        since = from_ or until - _USUAL
    except OverflowError:
        raise _bad_span() from None
    if not timedelta(0) < until - since <= _LONGEST:
        raise _bad_span()
    load = await read_load(call.conn, scope_of(wanted), since, until)
    told = {"from": since.isoformat(), "to": until.isoformat(), "area": wanted, **load}
    return Response(as_json(told), media_type="application/json")


def _bad_span() -> Problem:
    detail = "`to` must be after `from`, and by no more than 367 days."
    return Problem(422, "invalid", detail, errors=[{"parameter": "to", "detail": detail}])
