"""What share of calls a district promises to answer within so many seconds, and whose figure that is.

Set for a branch of the area tree; the nearest one above an area holds for it, and where nobody has set any, the TSA's.
"""

from typing import Annotated

import msgspec
from sqlalchemy import Column, ForeignKey, Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant, refers
from carebed.database import metadata


class KpiTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least `share` (0 to 1) of the calls are answered within `within_s`; `source`: who says so."""

    within_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    share: Annotated[float, msgspec.Meta(gt=0, le=1)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


_TSA = "TSA code of practice (UK telecare)"
DEFAULT_TARGETS = (KpiTarget(60, 0.975, _TSA), KpiTarget(180, 0.99, _TSA))

#: More than anybody has promised yet; each is a column of the figures.
MOST_TARGETS = 6

kpi_target = Table(
    "kpi_target",
    metadata,
    Column("area_code", ForeignKey("area.code"), primary_key=True),
    Column("targets", JSONB, nullable=False),
    refers("set_by", "staff.id"),
    instant("set_at", required=True),
    comment="shares of calls to be answered in time, for a branch of the area tree",
)

# The nearest branch above that has targets of its own.
_NEAREST = text("""
    SELECT area_code, targets FROM kpi_target WHERE CAST(:area AS text) ^@ area_prefix(area_code)
    ORDER BY length(area_prefix(area_code)) DESC LIMIT 1
""")


async def read_targets(conn: AsyncConnection, area: str) -> tuple[str | None, tuple[KpiTarget, ...]]:
    """Where the targets that hold in this area are set (None: nowhere), and the targets."""
    row = (await conn.execute(_NEAREST, {"area": area})).one_or_none()
    if row is None:
        return None, DEFAULT_TARGETS
    return row.area_code, msgspec.convert(row.targets, tuple[KpiTarget, ...])
