"""Monthly test calls: which homes owe one, the last one of each as evidence, and that one is expected now."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse, Response

from alerts.home_tests import expect, list_tests
from alerts.view import shown
from api.document import answers
from api.home_test_shapes import EXAMPLE, EXPECTED, HOME, ExpectedTestCall, ExpectTestCall, HomeTests
from api.idempotency import Answer, Key, digest_of, once
from api.places import Branch, the_home
from api.problem import as_json
from api.scope import DESK, OFFICE, Caller, PartsOf

router = APIRouter(tags=["drills"])

_MOST = 1_000


@router.get(
    "/test-calls",
    operation_id="listTestCalls",
    summary="Which homes owe their monthly test call",
    description=(
        "Homes with devices in which somebody lives, the longest overdue first, at most 1,000: the last test call of "
        "each with who answered it and after how many seconds. A test call is a press that was closed with the outcome "
        "`test`; until then it is a call for help like any other."
    ),
    response_model=HomeTests,
    response_class=JSONResponse,
    responses=answers(401, 403, 422, ok={200: ("The homes.", "application/json", EXAMPLE)}),
)
async def list_(
    call: Caller,
    parts: PartsOf,
    branch: Branch,
    state: Annotated[Literal["done", "due", "overdue"] | None, Query(description="only these")] = None,
) -> Response:
    call.allow(OFFICE, "see test calls")
    days = parts.test_call_days
    counts, items = (
        await list_tests(call.conn, branch, timedelta(days=days), state, _MOST)
        if days else ({"done": 0, "due": 0, "overdue": 0}, [])
    )  # fmt: skip
    body = f'{{"every_days":{days},"counts":{as_json(counts).decode()},"items":[{",".join(items)}]}}'
    return Response(body, media_type="application/json")


@router.post(
    "/homes/{home_id}/test-call",
    operation_id="expectTestCall",
    summary="Expect a test call from a home",
    description=(
        "For the next minutes an alarm of this home says that a test call is expected (`test_expected`). Nothing else "
        "changes: people are called as ever, and whoever answers asks whether all is well."
    ),
    response_model=ExpectedTestCall,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 413, 415, 422, ok={200: ("From when to when.", "application/json", EXPECTED)}
    ),
)
async def expect_(
    call: Caller, home_id: Annotated[UUID, Path(examples=[HOME])], body: ExpectTestCall, key: Key = None
) -> Response:
    call.allow(DESK, "announce test calls")
    await the_home(call, home_id)

    async def work() -> Answer:
        since, until = await expect(call.conn, home_id, call.principal.id, timedelta(minutes=body.minutes))
        span = {"since": shown(since), "until": shown(until)}
        return Answer(200, as_json({"home": str(home_id), **span}).decode())

    digest = digest_of("POST", f"/homes/{home_id}/test-call", body)
    return await once(call.conn, call.principal.id, key, digest, work)
