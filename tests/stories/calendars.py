"""Posts with people in turn, swaps of their shifts, ladders that hold for a time of day, and the hour that it is."""

from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import text
from storyteller import Story

from alerts import rota_swap
from alerts.policy import Policy, policy_json
from alerts.rota_pattern import Layer, layers_json
from alerts.rota_rewrite import lock, rewrite
from carebed.clock import now
from carebed.ids import new_id
from tests.station import AREA

_SET_CLOCK = text("UPDATE clock_shift SET shift = :at - clock_timestamp(), shifted_at = clock_timestamp()")
_PUT_PATTERN = text("INSERT INTO rota_pattern (id, station_id, tier, name) VALUES (:pattern, :station, :tier, 'post')")
_PUT_VERSION = text("""
    INSERT INTO rota_version (id, pattern_id, layers, holds_from)
    VALUES (:id, :pattern, CAST(:layers AS jsonb), carebed_now() - interval '1 day')
""")
_PUT_POLICY = text("""
    INSERT INTO policy (id, station_id, from_time, to_time, ladder)
    VALUES (:id, :station, :since, :until, CAST(:ladder AS jsonb))
""")
_NEXT_SHIFT = """
    SELECT id, starts_at FROM rota WHERE staff_id = :who AND starts_at > carebed_now() ORDER BY starts_at LIMIT 1
"""


async def it_is(story: Story, at: str, zone: str) -> None:
    """The station lies in this zone, and it is this time (ISO 8601 with its offset)."""
    async with story.owner.transaction() as conn:
        await conn.execute(_SET_CLOCK, {"at": datetime.fromisoformat(at)})
        await conn.execute(text("UPDATE area SET time_zone = :zone WHERE code = :area"), {"zone": zone, "area": AREA})
    await story.do("UPDATE rota SET starts_at = '2026-01-01', ends_at = '2036-01-01' WHERE pattern_id IS NULL")


async def takes_turns(story: Story, tier: int, *names: str) -> None:
    """A post of the rota, handed over every day at eight."""
    async with story.database.transaction() as conn:
        at = await lock(conn)
        layer = Layer(tuple(story.people[name] for name in names), (at - timedelta(days=9)).date(), 1, time(8))
        row: dict[str, Any] = {"pattern": new_id(), "station": story.station, "tier": tier}
        await conn.execute(_PUT_PATTERN, row)
        await conn.execute(_PUT_VERSION, row | {"id": new_id(), "layers": layers_json((layer,))})
        await rewrite(conn, at, [row["pattern"]])


async def offers_next_shift(story: Story, who: str, to: str) -> tuple[Any, float]:
    """He offers it to a colleague; the swap, and in how many seconds the shift begins."""
    async with story.database.transaction() as conn:
        shift = (await conn.execute(text(_NEXT_SHIFT), {"who": story.people[who]})).one()
        swap = await rota_swap.propose(conn, story.people[who], shift.id, story.people[to], None, None)
        return swap, (shift.starts_at - await now(conn)).total_seconds()


async def agrees(story: Story, who: str, swap: Any) -> None:
    """The colleague takes it."""
    async with story.database.transaction() as conn:
        await rota_swap.accept(conn, story.people[who], swap)


async def ladder_between(story: Story, since: str, until: str, ladder: Policy) -> None:
    """Beside the station's other ladders, for alarms that are raised between these local times."""
    row = {"id": new_id(), "station": story.station, "ladder": policy_json(ladder)}
    async with story.database.transaction() as conn:
        span = {"since": time.fromisoformat(since), "until": time.fromisoformat(until)}
        await conn.execute(_PUT_POLICY, row | span)
