"""Homes, the residents in them, and the home-care bed: the unit that the bureau counts."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Integer, SmallInteger, Table, Text, text

from carebed.columns import label, recorded, refers, uuid_key
from carebed.database import metadata

#: A device that is paired in the morning is installed that day.
FIRST_SIGN_S = 86_400

#: Seconds after which the loss of a home's link must be known, by its grade (EN 50136-1, EN 50131-1).
REPORTING_S = {2: 86_400, 3: 18_000, 4: 180}

#: What a bed goes through, in order; `suspended` may return to `in_service`.
BED_STATES = ("enrolled", "assessed", "approved", "built", "in_service", "suspended", "ended")

home = Table(
    "home",
    metadata,
    uuid_key(),
    label("name"),
    label("address", required=False),
    refers("area_code", "area.code", index=True),
    refers("station_id", "station.id", index=True),
    Column(
        "transmission_grade",
        SmallInteger,
        CheckConstraint("transmission_grade BETWEEN 2 AND 4", name="transmission_grade"),
        comment="after how long its gateway counts as offline (EN 50136); null: after its missed beats",
    ),
    Column(
        "first_sign_s",
        Integer,
        CheckConstraint("first_sign_s BETWEEN 600 AND 2592000", name="first_sign_s"),
        nullable=False,
        server_default=str(FIRST_SIGN_S),
        comment="seconds after pairing within which a device must be heard of",
    ),
    Column(
        "probe", Boolean, nullable=False, server_default=text("false"),
        comment="nobody lives there: only the probe presses, and what it presses counts in no figure",
    ),
    recorded(),
)  # fmt: skip

resident = Table(
    "resident",
    metadata,
    uuid_key(),
    refers("home_id", "home.id", index=True),
    label("name"),
    Column("born_on", Date),
    recorded(),
)

bed = Table(
    "bed",
    metadata,
    uuid_key(),
    refers("home_id", "home.id", index=True),
    refers("resident_id", "resident.id", required=False),
    Column("number", Text, nullable=False, unique=True),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('" + "', '".join(BED_STATES) + "')", name="state"),
        nullable=False,
        server_default="enrolled",
    ),
    recorded(),
    comment="home-care beds (family care beds)",
)
