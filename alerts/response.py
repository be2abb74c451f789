"""One row per alarm and person: called, accepted, declined, on the way, arrived, left."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from carebed.columns import instant
from carebed.database import metadata


class ResponseState(StrEnum):
    """Where one responder stands with one alarm."""

    CALLED = "called"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EN_ROUTE = "en_route"
    ARRIVED = "arrived"
    LEFT = "left"
    HANDED_BACK = "handed_back"


#: He goes, or is there.
ACTIVE = frozenset({ResponseState.ACCEPTED, ResponseState.EN_ROUTE, ResponseState.ARRIVED})


def is_coming(response: Mapping[str, Any]) -> bool:
    """Of a response in an alarm object: he goes and is not overdue, or is there."""
    return response.get("state") in ACTIVE and not response.get("overdue_at")


_QUOTED = ", ".join(f"'{state}'" for state in ResponseState)

response = Table(
    "response",
    metadata,
    Column("alarm_id", ForeignKey("alarm.id"), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("state", Text, CheckConstraint(f"state IN ({_QUOTED})", name="state"), nullable=False),
    Column("step", Integer, nullable=False, comment="ladder step at which this person was called or came in"),
    instant("called_at"),
    instant("accepted_at"),
    instant("declined_at"),
    instant("en_route_at"),
    instant("arrived_at"),
    instant("left_at"),
    instant("device_at"),
    instant("expires_at"),
    instant("overdue_at", comment="since when he should have been there, until he says again that he comes"),
    Index("ix_response_staff_id", "staff_id"),
)
