"""Reading the quarantine: pages of it, one row, and what the registry knows of the sender."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# The gateway by the topic as bytes: it may hold what no text does. Waiting rows are those without an outcome.
_FILTER = """
    (CAST(:reason AS text) IS NULL OR reason = :reason) AND (CAST(:lane AS text) IS NULL OR lane = :lane)
    AND (CAST(:gateway AS text) IS NULL OR split_part(encode(topic, 'escape'), '/', 4) = :gateway)
    AND (CAST(:since AS timestamptz) IS NULL OR received_at >= :since)
    AND (:replayed_too OR outcome IS NULL)
"""

# A page, newest first.
_PAGE = text(f"""
    SELECT id, received_at, lane, topic, length(payload) AS size_bytes, reason, detail, replayed_at, outcome
    FROM quarantine WHERE {_FILTER} AND (CAST(:before AS bigint) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
""")

# What is to be replayed, oldest first: a cancel comes after its call.
_IDS = text(f"SELECT id FROM quarantine WHERE {_FILTER} ORDER BY id LIMIT :limit")

_ROW = text("""
    SELECT id, received_at, lane, topic, payload, reason, detail, replayed_at, outcome FROM quarantine WHERE id = :id
""")

_GATEWAY = text("""
    SELECT gateway.id, gateway.home_id, gateway.hosted, gateway.revoked_at, station.name AS station, station.area_code
    FROM gateway JOIN station ON station.id = gateway.station_id WHERE gateway.id = :id
""")

_DEVICE = text("SELECT id, kind, gateway_id FROM device WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; None: all. `replayed_too`: also those that have been taken in since."""

    reason: str | None = None
    lane: str | None = None
    gateway: str | None = None
    since: datetime | None = None
    replayed_too: bool = False

    def values(self) -> dict[str, Any]:
        """Parameters of the statements."""
        return {
            "reason": self.reason, "lane": self.lane, "gateway": self.gateway, "since": self.since,
            "replayed_too": self.replayed_too,
        }  # fmt: skip


async def read_page(conn: AsyncConnection, wanted: Filter, limit: int, before: int | None) -> list[Row[Any]]:
    """Newest first; `before`: the id at which the page before ended."""
    return list((await conn.execute(_PAGE, {**wanted.values(), "limit": limit, "before": before})).all())


async def read_ids(conn: AsyncConnection, wanted: Filter, limit: int) -> list[int]:
    """Ids that still wait, oldest first."""
    return list((await conn.execute(_IDS, {**wanted.values(), "limit": limit})).scalars())


async def read_row(conn: AsyncConnection, row_id: int) -> Row[Any] | None:
    """One row with its payload."""
    return (await conn.execute(_ROW, {"id": row_id})).one_or_none()


async def read_sender(
    conn: AsyncConnection, gateway: str | None, device: str | None
) -> tuple[Row[Any] | None, Row[Any] | None]:
    """The gateway (revoked or not) and the device of these ids, as far as the registry has them."""
    found = (await conn.execute(_GATEWAY, {"id": gateway})).one_or_none() if gateway else None
    known = (await conn.execute(_DEVICE, {"id": device})).one_or_none() if device else None
    return found, known
