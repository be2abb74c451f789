"""The alarm lane's memory of what it accepted: decides what is new and what is a resend. Kept 90 days."""

from sqlalchemy import Column, Index, LargeBinary, SmallInteger, Table, Text, text

from carebed.columns import instant, label, refers
from carebed.database import metadata

inbox = Table(
    "inbox",
    metadata,
    Column("gateway_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True, comment="same id, another digest: a counter that restarted"),
    Column("occurrence", SmallInteger, primary_key=True, server_default=text("0"),
           comment="a message without a usable time counts as a new one after an hour"),
    label("type"),
    instant("happened_at"),
    instant("received_at", required=True),
    refers("alarm_id", "alarm.id", required=False),
    Index("ix_inbox_received_at", "received_at"),
)  # fmt: skip
