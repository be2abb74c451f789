"""Everybody who can be called, and sign-in sessions: staff, and the neighbours, volunteers and relatives of homes.

Passwords as argon2 hashes; tokens only as SHA-256 of what the client holds.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, LargeBinary, Table, Text, text

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata

#: They are called to the homes that they are paired with (`registry.care_circle`), and see nothing else. Most of them
#: never sign in.
OUTSIDERS = ("neighbour", "volunteer", "family")

ROLES = ("caregiver", "operator", "manager", "supervisor", "admin", *OUTSIDERS)

#: In which people are told.
LANGUAGES = ("zh", "en")

_OUTSIDERS = ", ".join(f"'{role}'" for role in OUTSIDERS)

staff = Table(
    "staff",
    metadata,
    uuid_key(),
    Column("login", Text, unique=True),
    label("name"),
    Column("role", Text, CheckConstraint("role IN ('" + "', '".join(ROLES) + "')", name="role"), nullable=False),
    refers("area_code", "area.code"),
    refers("station_id", "station.id", required=False, index=True),
    label("password_hash", required=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column(
        "language",
        Text,
        CheckConstraint("language IN ('" + "', '".join(LANGUAGES) + "')", name="language"),
        nullable=False,
        server_default="zh",
        comment="in which he is told",
    ),
    recorded(),
    CheckConstraint(
        f"(login IS NULL) = (password_hash IS NULL) AND (login IS NOT NULL OR role IN ({_OUTSIDERS}))", name="sign_in"
    ),
)

staff_session = Table(
    "staff_session",
    metadata,
    uuid_key(),
    refers("staff_id", "staff.id", index=True),
    Column("access_hash", LargeBinary, nullable=False, unique=True),
    Column("refresh_hash", LargeBinary, nullable=False, unique=True),
    instant("access_expires_at", required=True),
    instant("refresh_expires_at", required=True),
    Column(
        "seen_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("clock_timestamp()"),
        comment="last request or open live stream, to within some seconds; real time",
    ),
    comment="expiry in real time: a shifted demo clock signs nobody out",
)
