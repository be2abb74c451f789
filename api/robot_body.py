"""What a group chat's robot is set up by: the bodies, and how it is shown in answers."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from alerts.robot.group import Shows
from api.body import Person, Storable
from api.shape import Shape
from registry.area import AREA_CODE

Channel = Literal["dingtalk", "feishu", "wecom"]


_Name = Annotated[Storable, Field(min_length=1, max_length=100)]
_Address = Annotated[Storable, Field(min_length=1, max_length=500, description="as the robot's settings show it")]
_Secret = Annotated[
    Storable | None, Field(min_length=1, max_length=200, description="of its signature; null: it wants none")
]

_ADDRESS = {
    "webhook_url": "https://open.feishu.cn/open-apis/bot/v2/hook/0c1d2e3f-1111-2222-3333-444455556666",
    "secret": "SHs6uI8mVyKjX4",
}
_EXAMPLE: dict[str, Any] = {
    "name": "Gulou, night shift",
    "channel": "feishu",
    "area": "350102000000",
    "language": "zh",
    "shows": ["raised", "unanswered", "over"],
    "work_orders": False,
}

#: In an answer. Neither the address nor the secret is in any.
SHOWN: dict[str, Any] = {
    "id": "0192f0d1-9b10-7c5e-8f21-6a0d4c9e1b77",
    "name": "Gulou, night shift",
    "channel": "feishu",
    "place": {"scope": "area", "id": "350102000000"},
    "language": "zh",
    "shows": ["raised", "unanswered", "over"],
    "work_orders": False,
    "posted_at": "2026-11-22T04:00:00.123Z",
    "tested_at": None,
    "test_wanted": False,
    "failed_at": "2026-11-21T22:10:00.000Z",
    "last_error": None,
    "failures": 0,
    "paused_until": None,
    "set_by_name": "李敏",
    "created_at": "2026-11-20T01:00:00.000Z",
}


class _Group(BaseModel):
    name: _Name
    area: Annotated[Storable | None, Field(pattern=AREA_CODE, description="all alarms of this branch")] = None
    station: Annotated[Person | None, Field(description="instead of an area: the alarms of this station")] = None
    language: Literal["zh", "en"] = "zh"
    shows: Annotated[list[Shows], Field(min_length=1, max_length=4)] = list(Shows)
    work_orders: Annotated[bool, Field(strict=True, description="batteries and the like as well")] = False

    def columns(self) -> dict[str, Any]:
        """Of the row."""
        return {
            "name": self.name, "area": self.area, "station": self.station, "language": self.language,
            "shows": [str(one) for one in Shows if one in self.shows], "work_orders": self.work_orders,
        }  # fmt: skip


class NewRobotGroup(_Group):
    """A group with a robot in it. Exactly one of `area` and `station`."""

    channel: Channel
    webhook_url: _Address
    secret: _Secret = None

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{**_EXAMPLE, **_ADDRESS}]})


class RobotGroupChange(_Group):
    """What it shows, and where. The robot stays, unless another one's address is given, with its secret."""

    channel: Channel
    webhook_url: _Address | None = None
    secret: _Secret = None

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})


class RobotPlace(Shape):
    """Whose alarms it shows."""

    scope: Literal["area", "station"]
    id: str


class RobotGroup(Shape):
    """A group, and how posting goes. `last_error`: why the last post was not taken, null when it was; `failures`: since
    then; nothing is posted before `paused_until`."""

    id: UUID
    name: str
    channel: Channel
    place: RobotPlace
    language: Literal["zh", "en"]
    shows: list[Shows]
    work_orders: bool
    posted_at: datetime | None
    tested_at: datetime | None
    test_wanted: bool
    failed_at: datetime | None
    last_error: str | None
    failures: int
    paused_until: datetime | None
    set_by_name: str | None
    created_at: datetime


class RobotGroupPage(Shape):
    """The groups of the caller's branch."""

    items: list[RobotGroup]
    next: str | None
