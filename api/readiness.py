"""Can somebody be reached tonight: each station's gaps in the hours ahead, as they were last judged."""

from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.view import utc
from api import readiness_shapes
from api.document import answers
from api.places import Branch
from api.scope import OFFICE, Caller

router = APIRouter(tags=["rotas"])

_MOST = 1_000

# Names of people are looked up by a function that sees past row-level security: who is on call here may belong
# elsewhere. A home that has gone elsewhere since then is counted and not shown.
_READINESS = text(f"""
    SELECT json_build_object(
        'station', station.id, 'name', station.name, 'area', station.area_code, 'judged_at', {utc("judged_at")},
        'until', {utc("until")}, 'ready', gaps = '[]' AND homes = 0, 'gaps', coalesce((
            SELECT jsonb_agg(gap || jsonb_build_object('people', coalesce((
                SELECT jsonb_agg(one || jsonb_build_object('name', name_of_staff(CAST(one ->> 'staff' AS uuid))))
                FROM jsonb_array_elements(gap -> 'people') AS one), '[]')))
            FROM jsonb_array_elements(gaps) AS gap), '[]'),
        'homes', jsonb_build_object('count', homes, 'first', coalesce((
            SELECT jsonb_agg(first.one || jsonb_build_object('name', home.name) ORDER BY first.place)
            FROM jsonb_array_elements(first_homes) WITH ORDINALITY AS first (one, place)
            JOIN home ON home.id = CAST(first.one ->> 'home' AS uuid)), '[]'))
        )::text
    FROM readiness JOIN station ON station.id = readiness.station_id WHERE station.area_code ^@ :branch
    ORDER BY gaps = '[]' AND homes = 0, station.area_code, station.id LIMIT {_MOST}
""")


@router.get(
    "/readiness",
    operation_id="readReadiness",
    summary="Whether somebody can be reached in the hours ahead",
    description=(
        "For each station of the caller's areas, as it was judged within the last ten minutes: whether each of the "
        "first two steps of its ladders reaches somebody with a verified contact method through which something was "
        "delivered lately, or who is signed in now. A gap says from when to when a step reaches nobody, and why: "
        "`nobody` (on call), or of who is: `no_method`, `unverified`, `failed`, `not_delivered` (for too long). "
        "`homes`: for how many a step reaches nobody, by a ladder of their own or their own people, and the first. "
        "Stations with gaps come first; at most 1,000."
    ),
    response_model=readiness_shapes.Readiness,
    response_class=JSONResponse,
    responses=answers(401, 403, 422, ok={200: ("The stations.", "application/json", readiness_shapes.EXAMPLE)}),
)
async def read(call: Caller, branch: Branch) -> Response:
    call.allow(OFFICE, "see who can be reached")
    items = (await call.conn.execute(_READINESS, {"branch": branch})).scalars()
    return Response(f'{{"items": [{", ".join(items)}]}}', media_type="application/json")
