"""Who is signed in."""

from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from api import example, person_shapes
from api.document import answers
from api.problem import as_json
from api.scope import Caller

router = APIRouter(prefix="/me", tags=["sign-in"])

_AREA = text("SELECT name FROM area WHERE code = :code")


@router.get(
    "",
    operation_id="readMe",
    summary="Who am I",
    response_model=person_shapes.Me,
    response_class=JSONResponse,
    responses=answers(401, ok={200: ("The person signed in.", "application/json", example.ME)}),
)
async def me(call: Caller) -> Response:
    who = call.principal
    content = {
        "id": str(who.id),
        "login": who.login,
        "name": who.name,
        "role": who.role,
        "area": who.area_code,
        "area_name": (await call.conn.execute(_AREA, {"code": who.area_code})).scalar_one(),
    }
    return Response(as_json(content), media_type="application/json")
