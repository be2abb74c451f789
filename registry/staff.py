"""Staff and their sign-in sessions. Passwords as argon2 hashes; tokens only as SHA-256 of what the client holds."""

from sqlalchemy import Boolean, CheckConstraint, Column, LargeBinary, Table, Text, text

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata

ROLES = ("caregiver", "operator", "manager", "supervisor", "admin")

staff = Table(
    "staff",
    metadata,
    uuid_key(),
    Column("login", Text, nullable=False, unique=True),
    label("name"),
    Column("role", Text, CheckConstraint("role IN ('" + "', '".join(ROLES) + "')", name="role"), nullable=False),
    refers("area_code", "area.code"),
    refers("station_id", "station.id", required=False, index=True),
    label("password_hash"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    recorded(),
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
    comment="expiry in real time: a shifted demo clock signs nobody out",
)
