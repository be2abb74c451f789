"""How one gets into a home in need: key box, door code, what to beware of. And who has read or written it.

Nobody reads it from the table, whoever he is: the API's role may write it and see when it was written, and only the
function `access_notes_of` (migration 0026) gives it out, to who has accepted an open alarm of the home, with a line in
`access_log`, to which is only ever added.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Index, Table, Text

from carebed.columns import instant, label, recorded, refers
from carebed.database import metadata

access_note = Table(
    "access_note",
    metadata,
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    label("key_box", required=False),
    label("door_code", required=False),
    label("hazards", required=False),
    instant("updated_at", required=True),
    refers("updated_by", "staff.id"),
    comment="how one gets into a home; given out by access_notes_of() alone",
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    recorded("at"),
    refers("home_id", "home.id"),
    refers("alarm_id", "alarm.id", required=False),
    refers("staff_id", "staff.id"),
    Column("what", Text, CheckConstraint("what IN ('read', 'written')", name="what"), nullable=False),
    Index("ix_access_log_home_id", "home_id", "id"),
    comment="who has read or written access notes; append-only",
)
