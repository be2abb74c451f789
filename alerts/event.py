"""The event log: append-only, and the live stream's order.

`seq` is assigned under an advisory lock as the last thing a transaction does before its commit (`alerts.journal`), so
numbers appear in commit order and a cursor never skips one. A trigger in the database refuses UPDATE, DELETE and
TRUNCATE for everybody.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import instant, label, refers
from carebed.database import metadata

CHANNEL = "carebed_alarm"

_OF_CALLS = (
    "'raised', 'suspected', 'reopened', 'confirmed', 'acknowledged', 'accepted', 'en_route', 'arrived', 'resolved', "
    "'cancelled', 'cleared', 'movement_after_fall'"
)

alarm_event = Table(
    "alarm_event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    refers("alarm_id", "alarm.id"),
    Column("version", Integer, nullable=False, comment="the alarm's version after this event's transaction"),
    instant("at", required=True),
    instant("device_time"),
    label("type"),
    Column("actor_type", Text, nullable=False, comment="staff, device, engine or desk"),
    label("actor_id", required=False),
    label("channel", required=False),
    Column("data", JSONB, nullable=False, server_default="{}"),
    Index("ix_alarm_event_alarm", "alarm_id", "seq"),
    # For `alerts.kpi`: what belongs to calls, when they began, and which were tests.
    Index(
        "ix_alarm_event_call", "alarm_id", "seq", postgresql_include=["type", "at"],
        postgresql_where=text(f"type IN ({_OF_CALLS})"),
    ),
    Index(
        "ix_alarm_event_begins", "at", postgresql_include=["alarm_id"],
        postgresql_where=text("type IN ('raised', 'suspected', 'reopened')"),
    ),
    Index(
        "ix_alarm_event_test", "seq",
        postgresql_where=text("(type = 'resolved' AND data ->> 'outcome' = 'test') OR data ->> 'drill' = 'true'"),
    ),
)  # fmt: skip
