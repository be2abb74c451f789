"""A group with a robot in it: which alarms it shows, and how far it has shown them.

Its address and secret let anybody post into the group: they are written, read by who posts, and shown to nobody; the
roles of the API and of the reader may not select them (migration 0031).
"""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from alerts.robot.robots import ROBOTS
from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata
from registry.staff import LANGUAGES


class Shows(StrEnum):
    """What a group may want to see of an alarm."""

    RAISED = "raised"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    OVER = "over"


#: The events of an alarm's log that are shown, by what they are to a group. A fall that is only suspected is nobody's
#: business yet (`alerts.suspicion`).
EVENTS: dict[Shows, tuple[str, ...]] = {
    Shows.RAISED: ("raised", "confirmed", "reopened"),
    Shows.ANSWERED: ("acknowledged", "accepted", "en_route", "arrived"),
    Shows.UNANSWERED: (
        "last_resort", "not_reached", "acknowledgement_expired", "acceptance_expired", "arrival_overdue",
        "handed_back", "returned",
    ),
    Shows.OVER: ("resolved", "cancelled", "cleared"),
}  # fmt: skip

WHAT = {event: what for what, events in EVENTS.items() for event in events}


def _one_of(column: str, values: Iterable[str]) -> str:
    quoted = ", ".join(f"'{one}'" for one in values)
    return f"{column} IN ({quoted})"


robot_group = Table(
    "robot_group",
    metadata,
    uuid_key(),
    label("name"),
    Column("channel", Text, CheckConstraint(_one_of("channel", ROBOTS), name="channel"), nullable=False),
    refers("area_code", "area.code", required=False),
    refers("station_id", "station.id", required=False),
    Column("webhook_url", Text, nullable=False, unique=True, comment="whoever has it can post; shown to nobody"),
    Column("secret", Text, comment="signs what is posted; shown to nobody"),
    Column("language", Text, CheckConstraint(_one_of("language", LANGUAGES), name="language"), nullable=False),
    Column("shows", ARRAY(Text), nullable=False),
    Column("work_orders", Boolean, nullable=False),
    Column(
        "shown_seq", BigInteger, nullable=False, server_default=text("newest_event()"),
        comment="the last event of the log that has been shown, or is none of the group's",
    ),
    Column(
        "posts", ARRAY(DateTime(timezone=True)), nullable=False, server_default="{}",
        comment="when it was posted to within the last minute, tried or taken; real time",
    ),
    instant("posted_at", comment="the last post that was taken"),
    instant("tested_at", comment="the last test that was taken"),
    Column("test_wanted", Boolean, nullable=False, server_default=text("false")),
    instant("failed_at"),
    label("last_error", required=False),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="since the last post that was taken"),
    instant("paused_until", comment="real time"),
    refers("set_by", "staff.id", required=False),
    recorded(),
    CheckConstraint("num_nonnulls(area_code, station_id) = 1", name="place"),
    comment="group chats that show alarms; no route to anybody",
)  # fmt: skip
