"""Answers kept for `Idempotency-Key`, so that a repeated write gets its first answer again."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import recorded
from carebed.database import metadata

idempotency = Table(
    "idempotency",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", LargeBinary, nullable=False, comment="digest of method, path and body"),
    Column("status", SmallInteger),
    Column("body", JSONB),
    recorded(),
    Index("ix_idempotency_created_at", "created_at"),
)
