"""The outbox: one row per message to a person or a system, with its delivery state.

Written in the alarm's own transaction (`alerts.telling`) and delivered afterwards (`alerts.outbox`), so nothing is told
that did not happen and nothing that happened is left untold.
"""

from enum import StrEnum

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata

CHANNEL = "carebed_notification"

_WAKE = text(f"SELECT pg_notify('{CHANNEL}', '')")


class Delivery(StrEnum):
    """Delivery state. It never goes back; a life-critical message is sent again rather than given up."""

    PENDING = "pending"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    EXPIRED = "expired"


_QUOTED = ", ".join(f"'{state}'" for state in Delivery)

notification = Table(
    "notification",
    metadata,
    uuid_key(),
    refers("alarm_id", "alarm.id", required=False, index=True),
    Column("channel", Text, CheckConstraint("channel ~ '^[a-z][a-z0-9_]{1,30}$'", name="channel"), nullable=False),
    refers("staff_id", "staff.id", required=False),
    refers("contact_method_id", "contact_method.id", required=False),
    Column("kind", Text, nullable=False, comment="called, repeated, expired, handled, cancelled, resolved"),
    Column("step", Integer, nullable=False),
    Column("life_critical", Boolean, nullable=False),
    Column(
        "drill", Boolean, nullable=False, server_default=text("false"),
        comment="goes after whatever is meant in earnest, by slots of its own",
    ),
    Column(
        "may_wait", Boolean, nullable=False, server_default=text("false"),
        comment="a work order: goes with others, and not in quiet hours",
    ),
    Column("payload", JSONB, nullable=False),
    Column("state", Text, CheckConstraint(f"state IN ({_QUOTED})", name="state"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("created_at", required=True),
    recorded("due_at", comment="not before, by the database clock; infinity: nothing more to do"),
    instant("next_attempt_at", required=True, comment="real time: leases and back-off are not shifted"),
    Column(
        "polls", SmallInteger, nullable=False, server_default=text("0"),
        comment="how often its provider was asked what became of it",
    ),
    instant("poll_at", comment="not asked again before; real time"),
    instant("handed_over_at"),
    instant("delivered_at"),
    instant("read_at"),
    label("provider_id", required=False),
    label("answer_code", required=False),
    label("error", required=False),
    Index(
        "ix_notification_pending", "channel", "life_critical", "drill", "next_attempt_at", "due_at",
        postgresql_where=text("state IN ('pending', 'handed_over')"),
    ),
    Index("ix_notification_live", "staff_id", postgresql_where=text("channel = 'live' AND state = 'pending'")),
    # As `alerts.provider.reference`.
    Index(
        "ix_notification_reference", "channel", text("\"right\"(replace(id::text, '-', ''), 15)"),
        postgresql_where=text("state IN ('pending', 'handed_over') AND attempts > 0"),
    ),
    Index(
        "ix_notification_provider", "channel", "provider_id", postgresql_where=text("provider_id IS NOT NULL")
    ),
    Index(
        "ix_notification_failing", "created_at",
        postgresql_where=text("contact_method_id IS NOT NULL AND error IS NOT NULL"),
    ),
    Index(
        "ix_notification_unreported", "handed_over_at",
        postgresql_where=text("state = 'handed_over' AND provider_id IS NOT NULL AND channel IN ('sms', 'voice')"),
    ),
    Index(
        "ix_notification_contact_method", "contact_method_id", "created_at",
        postgresql_where=text("contact_method_id IS NOT NULL"),
    ),
)  # fmt: skip


async def wake_outbox(conn: AsyncConnection) -> None:
    """With this transaction's commit the outbox looks for messages at once."""
    await conn.execute(_WAKE)
