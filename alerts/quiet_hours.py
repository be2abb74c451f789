"""A person's quiet hours: local times between which no work order is sent to him. Calls for help always are."""

from sqlalchemy import Column, ForeignKey, Table, Time

from carebed.database import metadata

quiet_hours = Table(
    "quiet_hours",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("quiet_from", Time, nullable=False),
    Column("quiet_until", Time, nullable=False),
    comment="local times of the person's area; only work orders wait",
)
