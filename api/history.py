"""A home's readings by the hour, for charts: one series for each device and type, its figures in columns."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.view import utc
from api import example, home_shapes
from api.document import answers
from api.page import json_page
from api.problem import not_found
from api.scope import STAFF, Caller
from api.span import To, span_of

router = APIRouter(prefix="/homes", tags=["homes"])

_WEEK = timedelta(days=7)

_HOME = text("SELECT EXISTS (SELECT FROM home WHERE id = :home)")

# The function shows a home's hours to whoever may see the home, and is asked once instead of for each row.
_SERIES = text(f"""
    SELECT json_build_object('device', device_id, 'kind', (SELECT kind FROM device WHERE device.id = device_id),
        'type', type, 'hour', json_agg({utc("hour")}), 'readings', json_agg(readings),
        'mean', json_agg(sum / nullif(numbers, 0)), 'min', json_agg(min), 'max', json_agg(max),
        'first', json_agg(first), 'last', json_agg(last))::text AS body
    FROM history_of_home(:home, :since, :until)
    GROUP BY device_id, type ORDER BY device_id, type
""")


@router.get(
    "/{home_id}/readings",
    operation_id="listReadings",
    summary="A home's readings by the hour",
    description=(
        "One series for each device and type, its columns of equal length, one entry for each hour that has readings. "
        "Figures are null where no reading of the hour is a number. What came in within the last minutes may be "
        "missing; what comes late gets into its hour."
    ),
    response_model=home_shapes.SeriesPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("All series.", "application/json", example.SERIES)}),
)
async def readings(
    call: Caller,
    home_id: UUID,
    from_: Annotated[
        AwareDatetime | None, Query(alias="from", description="by default a week before `to`", examples=[example.SINCE])
    ] = None,
    to: To = None,
    bucket: Annotated[Literal["hour"], Query(description="how much time is one entry")] = "hour",
) -> Response:
    call.allow(STAFF, "see a home's readings")
    del bucket  # there is one, named so that there can be others
    if not (await call.conn.execute(_HOME, {"home": home_id})).scalar_one():
        raise not_found("There is no such home in your areas.")
    since, until = await span_of(call.conn, from_, to, _WEEK)
    rows = await call.conn.execute(_SERIES, {"home": home_id, "since": since, "until": until})
    return json_page(rows.scalars().all(), None)
