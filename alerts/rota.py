"""Rotas: who is on call at a station, on which tier, from when to when."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table

from carebed.columns import instant, refers, uuid_key
from carebed.database import metadata

rota = Table(
    "rota",
    metadata,
    uuid_key(),
    refers("station_id", "station.id"),
    refers("staff_id", "staff.id", index=True),
    Column("tier", Integer, CheckConstraint("tier BETWEEN 1 AND 9", name="tier"), nullable=False),
    instant("starts_at", required=True),
    instant("ends_at", required=True),
    CheckConstraint("ends_at > starts_at", name="has_a_length"),
    Index("ix_rota_station", "station_id", "tier", "starts_at"),
)
