"""Patterns made into shifts: people change them while time passes, and what has been stays as it was."""

import asyncio
import random
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from station_world import StationWorld

from alerts.rota_pattern import Layer, Span, layers_json
from alerts.rota_rewrite import AHEAD, Standing, changes, lock, patterns_with, plan_ahead, rewrite
from carebed.ids import new_id

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
NIGHTS = (Span(EVERY_DAY, time(20), time(8)),)


async def post(world: StationWorld, *layers: Layer, tier: int = 1) -> UUID:
    """A new post with this pattern, made into shifts."""
    pattern = new_id()
    await world.do(
        "INSERT INTO rota_pattern (id, station_id, tier, name) VALUES (:id, :station, :tier, 'post')",
        id=pattern, station=world.station, tier=tier,
    )  # fmt: skip
    await follow(world, pattern, *layers)
    return pattern


async def follow(world: StationWorld, pattern: UUID, *layers: Layer) -> None:
    """From now on the post follows this pattern."""
    async with world.database.transaction() as conn:
        now = await lock(conn)
        await conn.execute(
            text(
                "INSERT INTO rota_version (id, pattern_id, layers, holds_from)"
                " VALUES (:id, :of, CAST(:layers AS jsonb), :now)"
            ),
            {"id": new_id(), "of": pattern, "layers": layers_json(layers), "now": now},
        )
        await rewrite(conn, now, [pattern])


async def away(world: StationWorld, who: str, since: float, hours: float) -> None:
    """`who` is away from `since` hours from now, for so many hours."""
    async with world.database.transaction() as conn:
        now = await lock(conn)
        begins = now + timedelta(hours=since)
        await conn.execute(
            text(
                "INSERT INTO staff_absence (id, staff_id, kind, begins_at, ends_at, entered_by)"
                " VALUES (:id, :staff, 'sick', :begins, :ends, :staff)"
            ),
            {"id": new_id(), "staff": world.people[who], "begins": begins, "ends": begins + timedelta(hours=hours)},
        )
        await rewrite(conn, now, await patterns_with(conn, world.people[who]))


async def instead(world: StationWorld, pattern: UUID, who: str, since: float, hours: float) -> None:
    """`who` is on the post from `since` hours from now, for so many hours."""
    async with world.database.transaction() as conn:
        now = await lock(conn)
        starts = now + timedelta(hours=since)
        await conn.execute(
            text(
                "INSERT INTO rota_override (id, pattern_id, staff_id, starts_at, ends_at, entered_by)"
                " VALUES (:id, :pattern, :staff, :starts, :ends, :staff)"
            ),
            {"id": new_id(), "pattern": pattern, "staff": world.people[who], "starts": starts,
             "ends": starts + timedelta(hours=hours)},
        )  # fmt: skip
        await rewrite(conn, now, [pattern])


async def on_call(world: StationWorld, tier: int = 1) -> tuple[datetime, list[str]]:
    """The time, and who is on call then, by login."""
    rows = await world.rows(
        "SELECT given.at, login FROM (SELECT carebed_now() AS at) AS given"
        " LEFT JOIN LATERAL on_call(:station, :target, given.at) AS one ON true LEFT JOIN staff ON staff.id = one",
        station=world.station, target=f"rota:{tier}",
    )  # fmt: skip
    return rows[0].at, [row.login for row in rows if row.login]


async def recorded(world: StationWorld, at: datetime) -> list[str]:
    """Who was on call at that moment, as far as had been written by then."""
    rows = await world.rows(
        """SELECT login FROM (
               SELECT DISTINCT ON (rota_id) * FROM rota_log WHERE at <= :at ORDER BY rota_id, seq DESC
           ) AS shift JOIN staff ON staff.id = staff_id
           WHERE change <> 'removed' AND starts_at <= :at AND ends_at > :at ORDER BY login""",
        at=at,
    )
    return [row.login for row in rows]


@pytest.fixture
async def patterned(world: StationWorld) -> StationWorld:
    """The world without the shifts that were entered by hand."""
    await world.nobody_on_call()
    return world


async def test_a_pattern_is_made_into_shifts_for_eight_weeks_and_every_day_for_one_more(
    patterned: StationWorld,
) -> None:
    world = patterned
    lin, chen = world.people["lin"], world.people["chen"]
    pattern = await post(world, Layer((lin, chen), date(2026, 1, 1), turn_days=1))
    shifts = await world.rows("SELECT staff_id, starts_at, ends_at FROM rota ORDER BY starts_at")
    assert 57 <= len(shifts) <= 58
    assert all(one.ends_at == following.starts_at for one, following in pairwise(shifts))
    assert shifts[-1].ends_at - shifts[0].starts_at == AHEAD
    assert all(one.starts_at.astimezone(UTC).hour == 0 for one in shifts[1:]), "8 o'clock in the district's zone"
    assert await plan_ahead(world.database) == 0
    await world.shift(86_401)
    before = await world.rows("SELECT id FROM rota ORDER BY starts_at")
    assert await plan_ahead(world.database) == 1
    after = await world.rows("SELECT id FROM rota ORDER BY starts_at")
    assert after[: len(before)] == before, "what needs no change is left alone"
    ((until,),) = await world.rows("SELECT max(ends_at) - carebed_now() > interval '55 days 23 hours' FROM rota")
    assert until
    # A calendar that stood still for ten weeks finds everybody on call again.
    await world.shift(10 * 7 * 86_400)
    assert (await on_call(world))[1] == []
    assert await plan_ahead(world.database) == 1
    assert len((await on_call(world))[1]) == 1
    assert await patterns_with_is(world, "lin", pattern)


async def patterns_with_is(world: StationWorld, who: str, pattern: UUID) -> bool:
    async with world.database.transaction() as conn:
        return await patterns_with(conn, world.people[who]) == [pattern]


async def test_who_reports_sick_amid_his_shift_is_not_called_and_the_step_finds_nobody(
    patterned: StationWorld,
) -> None:
    world = patterned
    pattern = await post(world, Layer((world.people["lin"],), date(2026, 1, 1)))
    await away(world, "lin", -5, 10)
    alarm = await world.alarm()
    assert "lin" not in await world.told(alarm)
    assert "no_one_on_call" in await world.log(alarm)
    gaps = await world.rows("SELECT staff_id, why, ends_at - starts_at AS length FROM rota_gap")
    assert [(one.staff_id, one.why, one.length) for one in gaps] == [
        (world.people["lin"], "absent", timedelta(hours=5))
    ]  # fmt: skip
    await instead(world, pattern, "passer-by", 0, 5)
    assert (await on_call(world))[1] == ["passer-by"]
    assert await world.rows("SELECT FROM rota_gap WHERE ends_at > carebed_now()") == []
    await world.shift(5 * 3_600)
    assert (await on_call(world))[1] == ["lin"]


async def test_who_is_away_is_not_called_as_anything_else_either(world: StationWorld) -> None:
    for who in ("lin", "night-desk", "manager"):
        await away(world, who, -1, 2)
    alarm = await world.alarm()
    assert await world.told(alarm) == ["chen", "desk"], "lin's shift was entered by hand"
    await world.after(60)
    await world.after(60)
    assert "manager" not in await world.told(alarm)
    await world.shift(3_600)
    rows = await world.rows("SELECT on_call(:station, 'manager', carebed_now()) AS one", station=world.station)
    assert [row.one for row in rows] == [world.people["manager"]]


async def test_somebody_who_left_is_a_gap_the_next_day(patterned: StationWorld) -> None:
    world = patterned
    await post(world, Layer((world.people["lin"],), date(2026, 1, 1)))
    await world.do("UPDATE staff SET active = false WHERE login = 'lin'")
    await world.shift(86_401)
    await plan_ahead(world.database)
    assert [row.why for row in await world.rows("SELECT why FROM rota_gap")] == ["inactive"] * 9
    assert await world.rows("SELECT FROM rota WHERE ends_at > carebed_now()") == []


async def test_chance_changes_a_rota_and_what_was_is_still_what_was(patterned: StationWorld) -> None:
    """At every step somebody is on call exactly if the pattern has somebody, and later it can be proven who it was."""
    world, chance = patterned, random.Random(20261122)
    people = ("lin", "chen", "wu", "passer-by")
    ids = [world.people[one] for one in people]
    pattern = await post(world, Layer(tuple(ids), date(2026, 1, 1), turn_days=1))
    seen: list[tuple[datetime, list[str]]] = []
    for _ in range(25):
        which = chance.randrange(4)
        who, since, hours = chance.choice(people), chance.uniform(-10, 40), chance.uniform(0.5, 60)
        if which == 0:
            await instead(world, pattern, who, since, hours)
        elif which == 1:
            await away(world, who, since, hours)
        elif which == 2:
            turns = tuple(chance.sample(ids, chance.randint(1, 4)))
            layer = Layer(turns, date(2026, 1, 1), chance.choice((1, 2, 7)), time(chance.randrange(24)))
            await follow(world, pattern, layer, Layer((chance.choice(ids),), date(2026, 1, 1), 7, time(8), NIGHTS))
        seen.append(await on_call(world))
        await world.shift(chance.uniform(60, 100_000))
        seen.append(await on_call(world))
    for at, who_was in seen:
        assert len(who_was) <= 1
        assert await recorded(world, at) == who_was
        assert [one.login for one in await world.rows(
            "SELECT login FROM rota JOIN staff ON staff.id = staff_id WHERE starts_at <= :at AND ends_at > :at", at=at,
        )] == who_was  # fmt: skip
        missing = await world.rows("SELECT FROM rota_gap WHERE starts_at <= :at AND ends_at > :at", at=at)
        assert len(missing) + len(who_was) == 1, "on call, or a gap to be covered"
    assert {len(who_was) for _, who_was in seen} == {0, 1}


@pytest.mark.parametrize(
    "rewriting",
    [
        "UPDATE rota SET starts_at = starts_at - interval '1 hour'",
        "UPDATE rota SET staff_id = (SELECT id FROM staff WHERE login = 'wu') WHERE starts_at < carebed_now()",
        "UPDATE rota SET ends_at = starts_at + interval '1 minute' WHERE starts_at < carebed_now()",
        "DELETE FROM rota WHERE starts_at < carebed_now()",
        """INSERT INTO rota (id, station_id, staff_id, tier, starts_at, ends_at, pattern_id)
           SELECT gen_random_uuid(), station_id, staff_id, tier, starts_at, ends_at, pattern_id FROM rota""",
        "UPDATE rota_version SET layers = '[]'",
        "UPDATE rota_log SET staff_id = rota_id",
        "TRUNCATE rota_log",
    ],
)
async def test_nobody_rewrites_who_was_on_call(patterned: StationWorld, rewriting: str) -> None:
    world = patterned
    await post(world, Layer((world.people["lin"],), date(2026, 1, 1), turn_days=1))
    await world.shift(3_600)
    with pytest.raises(DBAPIError, match="refused"):
        async with world.owner.transaction() as conn:
            await conn.execute(text(rewriting))


async def test_whoever_asks_while_a_rota_is_rewritten_finds_somebody(
    patterned: StationWorld,
) -> None:
    world = patterned
    lin, chen = world.people["lin"], world.people["chen"]
    pattern = await post(world, Layer((lin,), date(2026, 1, 1)))
    asked = asyncio.Event()
    found: list[list[str]] = []

    async def ask() -> None:
        while not asked.is_set():
            found.append((await on_call(world))[1])

    asking = asyncio.create_task(ask())
    for people in ((chen,), (lin, chen), (chen, lin), (lin,)) * 10:
        await follow(world, pattern, Layer(people, date(2026, 1, 1), turn_days=1, handover=time(3)))
        if len(found) > 4:  # on a busy machine rewriting is done long before anybody has been answered
            break
    asked.set()
    await asking
    assert len(found) > 4
    assert all(len(one) == 1 for one in found)


async def test_a_pattern_that_cannot_be_planned_stops_no_other(patterned: StationWorld) -> None:
    world = patterned
    broken = await post(world, Layer((world.people["lin"],), date(2026, 1, 1)), tier=2)
    await world.do(
        "INSERT INTO rota_version (id, pattern_id, layers, holds_from)"
        " VALUES (gen_random_uuid(), :of, '[{\"people\": []}]', carebed_now())", of=broken,
    )  # fmt: skip
    await post(world, Layer((world.people["chen"],), date(2026, 1, 1)))
    await world.shift(90_000)
    assert await plan_ahead(world.database) == 2
    assert (await on_call(world))[1] == ["chen"]
    assert (await on_call(world, 2))[1] == []


def test_only_what_differs_is_written() -> None:
    now, hour = datetime(2026, 11, 22, 12, tzinfo=UTC), timedelta(hours=1)
    running, later, gone = (
        Standing(new_id(), (name,), now + since * hour, now + until * hour)
        for name, since, until in (("a", -3, 2), ("b", 2, 4), ("c", 4, 6))
    )
    same = [(("a",), now, now + 2 * hour), (("b",), now + 2 * hour, now + 4 * hour)]
    found = changes([running, later, gone], same, now)
    assert (found.remove, found.move, found.make) == ([gone.id], [], [])
    found = changes([running, later], [(("b",), now, now + 4 * hour)], now)
    assert (found.remove, found.move, found.make) == ([later.id], [(running.id, now)], [(("b",), now, now + 4 * hour)])
    found = changes([running], [(("a",), now, now + hour)], now)
    assert (found.remove, found.move, found.make) == ([], [(running.id, now + hour)], [])
