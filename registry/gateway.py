"""Gateways and the devices behind them, with their credentials.

A gateway stands in one home, or is *hosted*: a LoRaWAN server or a watch vendor's cloud that serves many homes. The
gateway itself is also a device, whose id is the gateway's (`_` on the wire).
"""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, Table, Text, text

from carebed.columns import instant, label, recorded, refers
from carebed.database import metadata
from registry.room import ROOMS

#: Beats that must be missed in a row before a device counts as offline (EN 50136: judged from several missed beats).
MISSED_BEATS = 4

gateway = Table(
    "gateway",
    metadata,
    Column(
        "id",
        Text,
        CheckConstraint("id ~ '^[A-Za-z0-9_-]{1,64}$' AND id !~ '^(ingest|carebed)-'", name="id"),
        primary_key=True,
    ),
    refers("home_id", "home.id", required=False, index=True),
    refers("station_id", "station.id"),
    Column("hosted", Boolean, nullable=False, server_default=text("false")),
    label("secret_hash"),
    instant("revoked_at"),
    recorded(),
    CheckConstraint("hosted OR home_id IS NOT NULL", name="has_a_place"),
)

device = Table(
    "device",
    metadata,
    Column("id", Text, CheckConstraint("id ~ '^[A-Za-z0-9_:.-]{1,64}$'", name="id"), primary_key=True),
    refers("gateway_id", "gateway.id", index=True),
    refers("home_id", "home.id", required=False),
    refers("resident_id", "resident.id", required=False),
    label("kind"),
    label("name", required=False),
    Column(
        "room",
        Text,
        CheckConstraint("room IN ('" + "', '".join(ROOMS) + "')", name="room"),
        comment="where it is; null: nobody has said",
    ),
    Column(
        "heartbeat_s",
        Integer,
        CheckConstraint("heartbeat_s BETWEEN 10 AND 86400", name="heartbeat_s"),
        comment="expected seconds between signs of life; null: judged by nobody",
    ),
    Column("missed_beats", Integer, nullable=False, server_default=str(MISSED_BEATS)),
    instant("in_home_since", comment="when it came from another home; null: it has never been in another"),
    recorded(),
    Index("ix_device_home_id", "home_id"),
)
