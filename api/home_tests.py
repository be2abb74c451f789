"""Monthly test calls: which homes owe one, the last one of each as evidence, and that one is expected now."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field
from starlette.responses import JSONResponse, Response

from alerts.home_tests import expect, expected_json, list_tests
from api import example
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.places import Branch, the_home
from api.scope import DESK, OFFICE, Caller, PartsOf
from api.shape import Shape

router = APIRouter(tags=["drills"])

_MOST = 1_000


class LastTestCall(Shape):
    """A test call: raised by a device of the home, closed by a person as a test. `answered_s`: seconds until the first
    person took it."""

    alarm: UUID
    at: datetime
    answered_by: UUID | None
    answered_by_name: str | None
    answered_s: float | None


class HomeTest(Shape):
    """Where a home stands. `due`: within the next seven days."""

    home: UUID
    name: str
    station: UUID
    area: str
    state: Literal["done", "due", "overdue"]
    due_at: datetime
    last: LastTestCall | None
    expected_until: datetime | None


class TestCounts(Shape):
    """Homes in each state."""

    __test__ = False
    done: int
    due: int
    overdue: int


class HomeTests(Shape):
    """The homes of a branch, the longest overdue first. `every_days` 0: nobody is asked for test calls."""

    every_days: int
    counts: TestCounts
    items: list[HomeTest]


class ExpectTestCall(Shape):
    """For so long a test call is expected."""

    minutes: Annotated[int, Field(ge=1, le=120, strict=True)] = 15

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 15}]})


class ExpectedTestCall(Shape):
    """From when to when."""

    home: UUID
    since: datetime
    until: datetime


_HOME = example.ALARM["home"]
_EXAMPLE: dict[str, Any] = {
    "every_days": 31,
    "counts": {"done": 211, "due": 12, "overdue": 1},
    "items": [
        {
            "home": _HOME,
            "name": "示范家庭 1",
            "station": "0197a3c2-0000-7000-8000-00000000000a",
            "area": "350102001000",
            "state": "overdue",
            "due_at": "2026-11-20T04:00:00.000Z",
            "last": {
                "alarm": example.ALARM["id"],
                "at": "2026-10-20T04:00:00.000Z",
                "answered_by": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
                "answered_by_name": "林小禾",
                "answered_s": 12.4,
            },
            "expected_until": None,
        }
    ],
}
_EXPECTED = {"home": _HOME, "since": "2026-11-22T04:00:00.000000Z", "until": "2026-11-22T04:15:00.000000Z"}


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
    responses=answers(401, 403, 422, ok={200: ("The homes.", "application/json", _EXAMPLE)}),
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
    body = f'{{"every_days":{days},"counts":{msgspec.json.encode(counts).decode()},"items":[{",".join(items)}]}}'
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
        400, 401, 403, 404, 413, 415, 422, ok={200: ("From when to when.", "application/json", _EXPECTED)}
    ),
)
async def expect_(
    call: Caller, home_id: Annotated[UUID, Path(examples=[_HOME])], body: ExpectTestCall, key: Key = None
) -> Response:
    call.allow(DESK, "announce test calls")
    await the_home(call, home_id)

    async def work() -> Answer:
        span = await expect(call.conn, home_id, call.principal.id, timedelta(minutes=body.minutes))
        return Answer(200, expected_json(home_id, *span))

    digest = digest_of("POST", f"/homes/{home_id}/test-call", body)
    return await once(call.conn, call.principal.id, key, digest, work)
