"""Dated absences of staff: on holiday, sick. Who is away is never on call.

What was entered is never deleted, only withdrawn; it counts for what lies ahead, and rewrites nothing that has been.
"""

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Index, Table, Text

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata


class AbsenceKind(StrEnum):
    """Why somebody is away."""

    HOLIDAY = "holiday"
    SICK = "sick"
    TRAINING = "training"
    OTHER = "other"


_KINDS = ", ".join(f"'{kind}'" for kind in AbsenceKind)

staff_absence = Table(
    "staff_absence",
    metadata,
    uuid_key(),
    refers("staff_id", "staff.id"),
    Column("kind", Text, CheckConstraint(f"kind IN ({_KINDS})", name="kind"), nullable=False),
    instant("begins_at", required=True),
    instant("ends_at", required=True),
    label("note", required=False),
    refers("entered_by", "staff.id"),
    recorded("entered_at"),
    instant("withdrawn_at"),
    refers("withdrawn_by", "staff.id", required=False),
    CheckConstraint("ends_at > begins_at AND isfinite(begins_at) AND isfinite(ends_at)", name="has_a_length"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_by_somebody"),
    Index("ix_staff_absence_staff", "staff_id", "ends_at"),
    comment="staff who are away, as somebody has entered it",
)
