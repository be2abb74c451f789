"""The care circle of a home: who is paired with it and can be called to it, or told of it.

Rows of `staff` all of them, so that answers, messages and the event log know one kind of person.
"""

from sqlalchemy import CheckConstraint, Column, SmallInteger, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import recorded, refers, uuid_key
from carebed.database import metadata

RELATIONS = ("assigned", "neighbour", "volunteer", "family")

care_circle = Table(
    "care_circle",
    metadata,
    uuid_key(),
    refers("home_id", "home.id"),
    refers("staff_id", "staff.id", index=True),
    Column(
        "relation",
        Text,
        CheckConstraint("relation IN ('" + "', '".join(RELATIONS) + "')", name="relation"),
        nullable=False,
    ),
    Column("rank", SmallInteger, nullable=False, server_default=text("1"), comment="calling order, lowest first"),
    Column("tells", JSONB, nullable=False, server_default=text("'{}'"), comment="what a relative wants to be told of"),
    recorded(),
    UniqueConstraint("home_id", "staff_id", "relation"),
    comment="who is paired with a home and can be called to it, or told of it",
)
