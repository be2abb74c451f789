"""Bodies and shapes of test calls, and examples; see `api.body` and `api.shape`."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api import example
from api.shape import Shape


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


HOME = example.ALARM["home"]
EXAMPLE: dict[str, Any] = {
    "every_days": 31,
    "counts": {"done": 211, "due": 12, "overdue": 1},
    "items": [
        {
            "home": HOME,
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
EXPECTED = {"home": HOME, "since": "2026-11-22T04:00:00.000Z", "until": "2026-11-22T04:15:00.000Z"}
