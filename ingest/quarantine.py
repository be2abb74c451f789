"""What could not be taken in, whole and with its reason, so that nothing received is dropped silently."""

from sqlalchemy import BigInteger, Column, Identity, Index, LargeBinary, Table, Text

from carebed.columns import instant, label
from carebed.database import metadata

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant("received_at", required=True),
    label("lane"),
    Column("topic", LargeBinary, nullable=False, comment="as received; may hold what no text column takes"),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    label("detail", required=False),
    Index("ix_quarantine_received_at", "received_at"),
)
