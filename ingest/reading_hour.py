"""Readings by the hour, for charts: one row per device, type and hour, recomputed when readings of that hour came in.

The rows outlive the readings (`ingest.retention`). `rollup_due` says what came in and is not in them yet.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Float, Identity, Integer, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant
from carebed.database import metadata

reading_hour = Table(
    "reading_hour",
    metadata,
    Column("device_id", Text, primary_key=True),
    Column("hour", instant("hour").type, primary_key=True, comment="its beginning, UTC"),
    Column("type", Text, primary_key=True),
    Column("readings", Integer, nullable=False),
    Column("numbers", Integer, nullable=False, comment="readings whose value is a number that can be summed"),
    Column("sum", Float),
    Column("min", Float),
    Column("max", Float),
    Column("first", Float, comment="by the device's time"),
    Column("last", Float),
    postgresql_partition_by="RANGE (hour)",
    comment="readings of a device and type by the hour; without numbers only their count",
)

rollup_due = Table(
    "rollup_due",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant("received_at", required=True, comment="of all readings of the batch"),
    instant("first", required=True, comment="the earliest time of its readings"),
    instant("last", required=True, comment="the latest"),
    Column("readings", Integer, nullable=False),
    comment="batches of readings that are not in reading_hour yet; written in the batch's own transaction",
)

_NOTE = text("""
    INSERT INTO rollup_due (received_at, first, last, readings) VALUES (:received_at, :first, :last, :readings)
""")


async def note_batch(
    conn: AsyncConnection, received_at: datetime, first: datetime, last: datetime, readings: int
) -> None:
    """Say that `readings` readings from `first` to `last` are stored with this `received_at`.

    In the same transaction: so whenever the readings become visible, this does, and the rollup needs no cursor.
    """
    await conn.execute(_NOTE, {"received_at": received_at, "first": first, "last": last, "readings": readings})
