"""Rotas: who is on call at a station, on which tier, from when to when.

These are the shifts themselves, so that who is on call is one look. They are made from patterns and their changes for
some weeks ahead (`alerts.rota_rewrite`). What has been is never rewritten: a trigger refuses it for shifts of a
pattern, and another one writes every change of any shift into `rota_log`, which is only added to.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, Table, Text, Uuid, text

from alerts.rota_plan import Missing, Origin
from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata


def _one_of(column: str, words: type[Origin] | type[Missing]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(one)) for one in words)})", name=column)


rota = Table(
    "rota",
    metadata,
    uuid_key(),
    refers("station_id", "station.id"),
    refers("staff_id", "staff.id", index=True),
    Column("tier", Integer, CheckConstraint("tier BETWEEN 1 AND 9", name="tier"), nullable=False),
    instant("starts_at", required=True),
    instant("ends_at", required=True),
    refers("pattern_id", "rota_pattern.id", required=False),
    Column("origin", Text, _one_of("origin", Origin), nullable=False, server_default=text("'pattern'")),
    refers("override_id", "rota_override.id", required=False),
    CheckConstraint("ends_at > starts_at", name="has_a_length"),
    Index("ix_rota_station", "station_id", "tier", "starts_at"),
    Index("ix_rota_pattern", "pattern_id", "ends_at"),
)

rota_gap = Table(
    "rota_gap",
    metadata,
    uuid_key(),
    refers("pattern_id", "rota_pattern.id"),
    refers("staff_id", "staff.id"),
    instant("starts_at", required=True),
    instant("ends_at", required=True),
    Column("why", Text, _one_of("why", Missing), nullable=False),
    Index("ix_rota_gap_pattern", "pattern_id", "ends_at"),
    comment="shifts to be covered: whose turn it would have been",
)

rota_log = Table(
    "rota_log",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    recorded("at"),
    Column("change", Text, CheckConstraint("change IN ('made', 'moved', 'removed')", name="change"), nullable=False),
    Column("rota_id", Uuid, nullable=False),
    Column("station_id", Uuid, nullable=False),
    Column("pattern_id", Uuid),
    Column("staff_id", Uuid, nullable=False),
    Column("tier", Integer, nullable=False),
    instant("starts_at", required=True),
    instant("ends_at", required=True),
    label("origin"),
    Column("override_id", Uuid),
    Column("by_staff", Uuid, comment="who was signed in when it changed; null: the calendar, or somebody by SQL"),
    label("by_role"),
    Index("ix_rota_log_station", "station_id", "at"),
    comment="every change of every shift, so that it can be proven who was on call; only added to",
)
