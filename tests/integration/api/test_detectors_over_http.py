"""A manager sets what a home is judged by, and everybody in the office sees what holds and where it comes from."""

from collections.abc import Awaitable
from typing import Any

from api_service import Person, Service
from httpx import Response

from ingest.detect.catalogue import with_parameters

STATION_OF_HOME = "SELECT station_id FROM home WHERE id = %s"


async def _of(person: Person, path: str, detector: str = "not_worn") -> dict[str, dict[str, Any]]:
    """Name -> parameter, as the list shows it."""
    items = (await person.get(path)).json()["items"]
    assert [item["detector"] for item in items] == [one.name for one in with_parameters()]
    (found,) = [item for item in items if item["detector"] == detector]
    return {one["name"]: one for one in found["parameters"]}


async def test_the_most_specific_value_holds_and_says_where_it_is_from(service: Service) -> None:
    manager, home = await service.person("manager"), service.home("gw-0001")
    station = str(service.sql(STATION_OF_HOME, home)[0][0])
    path = f"/homes/{home}/parameters"
    plain = (await _of(manager, path))["limit_s"]
    assert plain["set_in"] == {"scope": "default", "id": None}
    assert plain["value"] == plain["default"]
    assert (plain["unit"], plain["minimum"] < plain["default"] < plain["maximum"]) == ("s", True)
    assert plain["source"]
    for scope, where, value in (
        ("area", "350102000000", 7000), ("area", "350102001000", 7100), ("station", station, 7200), ("home", home, 7300)
    ):  # fmt: skip
        answer = await manager.put(f"/{scope}s/{where}/parameters/not_worn", {"values": {"limit_s": value}})
        assert answer.status_code == 200, answer.text
        now = (await _of(manager, path))["limit_s"]
        assert (now["value"], now["set_in"]) == (value, {"scope": scope, "id": where})
    # A value beside it, from a wider scope, is not hidden by the narrower one's row.
    assert (
        await manager.put("/areas/350102000000/parameters/not_worn", {"values": {"charge_s": 60}})
    ).status_code == 200
    held = await _of(manager, path)
    assert (held["limit_s"]["value"], held["charge_s"]["value"]) == (7300, 60)
    for scope, where, value in (("home", home, 7200), ("station", station, 7100)):
        assert (await manager.delete(f"/{scope}s/{where}/parameters/not_worn")).status_code == 200
        assert (await _of(manager, path))["limit_s"]["value"] == value
    supervisor = await service.person("supervisor")
    assert (await _of(supervisor, path))["limit_s"]["value"] == 7100


async def test_what_cannot_be_is_refused_with_a_sentence_and_changes_nothing(service: Service) -> None:
    manager, home = await service.person("manager"), service.home("gw-0001")
    path = f"/homes/{home}/parameters/not_worn"
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"limit_s": 1}, "/values/limit_s", "from 600 to 604800 s"),
        ({"limit_s": 7200, "charge_rise": 1e9}, "/values/charge_rise", "%"),
        ({"limit_s": "long"}, "/values/limit_s", "Expected"),
        ({"limit_s": None}, "/values/limit_s", "Expected"),
        ({"enabled": 1}, "/values/enabled", "Expected"),
        ({"limits": 7200}, "/values/limits", "There is no such parameter"),
        ({}, "/values", "at least 1"),
    ]
    for values, pointer, words in wrong:
        answer = await manager.put(path, {"values": values})
        assert answer.status_code == 422, values
        (error,) = answer.json()["errors"]
        assert error["pointer"] == pointer
        assert words in error["detail"]
    answer = await manager.http.put(
        f"/api/v1{path}", content=b'{"values": {"limit_s": NaN}}',
        headers={"Authorization": f"Bearer {manager.tokens['access_token']}", "Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code in (400, 422)
    assert (await manager.put(f"/homes/{home}/parameters/nothing", {"values": {"a": 1}})).status_code == 404
    assert service.sql("SELECT count(*) FROM detector_parameters") == [(0,)]


async def test_what_is_set_has_the_homes_of_the_scope_looked_at(service: Service) -> None:
    manager = await service.person("manager")
    for path, homes in ((f"/homes/{service.home('gw-0001')}", 1), ("/areas/350102001000", None)):
        await service.write("DELETE FROM wake")
        assert (await manager.put(f"{path}/parameters/not_worn", {"values": {"enabled": True}})).status_code == 200
        (woken,) = service.sql("SELECT count(DISTINCT home_id) FROM wake")
        (all_homes,) = service.sql("SELECT count(*) FROM home WHERE area_code LIKE '350102001%%'")
        assert woken[0] == (homes or all_homes[0])


async def test_homes_are_judged_at_once_by_what_is_set_for_inactivity(service: Service) -> None:
    """Their deadlines were reckoned by what held before, which may be twelve hours away; the others' stay."""
    manager, home, far = await service.person("manager"), service.home("gw-0001"), service.home("gw-other-0001")
    station = str(service.sql(STATION_OF_HOME, home)[0][0])
    await service.write("DELETE FROM deadline WHERE kind = 'inactivity'")
    await service.write("INSERT INTO deadline (kind, subject, due_at) SELECT 'inactivity', id::text, now() FROM home")
    everywhere = _homes_of(service, "area_code LIKE '350102001%%'")
    for scope, where, homes in (
        ("home", home, {home}), ("station", station, _homes_of(service, "station_id = %s", station)),
        ("area", "350102001000", everywhere),
    ):  # fmt: skip
        path = f"/{scope}s/{where}/parameters"
        assert far not in homes
        assert (
            await _brought_forward(service, manager.put(f"{path}/inactivity", {"values": {"fixed_s": 7200}})) == homes
        )
        assert (
            await _brought_forward(service, manager.put(f"{path}/inactivity", {"values": {"fixed_s": 3600}})) == homes
        )
        assert await _brought_forward(service, manager.delete(f"{path}/inactivity")) == homes
        assert await _brought_forward(service, manager.put(f"{path}/bed", {"values": {"enabled": True}})) == set()


async def _brought_forward(service: Service, change: Awaitable[Response]) -> set[str]:
    """Homes that are due because of the change; before it, none was due for nine hours."""
    await service.write("UPDATE deadline SET due_at = carebed_now() + interval '9 h' WHERE kind = 'inactivity'")
    assert (await change).status_code == 200
    due = service.sql("SELECT subject FROM deadline WHERE kind = 'inactivity' AND due_at <= carebed_now()")
    return {str(subject) for (subject,) in due}


def _homes_of(service: Service, which: str, *values: object) -> set[str]:
    return {str(home) for (home,) in service.sql(f"SELECT id FROM home WHERE {which}", *values)}


async def test_an_absence_is_entered_once_withdrawn_and_kept(service: Service) -> None:
    operator, home = await service.person("operator"), service.home("gw-0001")
    path = f"/homes/{home}/absences"
    span = {"begins_at": "2026-11-22T08:00:00Z", "ends_at": "2026-11-29T10:00:00Z", "note": "In hospital."}
    first = await operator.post(path, span, key="once")
    again = await operator.post(path, span, key="once")
    assert (first.status_code, first.json()) == (201, again.json())
    entered = first.json()
    assert (entered["entered_by_name"], entered["withdrawn_at"]) == ("郑晓岚", None)
    for ends_at in ("2026-11-22T08:00:00Z", "2028-11-22T08:00:00Z"):
        answer = await operator.post(path, {**span, "ends_at": ends_at})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/ends_at")
    withdrawn = [(await operator.delete(f"{path}/{entered['id']}")).json() for _ in range(2)]
    assert withdrawn[0] == withdrawn[1]
    assert withdrawn[0]["withdrawn_at"] is not None
    assert (await operator.get(path)).json() == {"items": [withdrawn[0]], "next": None}
    other = service.home("gw-0002")
    assert (await operator.delete(f"/homes/{other}/absences/{entered['id']}")).status_code == 404
