"""Who answers to a target of a policy step at this moment: people are resolved when the step comes, never before."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The rule itself is the database's function `on_call` (migration 0003): it sees all staff whoever asks, so that
# nobody is left unpaged because an operator's own scope is narrower than the ladder.
_ON_CALL = text("SELECT on_call(:station, :target, :now)")


async def answering(
    conn: AsyncConnection, station_id: UUID, targets: Iterable[str], now: datetime
) -> dict[str, list[UUID]]:
    """Target -> people, in calling order; an empty list where nobody is on call. Unknown targets have nobody.

    Targets: `rota:TIER`, `desk` (operators) and `manager`, the last two of this station or of a branch above it.
    """
    people: dict[str, list[UUID]] = {}
    for target in targets:
        rows = await conn.execute(_ON_CALL, {"station": station_id, "target": target, "now": now})
        people[target] = list(dict.fromkeys(rows.scalars()))
    return people


async def desk(conn: AsyncConnection, station_id: UUID, now: datetime) -> list[UUID]:
    """The operators who answer for this station."""
    return (await answering(conn, station_id, ["desk"], now))["desk"]
