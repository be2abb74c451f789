"""Dated absences: nobody is at home from then till then (hospital, holiday), as somebody has entered it.

What was entered is never deleted, only withdrawn: afterwards it must be seen why nobody was alarmed.
"""

from sqlalchemy import CheckConstraint, Index, Table

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata

absence = Table(
    "absence",
    metadata,
    uuid_key(),
    refers("home_id", "home.id"),
    instant("begins_at", required=True),
    instant("ends_at", required=True),
    refers("entered_by", "staff.id"),
    label("note", required=False),
    recorded(),
    instant("withdrawn_at"),
    refers("withdrawn_by", "staff.id", required=False),
    CheckConstraint("ends_at > begins_at AND isfinite(begins_at) AND isfinite(ends_at)", name="has_a_length"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_by_somebody"),
    Index("ix_absence_home", "home_id", "ends_at"),
    comment="nobody is at home, as somebody has entered it",
)
