"""Visits on record. An answered alarm writes one when the responder arrives; later, planned visits stand here too."""

from sqlalchemy import CheckConstraint, Column, Index, Table, Text

from carebed.columns import instant, label, refers, uuid_key
from carebed.database import metadata

visit = Table(
    "visit",
    metadata,
    uuid_key(),
    refers("area_code", "area.code", index=True),
    refers("home_id", "home.id", required=False, index=True),
    refers("resident_id", "resident.id", required=False),
    refers("staff_id", "staff.id"),
    refers("alarm_id", "alarm.id", required=False),
    Column("kind", Text, CheckConstraint("kind IN ('emergency')", name="kind"), nullable=False),
    instant("started_at", required=True),
    instant("started_device_at"),
    instant("ended_at"),
    label("outcome", required=False),
    Index("uq_visit_alarm_staff", "alarm_id", "staff_id", "started_at", unique=True),
)
