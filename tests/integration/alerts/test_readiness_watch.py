"""Tonight nobody could be reached: the manager knows before the night, and hears when it is mended."""

from typing import Any

import pytest
from station_world import AREA, StationWorld

from alerts.policy import Policy, Step, policy_json
from alerts.readiness_watch import watch_readiness
from carebed.ids import new_id
from carebed.settings import Settings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation that sends SMS."""
    monkeypatch.setattr("alerts.readiness_watch.channels", lambda _: ("live", "webhook", "sms"))
    return Settings(readiness=True)


async def _method(world: StationWorld, *logins: str, **columns: str) -> None:
    """An SMS method, verified yesterday."""
    values = {"verified_at": "carebed_now() - interval '1 day'", **columns}
    for login in logins:
        await world.do(
            f"INSERT INTO contact_method (id, staff_id, channel, address, {', '.join(values)})"
            f" VALUES (:id, :staff, 'sms', '+8613800000000', {', '.join(values.values())})",
            id=new_id(), staff=world.people[login],
        )  # fmt: skip


async def _gaps(world: StationWorld, settings: Settings) -> list[tuple[Any, ...]]:
    """Judged anew, as it stands in the table: step, seconds from now to its beginning and end, reason."""
    await watch_readiness(world.database, settings)
    rows = await world.rows(
        """SELECT gap ->> 'step' AS step, gap ->> 'reason' AS reason,
               round(extract(epoch FROM CAST(gap ->> 'from' AS timestamptz) - judged_at)) AS since,
               round(extract(epoch FROM CAST(gap ->> 'until' AS timestamptz) - judged_at)) AS until
           FROM readiness, jsonb_array_elements(gaps) AS gap WHERE station_id = :station ORDER BY 1, 3""",
        station=world.station,
    )
    return [(int(row.step), int(row.since), int(row.until), row.reason) for row in rows]


DAY = 86_400


async def test_a_gap_of_the_night_is_an_alarm_for_the_manager_until_it_is_mended(
    world: StationWorld, settings: Settings
) -> None:
    await _method(world, "lin", "wu")
    assert await _gaps(world, settings) == []
    assert await world.open_alarms("readiness") == []
    # Nobody has tier 1 from eight to ten hours ahead.
    await world.do("DELETE FROM rota WHERE staff_id = :chen", chen=world.people["chen"])
    await world.do(
        "UPDATE rota SET ends_at = carebed_now() + interval '8 hours' WHERE staff_id = :lin", lin=world.people["lin"]
    )
    await world.do(
        "INSERT INTO rota (id, station_id, staff_id, tier, starts_at, ends_at) VALUES (:id, :station, :lin, 1,"
        " carebed_now() + interval '10 hours', carebed_now() + interval '1 year')",
        id=new_id(), station=world.station, lin=world.people["lin"],
    )  # fmt: skip
    assert await _gaps(world, settings) == [(1, 28_800, 36_000, "nobody")]
    (alarm,) = await world.open_alarms("readiness")
    await world.tick()
    assert await world.told(alarm) == ["manager"]
    row = await world.read(alarm)
    assert (row.priority, row.area_code, row.why["gaps"][0]["reason"]) == (1, AREA, "nobody")
    await _gaps(world, settings)
    assert await world.log(alarm) == ["raised", "paged"], "the same is not said twice"
    await world.do("UPDATE contact_method SET failed_at = carebed_now() WHERE staff_id = :wu", wu=world.people["wu"])
    assert (2, 0, DAY, "failed") in await _gaps(world, settings)
    assert await world.log(alarm) == ["raised", "paged", "comment"]
    await world.do("UPDATE contact_method SET delivered_at = carebed_now()")
    await world.do("UPDATE rota SET ends_at = carebed_now() + interval '1 year'")
    assert await _gaps(world, settings) == []
    assert await world.open_alarms("readiness") == []
    assert (await world.log(alarm))[-1] == "cleared"


async def test_why_nobody_can_be_reached(world: StationWorld, settings: Settings) -> None:
    assert {reason for _, _, _, reason in await _gaps(world, settings)} == {"no_method"}
    await _method(world, "lin", verified_at="NULL")
    await _method(world, "wu", verified_at="carebed_now() - interval '40 days'")
    assert await _gaps(world, settings) == [(1, 0, DAY, "unverified"), (2, 0, DAY, "not_delivered")]
    # Delivered since then: proven.
    await world.do(
        "UPDATE contact_method SET delivered_at = carebed_now() - interval '30 days' WHERE verified_at < now()"
    )
    assert await _gaps(world, settings) == [(1, 0, DAY, "unverified")]
    # Who has a page open counts for the next quarter of an hour.
    await world.do(
        "INSERT INTO staff_session (id, staff_id, access_hash, refresh_hash, access_expires_at, refresh_expires_at)"
        " VALUES (:id, :lin, 'a', 'r', now() + interval '1 hour', now() + interval '1 day')",
        id=new_id(), lin=world.people["lin"],
    )  # fmt: skip
    assert await _gaps(world, settings) == [(1, 900, DAY, "unverified")]
    await world.do("DELETE FROM contact_method; DELETE FROM staff_session")
    await world.do("UPDATE staff SET active = false WHERE login IN ('lin', 'chen')")
    assert (await _gaps(world, settings))[0] == (1, 0, DAY, "nobody")


async def test_a_channel_that_is_not_set_up_reaches_nobody(
    world: StationWorld, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _method(world, "lin", "wu")
    monkeypatch.setattr("alerts.readiness_watch.channels", lambda _: ("live", "webhook"))
    assert {reason for _, _, _, reason in await _gaps(world, settings)} == {"no_method"}


async def test_the_stations_own_ladder_counts_and_a_taken_alarm_is_left_to_who_has_it(
    world: StationWorld, settings: Settings
) -> None:
    await world.policy(Policy("own", (Step(0, ("manager",)),)))
    assert await _gaps(world, settings) == [(1, 0, DAY, "no_method")]
    (alarm,) = await world.open_alarms("readiness")
    await world.do("UPDATE alarm SET acknowledged_at = carebed_now() WHERE id = :id", id=alarm)
    await _method(world, "manager")
    for _ in range(2):
        assert await _gaps(world, settings) == []
    assert await world.open_alarms("readiness") == [alarm]
    assert (await world.log(alarm)).count("comment") == 1


async def test_a_gap_is_the_managers_and_not_whoevers_the_station_calls_to_homes(
    world: StationWorld, settings: Settings
) -> None:
    await world.do(
        "INSERT INTO policy (id, station_id, priority, ladder) VALUES (:id, :station, 1, CAST(:ladder AS jsonb))",
        id=new_id(), station=world.station, ladder=policy_json(Policy("urgent", (Step(0, ("rota:1",)),))),
    )  # fmt: skip
    await _gaps(world, settings)
    (alarm,) = await world.open_alarms("readiness")
    await world.tick()
    assert await world.told(alarm) == ["manager"]
    await world.after(1_800)
    assert await world.told(alarm) == ["manager", "desk", "night-desk"]


@pytest.mark.parametrize(
    ("gone", "told", "last_resorts"),
    [(["manager"], ["desk", "night-desk"], 0), (["manager", "operator"], [], 1)],
)
async def test_where_there_is_no_manager_it_is_the_districts_and_never_silent(
    world: StationWorld, settings: Settings, gone: list[str], told: list[str], last_resorts: int
) -> None:
    await world.do("UPDATE staff SET active = false WHERE role = ANY (:gone)", gone=gone)
    await _gaps(world, settings)
    (alarm,) = await world.open_alarms("readiness")
    await world.tick()
    assert await world.told(alarm) == told
    assert (await world.log(alarm)).count("last_resort") == last_resorts


async def test_a_demo_is_judged_and_raises_nothing(world: StationWorld, settings: Settings) -> None:
    assert await _gaps(world, settings.model_copy(update={"readiness": None})) != []
    assert await world.open_alarms("readiness") == []


async def test_homes_whose_own_ladder_or_people_reach_nobody_are_named(world: StationWorld, settings: Settings) -> None:
    await _method(world, "lin", "wu")
    other, probe, neighbour = new_id(), new_id(), new_id()
    for home, name in ((other, "邱家"), (probe, "probe")):
        await world.do(
            "INSERT INTO home (id, name, area_code, station_id) VALUES (:id, :name, :area, :station)",
            id=home, name=name, area=AREA, station=world.station,
        )  # fmt: skip
    for home in (world.home, other):
        await world.do("INSERT INTO resident (id, home_id, name) VALUES (:id, :home, 'R')", id=new_id(), home=home)
    # Nobody lives in the probe's home, and nobody is missing there.
    for home, ladder in (
        (other, Policy("neighbours first", (Step(0, ("neighbours",)), Step(30, ("rota:1",))))),
        (probe, Policy("probe", (Step(0, (f"person:{world.people['passer-by']}",)),))),
    ):
        await world.do(
            "INSERT INTO policy (id, home_id, ladder) VALUES (:id, :home, CAST(:ladder AS jsonb))",
            id=new_id(), home=home, ladder=policy_json(ladder),
        )  # fmt: skip
    await world.do(
        "INSERT INTO staff (id, name, role, area_code) VALUES (:id, 'Zhou', 'neighbour', :area)",
        id=neighbour, area=AREA,
    )  # fmt: skip
    assert await _gaps(world, settings) == []
    assert await _homes(world) == (0, []), "without neighbours the ladder goes on to the rota at once"
    await world.do(
        "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (:id, :home, :staff, 'neighbour')",
        id=new_id(), home=other, staff=neighbour,
    )  # fmt: skip
    assert await _gaps(world, settings) == []
    assert await _homes(world) == (1, [(str(other), 1, "no_method")])
    (alarm,) = await world.open_alarms("readiness")
    words = (await world.read(alarm)).why["text"]["en"]
    assert "for 1 homes: 邱家 now on, step 1 (neighbours first: neighbours)" in words
    # The station's own ladder calls each home's people, too.
    await world.policy(Policy("assigned first", (Step(0, ("assigned",)), Step(30, ("rota:1",)))))
    for home in (world.home, other):
        await world.do(
            "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (:id, :home, :staff, 'assigned')",
            id=new_id(), home=home, staff=world.people["passer-by"],
        )  # fmt: skip
    assert await _gaps(world, settings) == []
    assert {home for home, _, _ in (await _homes(world))[1]} == {str(world.home), str(other)}
    world.people["zhou"] = neighbour
    await _method(world, "passer-by", "zhou")
    assert await _gaps(world, settings) == []
    assert await _homes(world) == (0, [])
    assert await world.open_alarms("readiness") == []


async def _homes(world: StationWorld) -> tuple[int, list[tuple[str, int, str]]]:
    """As it stands in the table: how many, and home, step and reason of the first."""
    (row,) = await world.rows("SELECT homes, first_homes FROM readiness")
    return row.homes, [(one["home"], one["step"], one["reason"]) for one in row.first_homes]
