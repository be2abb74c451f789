"""Readings: one row per measurement or event of a device, partitioned by time."""

from sqlalchemy import Column, Float, Index, Table
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import instant, label
from carebed.database import metadata

reading = Table(
    "reading",
    metadata,
    instant("time", required=True),
    label("device_id"),
    label("message_id"),
    label("type"),
    Column("value", Float, comment="numbers as they are, true and false as 1 and 0"),
    label("value_text", required=False),
    label("unit", required=False),
    Column("data", JSONB),
    instant("received_at", required=True),
    # The judge of what was counted already, in the order of a device's history; the time in it makes a counter that
    # restarted a new reading.
    Index("uq_reading_device_time_message", "device_id", "time", "message_id", unique=True),
    # For the rollup: what a batch has stored. A summary per 64 pages (about 2,700 rows), no work per row.
    Index("ix_reading_received_at", "received_at", postgresql_using="brin", postgresql_with={"pages_per_range": 64}),
    postgresql_partition_by="RANGE (time)",
    comment="readings and health messages of devices",
)
