"""Patterns of a rota: one post on a tier of a station, and whose turn it is there.

A pattern is one post: at any moment at most one person. A tier on which two people are to be on call has two patterns.
What a pattern is, is never changed but followed by another version, so it can be proven what held when.
"""

from datetime import date, time
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, Column, Index, Integer, Table
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata

#: Who takes turns, and how many layers may count above each other.
PEOPLE_AT_MOST = 60
LAYERS_AT_MOST = 20


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Hours of the week, by the local clock. `days`: 1 is Monday. `until` not after `from`: on the day after."""

    days: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...], msgspec.Meta(min_length=1, max_length=7)]
    from_: time
    until: time


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """People in turn, each for `turn_days` days (1 daily, 7 weekly), handing over at `handover` by the local clock.

    `anchor`: a day on which the first of `people` takes over. `spans`: when the layer counts; none: round the clock.
    """

    people: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=PEOPLE_AT_MOST)]
    anchor: date
    turn_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 7
    handover: time = time(8)
    spans: Annotated[tuple[Span, ...], msgspec.Meta(max_length=50)] = ()


def layers_json(layers: tuple[Layer, ...]) -> str:
    """As a version keeps them."""
    return msgspec.json.encode(layers).decode()


def layers_from(value: object) -> tuple[Layer, ...]:
    """Read them; raises msgspec.ValidationError for anything else."""
    return msgspec.convert(value, tuple[Layer, ...])


rota_pattern = Table(
    "rota_pattern",
    metadata,
    uuid_key(),
    refers("station_id", "station.id", index=True),
    Column("tier", Integer, CheckConstraint("tier BETWEEN 1 AND 9", name="tier"), nullable=False),
    label("name"),
    recorded(),
    refers("created_by", "staff.id", required=False),
    instant("planned_at", comment="when its shifts were last compared with it"),
    instant("planned_until", comment="up to when it has been made into shifts"),
    comment="posts on a tier of a station's rota",
)

rota_version = Table(
    "rota_version",
    metadata,
    uuid_key(),
    refers("pattern_id", "rota_pattern.id"),
    Column("layers", JSONB, nullable=False, comment="alerts.rota_pattern.Layer; none: the pattern has ended"),
    instant("holds_from", required=True),
    refers("set_by", "staff.id", required=False),
    recorded("set_at"),
    label("note", required=False),
    Index("ix_rota_version_pattern", "pattern_id", "set_at"),
    comment="what a pattern is from when on; only added to",
)
