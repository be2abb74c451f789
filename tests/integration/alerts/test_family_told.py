"""A relative beside an alarm, on the real database: told in the alarm's own transaction, whoever moves it."""

from station_world import AREA, StationWorld

from alerts.alarm import Outcome
from alerts.audit import Trouble, find_troubles
from alerts.moves import Move
from carebed.ids import new_id


async def _relative(world: StationWorld, login: str = "daughter", tells: str = "{}") -> None:
    world.people[login] = new_id()
    await world.do(
        """INSERT INTO staff (id, login, password_hash, name, role, area_code)
           VALUES (:id, :login, '-', :login, 'family', :area)""",
        id=world.people[login], login=login, area=AREA,
    )  # fmt: skip
    await world.do(
        """INSERT INTO care_circle (id, home_id, staff_id, relation, tells)
           VALUES (:id, :home, :staff, 'family', CAST(:tells AS jsonb))""",
        id=new_id(), home=world.home, staff=world.people[login], tells=tells,
    )  # fmt: skip


async def _heard(world: StationWorld) -> list[tuple[str, str]]:
    rows = await world.rows(
        """SELECT login, kind FROM notification JOIN staff ON staff.id = staff_id WHERE role = 'family'
           ORDER BY notification.created_at, login"""
    )
    return [(row.login, row.kind) for row in rows]


async def test_the_daughter_is_told_with_the_page_and_the_son_only_of_the_end(world: StationWorld) -> None:
    await _relative(world)
    await _relative(world, "son", '{"when": "over"}')
    alarm = await world.alarm()
    assert await _heard(world) == [("daughter", "family_raised")]
    assert "daughter" not in await world.told(alarm)
    assert await world.answer(alarm, "daughter") is None
    await world.move("lin", Move.ACCEPT, alarm)
    await world.move("chen", Move.ACCEPT, alarm)
    await world.move("lin", Move.RESOLVE, alarm)
    assert (await _heard(world))[1:] == [
        ("daughter", "family_coming"), ("daughter", "family_over"), ("son", "family_over")
    ]  # fmt: skip
    assert (await world.log(alarm)).count("family_told") == 3


async def test_an_inactivity_reaches_them_when_the_first_step_went_unanswered(world: StationWorld) -> None:
    await _relative(world)
    alarm = await world.alarm("inactivity")
    assert await _heard(world) == []
    await world.after(61)
    assert await _heard(world) == [("daughter", "family_raised")]
    await world.move("desk", Move.RESOLVE, alarm, outcome=Outcome.NO_HELP_NEEDED)
    assert (await _heard(world))[-1] == ("daughter", "family_over")


async def test_a_family_whose_rows_cannot_be_read_holds_nobody_up(world: StationWorld) -> None:
    """As after a half-rolled upgrade: people are called, and the log does not claim what did not happen."""
    await _relative(world)
    async with world.owner.transaction() as conn:
        await conn.exec_driver_sql("REVOKE EXECUTE ON FUNCTION family_of(uuid[]) FROM carebed_engine")
    alarm = await world.alarm()
    assert await world.told(alarm) == ["chen", "desk", "lin", "night-desk"]
    assert await world.log(alarm) == ["raised", "paged"]


async def test_a_choice_of_another_release_tells_all(world: StationWorld) -> None:
    await _relative(world, tells='{"when": "on sundays"}')
    await world.alarm()
    assert await _heard(world) == [("daughter", "family_raised")]


async def test_a_relative_who_was_told_is_nobody_who_was_called(world: StationWorld) -> None:
    await _relative(world)
    await world.do("UPDATE staff SET active = (role = 'family')")
    await world.alarm()
    assert await _heard(world) == [("daughter", "family_raised")]
    async with world.database.transaction() as conn:
        assert Trouble.NOBODY_CALLED in await find_troubles(conn)
