"""The outbox: one row per message to a person or a system, with its delivery state.

Written in the alarm's own transaction and delivered afterwards, so nothing is told that did not happen and nothing
that happened is left untold.
"""

from enum import StrEnum

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import instant, label, refers, uuid_key
from carebed.database import metadata

CHANNEL = "carebed_notification"


class Delivery(StrEnum):
    """Delivery state. A life-critical message is sent again rather than given up."""

    PENDING = "pending"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"


_QUOTED = ", ".join(f"'{state}'" for state in Delivery)

notification = Table(
    "notification",
    metadata,
    uuid_key(),
    refers("alarm_id", "alarm.id", index=True),
    Column("channel", Text, CheckConstraint("channel IN ('live', 'webhook')", name="channel"), nullable=False),
    refers("staff_id", "staff.id", required=False),
    Column("kind", Text, nullable=False, comment="called, repeated, expired, handled, cancelled, resolved"),
    Column("step", Integer, nullable=False),
    Column("life_critical", Boolean, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("state", Text, CheckConstraint(f"state IN ({_QUOTED})", name="state"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("created_at", required=True),
    instant("next_attempt_at", required=True, comment="real time: back-off is not shifted"),
    instant("handed_over_at"),
    instant("delivered_at"),
    label("error", required=False),
    Index(
        "ix_notification_pending", "channel", "life_critical", "next_attempt_at",
        postgresql_where=text("state = 'pending'"),
    ),
)  # fmt: skip
