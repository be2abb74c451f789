"""Who answers to a target of a policy step at this moment: people are resolved when the step comes, never before."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The rule itself is the database's function `on_call` (migration 0003): it sees all staff whoever asks, so that
# nobody is left unpaged because an operator's own scope is narrower than the ladder.
_ON_CALL = text("""
    SELECT target, staff_id FROM unnest(CAST(:targets AS text[])) AS given(target),
        LATERAL on_call(:station, target, :now, CAST(:home AS uuid)) WITH ORDINALITY AS called(staff_id, place)
    ORDER BY target, place
""")

#: Targets that mean other people in every home.
OF_THE_HOME = frozenset({"assigned", "neighbours", "volunteers", "family"})


async def answering(
    conn: AsyncConnection, station_id: UUID, targets: Iterable[str], now: datetime, home_id: UUID | None = None
) -> dict[str, list[UUID]]:
    """Target -> people, in calling order; an empty list where nobody is on call. Unknown targets have nobody.

    Targets: `rota:TIER`; `desk` (operators) and `manager`, of this station or of a branch above it; `district`, the
    operators of the highest station above it; `assigned`, `neighbours`, `volunteers` and `family`, of the home's care
    circle; `person:ID`.
    """
    people: dict[str, list[UUID]] = {target: [] for target in targets}
    if not people:
        return people
    asked = {"station": station_id, "targets": list(people), "now": now, "home": home_id}
    for target, staff_id in await conn.execute(_ON_CALL, asked):
        if staff_id not in people[target]:
            people[target].append(staff_id)
    return people


async def desk(conn: AsyncConnection, station_id: UUID, now: datetime) -> list[UUID]:
    """The operators who answer for this station."""
    return (await answering(conn, station_id, ["desk"], now))["desk"]
