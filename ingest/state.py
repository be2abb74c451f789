"""The newest that is known of each device and home, one row per lane, so that the lanes never wait for each other.

`seen_at` is when the platform last heard of it (database clock at receipt); `activity_at` is when the person was last
active (device time, never in the future). Neither ever moves backwards.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, SmallInteger, Table, Text

from carebed.columns import instant
from carebed.database import metadata

_LANES = "lane IN ('alarm', 'reading')"

device_state = Table(
    "device_state",
    metadata,
    Column("device_id", ForeignKey("device.id"), primary_key=True),
    Column("lane", Text, CheckConstraint(_LANES, name="lane"), primary_key=True),
    instant("seen_at", required=True),
    instant("silent_from", comment="its last sign of life before its last silence of more than a minute"),
    instant("back_at", comment="the end of that silence"),
)

home_state = Table(
    "home_state",
    metadata,
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    Column("lane", Text, CheckConstraint(_LANES, name="lane"), primary_key=True),
    instant("activity_at", required=True),
)

watermark = Table(
    "watermark",
    metadata,
    Column("lane", Text, CheckConstraint(_LANES, name="lane"), primary_key=True),
    Column(
        "shard_group", SmallInteger, CheckConstraint("shard_group BETWEEN 0 AND 15", name="group"), primary_key=True
    ),
    instant("stamp", required=True, comment="all that was published before it is committed"),
    instant("committed_at", required=True, comment="real time, never shifted"),
    instant("recovered_at", required=True, comment="end of the last gap, by the database clock"),
)
