"""Who answers to each target of a step: the station's people, the home's own, somebody by name, the district."""

from uuid import UUID

import pytest
from sqlalchemy import text
from station_world import AREA, StationWorld

from alerts.people import answering
from carebed.clock import now
from carebed.ids import new_id

_CIRCLE = (
    ("zhou", "neighbour", 2), ("qiu", "neighbour", 1), ("ye", "volunteer", 1), ("daughter", "family", 1),
)  # fmt: skip


@pytest.fixture
async def circle(world: StationWorld) -> dict[str, UUID]:
    """The people of the home: who cannot sign in, and `chen`, who is assigned to it; and a station of the district."""
    people = {name: new_id() for name, _, _ in _CIRCLE}
    for name, relation, _ in _CIRCLE:
        await world.do(
            "INSERT INTO staff (id, name, role, area_code) VALUES (:id, :name, :role, :area)",
            id=people[name], name=name, role=relation, area=AREA,
        )  # fmt: skip
    for staff, relation, rank in [
        *((people[name], relation, rank) for name, relation, rank in _CIRCLE),
        (world.people["chen"], "assigned", 1),
    ]:
        await world.do(
            "INSERT INTO care_circle (id, home_id, staff_id, relation, rank) VALUES (:id, :home, :staff, :what, :rank)",
            id=new_id(), home=world.home, staff=staff, what=relation, rank=rank,
        )  # fmt: skip
    district = new_id()
    await world.do("INSERT INTO area (code, name, level) VALUES ('350102000000', 'district', 'county')")
    await world.do("INSERT INTO station (id, name, area_code) VALUES (:id, 'D', '350102000000')", id=district)
    people["district"] = new_id()
    await world.do(
        "INSERT INTO staff (id, login, password_hash, name, role, area_code, station_id)"
        " VALUES (:id, 'zz', '-', 'D', 'operator', '350102000000', :station)",
        id=people["district"], station=district,
    )  # fmt: skip
    return people


async def test_every_target_finds_its_people_in_calling_order(world: StationWorld, circle: dict[str, UUID]) -> None:
    people = world.people | circle
    named = f"person:{people['passer-by']}"
    targets = (
        "neighbours",
        "volunteers",
        "family",
        "assigned",
        "rota:1",
        "desk",
        "district",
        named,
        "rota:9",
        "person:x",
    )
    async with world.database.transaction() as conn:
        found = await answering(conn, world.station, targets, await now(conn), world.home)
        elsewhere = await answering(conn, world.station, targets, await now(conn))
        old = await conn.execute(text("SELECT on_call(:s, 'rota:2', carebed_now())"), {"s": world.station})
        assert old.scalars().all() == [people["wu"]], "the release before calls it without the home"
    names = {one: name for name, one in people.items()}
    assert {target: [names[one] for one in some] for target, some in found.items()} == {
        "neighbours": ["qiu", "zhou"], "volunteers": ["ye"], "family": ["daughter"], "assigned": ["chen"],
        "rota:1": ["lin", "chen"], "desk": ["desk", "night-desk", "district"], "district": ["district"],
        named: ["passer-by"], "rota:9": [], "person:x": [],
    }  # fmt: skip
    assert not any(elsewhere[target] for target in ("neighbours", "volunteers", "family", "assigned"))
    assert elsewhere["district"] == [people["district"]]


async def test_who_is_not_active_any_more_answers_to_nothing(world: StationWorld, circle: dict[str, UUID]) -> None:
    await world.do("UPDATE staff SET active = false")
    targets = ("neighbours", "assigned", "district", f"person:{circle['ye']}", "rota:1")
    async with world.database.transaction() as conn:
        assert not any((await answering(conn, world.station, targets, await now(conn), world.home)).values())
