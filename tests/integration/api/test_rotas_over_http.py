"""Stories of a rota: a manager plans it, colleagues swap, somebody falls ill, and it stays known who was on call."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from api_service import Person, Service
from psycopg import errors

from alerts.rota_plan import instant_of
from alerts.rota_view import Lack, lacking
from api.principal import enter
from carebed.clock import now as clock_now
from carebed.database import Database
from registry import demo_district as district

STATION = str(district.STREET_STATION)
LIN, CHEN, WU = (str(district.fixed_id(f"staff caregiver{number}")) for number in (1, 2, 3))
DAILY = {"people": [LIN, CHEN], "anchor": "2026-11-23", "turn_days": 1, "handover": "08:00"}


async def only_post(service: Service, **layer: Any) -> str:
    """A rota of one post, on which Lin and Chen take turns day by day; the demo's own is ended."""
    manager = await service.person("manager")
    for (pattern,) in service.sql("SELECT id FROM rota_pattern WHERE station_id = %s", STATION):
        assert (await manager.delete(f"/rota-patterns/{pattern}")).status_code == 200
    body = {"name": "Day and night", "tier": 1, "layers": [{**DAILY, **layer}]}
    answer = await manager.post(f"/stations/{STATION}/rota-patterns", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def shifts(service: Service, who: str | None = None, by: str = "caregiver1") -> list[Any]:
    """Shifts ahead that have not begun."""
    asked = {"station": STATION} | ({"staff": who} if who else {})
    items = (await (await service.person(by)).get("/shifts", **asked)).json()["items"]
    ((now,),) = service.sql("SELECT carebed_now()")
    return [one for one in items if datetime.fromisoformat(one["starts_at"]) > now]


async def on_call(person: Person, **asked: str) -> list[str]:
    answer = await person.get(f"/stations/{STATION}/on-call", **asked)
    assert answer.status_code == 200, answer.text
    return [one["staff_name"] for one in answer.json()["shifts"]]


async def advance(service: Service, by: timedelta) -> None:
    await service.write("UPDATE clock_shift SET shift = shift + %s, shifted_at = clock_timestamp()", by)


async def test_a_manager_plans_a_week_and_changes_it_for_a_day_to_come(service: Service) -> None:
    manager = await service.person("manager")
    await only_post(service)
    assert len(await on_call(manager)) == 1
    preview = (await manager.post(
        f"/stations/{STATION}/rota-preview",
        {"layers": [{**DAILY, "spans": [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "20:00", "until": "08:00"}]}],
         "days": 3},
    )).json()  # fmt: skip
    assert preview["time_zone"] == "Asia/Shanghai"
    assert {one["starts_at"][11:16] for one in preview["shifts"][1:]} == {"12:00"}, "20 o'clock, in UTC"
    assert len(preview["holes"]) in (3, 4)
    planned = await shifts(service)
    assert [one["staff"] for one in planned[:3]] in ([LIN, CHEN, LIN], [CHEN, LIN, CHEN])
    pattern = planned[0]["pattern"]
    since = planned[2]["starts_at"]
    answer = await manager.put(f"/rota-patterns/{pattern}", {
        "layers": [{**DAILY, "people": [WU]}], "holds_from": since, "note": "Exams."})  # fmt: skip
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert [one["note"] for one in changed["versions"]] == ["Exams.", None]
    assert {one["name"] for one in changed["people"]} == {"林小禾", "陈知夏", "吴可欣"}
    after = await shifts(service)
    assert [one["id"] for one in after[:2]] == [one["id"] for one in planned[:2]], "what is before it stays"
    assert {one["staff"] for one in after[2:]} == {WU}
    assert {one["tier"] for one in (await manager.get("/rota-gaps", station=STATION)).json()["items"]} == set()


async def test_what_is_wrong_with_a_pattern_is_said(service: Service) -> None:
    manager = await service.person("manager")
    path = f"/stations/{STATION}/rota-patterns"
    stranger = str(district.fixed_id("staff caregiver-other"))
    before = service.sql("SELECT count(*) FROM rota_pattern")
    for change, pointer in (
        ({"people": []}, "/layers/0/people"), ({"people": [stranger]}, "/layers/0/people/0"),
        ({"people": [str(district.fixed_id("staff supervisor"))]}, "/layers/0/people/0"),
        ({"handover": "8"}, "/layers/0/handover"), ({"handover": "08:00:30"}, "/layers/0/handover"),
        ({"handover": "25:00"}, "/layers/0/handover"), ({"anchor": "0001-01-01"}, "/layers/0/anchor"),
        ({"turn_days": 0}, "/layers/0/turn_days"), ({"more": 1}, "/layers/0/more"),
        ({"spans": [{"days": [8], "from": "08:00", "until": "09:00"}]}, "/layers/0/spans/0/days/0"),
    ):  # fmt: skip
        answer = await manager.post(path, {"name": "x", "tier": 1, "layers": [{**DAILY, **change}]})
        assert answer.status_code == 422, change
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], change
    for body, pointer in (
        ({"name": "x", "tier": 10, "layers": [DAILY]}, "/tier"), ({"name": " ", "tier": 1, "layers": [DAILY]}, "/name"),
        ({"name": "x", "tier": 1, "layers": [DAILY], "holds_from": "2099-01-01T00:00:00Z"}, "/holds_from"),
    ):  # fmt: skip
        answer = await manager.post(path, body)
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], body
    assert service.sql("SELECT count(*) FROM rota_pattern") == before
    person = await service.person("caregiver1")
    for wrong, asked in (
        ("/shifts", {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}), ("/shifts", {"cursor": "x"}),
        ("/shifts", {"cursor": f"yesterday_{LIN}"}), ("/rota-gaps", {"days": "99"}),
    ):  # fmt: skip
        assert (await person.get(wrong, **asked)).status_code == 422, asked


async def test_the_list_of_shifts_goes_page_by_page(service: Service) -> None:
    person = await service.person("caregiver1")
    everything = (await person.get("/shifts", limit=500)).json()["items"]
    found, cursor = [], None
    while True:
        page = (await person.get("/shifts", limit=7, **({"cursor": cursor} if cursor else {}))).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert {one["id"] for one in found} >= {one["id"] for one in everything}
    assert len(found) == len({one["id"] for one in found})


async def test_two_colleagues_swap_and_both_are_on_record(service: Service) -> None:
    lin, chen, manager = [await service.person(one) for one in ("caregiver1", "caregiver2", "manager")]
    await only_post(service)
    mine, his = (await shifts(service, LIN))[0], (await shifts(service, CHEN))[1]
    offer = {"shift": mine["id"], "to": CHEN, "in_return": his["id"], "note": "Exam."}
    answer = await lin.post("/rota-swaps", offer, key="once")
    assert answer.status_code == 201, answer.text
    swap = answer.json()
    assert (await lin.post("/rota-swaps", offer, key="once")).json() == swap
    assert (swap["state"], swap["proposed_by"], swap["proposed_to"]) == ("proposed", LIN, CHEN)
    assert (await lin.post("/rota-swaps", offer)).status_code == 409, "proposed already"
    assert (await lin.post(f"/rota-swaps/{swap['id']}/accept")).status_code == 409, "not for himself"
    before = await shifts(service)
    accepted = await chen.post(f"/rota-swaps/{swap['id']}/accept")
    assert accepted.status_code == 200, accepted.text
    body = accepted.json()
    assert (body["state"], body["answered_by"]) == ("accepted", CHEN)
    assert (await chen.post(f"/rota-swaps/{swap['id']}/accept")).json() == body, "repeating it changes nothing"
    after = {(one["starts_at"], one["ends_at"]): one for one in await shifts(service)}
    for one in before:
        now_his = after[one["starts_at"], one["ends_at"]]
        if one["id"] == mine["id"]:
            assert (now_his["staff"], now_his["origin"]) == (CHEN, "swap")
        elif one["id"] == his["id"]:
            assert (now_his["staff"], now_his["origin"]) == (LIN, "swap")
        else:
            assert now_his == one
    assert (await lin.post(f"/rota-swaps/{swap['id']}/withdraw")).status_code == 409, "it is accepted"
    (override,) = service.sql("SELECT pattern_id, id FROM rota_override WHERE staff_id = %s", CHEN)
    assert (await manager.delete(f"/rota-patterns/{override[0]}/overrides/{override[1]}")).status_code == 409
    undone = (await manager.post(f"/rota-swaps/{swap['id']}/withdraw")).json()
    assert (undone["state"], undone["answered_by"]) == ("withdrawn", CHEN)
    assert undone["withdrawn_by"] == await manager.me()
    assert [(one["staff"], one["starts_at"]) for one in await shifts(service)] == [
        (one["staff"], one["starts_at"]) for one in before
    ]  # fmt: skip


async def test_a_swap_that_has_begun_or_whose_shift_has_changed_stays_as_it_is(service: Service) -> None:
    lin, chen, manager = [await service.person(one) for one in ("caregiver1", "caregiver2", "manager")]
    pattern = await only_post(service)
    first, second = (await shifts(service, LIN))[:2]
    swaps = [
        (await lin.post("/rota-swaps", {"shift": one["id"], "to": CHEN})).json()["id"] for one in (first, second)
    ]  # fmt: skip
    ((now,),) = service.sql("SELECT carebed_now()")
    instead = {"staff": WU, "starts_at": second["starts_at"], "ends_at": second["ends_at"]}
    entered = await manager.post(f"/rota-patterns/{pattern}/overrides", instead)
    assert entered.status_code == 201, entered.text
    refused = await chen.post(f"/rota-swaps/{swaps[1]}/accept")
    assert refused.status_code == 409
    assert "changed" in refused.json()["detail"]
    assert (await chen.post(f"/rota-swaps/{swaps[1]}/decline")).json()["state"] == "declined"
    assert (await chen.post(f"/rota-swaps/{swaps[0]}/accept")).status_code == 200
    await advance(service, datetime.fromisoformat(first["starts_at"]) - now + timedelta(hours=1))
    assert await on_call(chen) == ["陈知夏"]
    refused = await manager.post(f"/rota-swaps/{swaps[0]}/withdraw")
    assert refused.status_code == 409
    assert "begun" in refused.json()["detail"]
    # Nor can a shift be offered that has begun, or one of somebody else.
    running = service.sql(
        "SELECT id FROM rota WHERE pattern_id = %s AND starts_at <= carebed_now() AND ends_at > carebed_now()", pattern
    )
    assert (await chen.post("/rota-swaps", {"shift": str(running[0][0]), "to": LIN})).status_code == 409
    assert (await lin.post("/rota-swaps", {"shift": str(running[0][0]), "to": CHEN})).status_code == 404
    own = (await shifts(service, LIN))[0]["id"]
    assert (await lin.post("/rota-swaps", {"shift": own, "to": LIN})).status_code == 409
    stranger = str(district.fixed_id("staff caregiver-other"))
    assert (await lin.post("/rota-swaps", {"shift": own, "to": stranger})).status_code == 404


async def test_who_reports_himself_sick_is_a_gap_until_somebody_covers_it_and_it_stays_known(service: Service) -> None:
    manager, operator = await service.person("manager"), await service.person("operator")
    pattern = await only_post(service)
    ((login, on),) = service.sql(
        "SELECT login, staff_id FROM rota JOIN staff ON staff.id = staff_id"
        " WHERE pattern_id = %s AND starts_at <= carebed_now() AND ends_at > carebed_now()", pattern,
    )  # fmt: skip
    sick = await service.person(login)
    other = await service.person("caregiver3")
    ((began,),) = service.sql("SELECT carebed_now()")
    await advance(service, timedelta(minutes=10))
    path = f"/staff/{on}/absences"
    span = {"begins_at": began.isoformat(), "ends_at": (began + timedelta(days=3)).isoformat()}
    assert (await sick.post(path, {"kind": "holiday", **span})).status_code == 403
    entered = await sick.post(path, {"kind": "sick", **span})
    assert entered.status_code == 201, entered.text
    assert await on_call(manager) == []
    assert (await other.get(path)).status_code == 403, "why somebody is away is not for colleagues"
    gaps = (await other.get("/rota-gaps", station=STATION, days=3)).json()["items"]
    assert {one["why"] for one in gaps} == {"absent", "nobody"}
    assert {one["staff"] for one in gaps} == {str(on), None}
    instead = {"staff": str(on), "ends_at": span["ends_at"]}
    assert (await manager.post(f"/rota-patterns/{pattern}/overrides", instead)).status_code == 409, "he is away"
    for nobody in (str(uuid4()), WU):
        wrong = {**instead, "staff": WU, "instead_of": nobody}
        refused = await manager.post(f"/rota-patterns/{pattern}/overrides", wrong)
        assert refused.status_code == 422, "it would put nobody on call"
        assert refused.json()["errors"][0]["pointer"] == "/instead_of"
    cover = await manager.post(f"/rota-patterns/{pattern}/overrides", {**instead, "staff": WU})
    assert cover.status_code == 201, cover.text
    assert await on_call(manager) == ["吴可欣"]
    assert (await manager.get("/rota-gaps", station=STATION, days=3)).json()["items"] == []
    await advance(service, timedelta(minutes=10))
    ((at,),) = service.sql("SELECT carebed_now()")
    withdrawn = await manager.delete(f"/rota-patterns/{pattern}/overrides/{cover.json()['id']}")
    assert withdrawn.json()["withdrawn_by"] == await manager.me()
    assert (await operator.delete(f"{path}/{entered.json()['id']}")).status_code == 200
    assert len(await on_call(manager)) == 1
    # Ten minutes ago it was Wu, before that nobody, and before that who fell ill.
    name = service.sql("SELECT name FROM staff WHERE id = %s", on)[0][0]
    for moment, who in ((at, ["吴可欣"]), (began + timedelta(minutes=5), [name])):
        assert await on_call(manager, at=moment.isoformat()) == who
    listed = (await sick.get(path)).json()["items"]
    assert [one["withdrawn_at"] is not None for one in listed] == [True]


async def test_a_rota_of_berlin_follows_the_clocks_of_berlin(service: Service) -> None:
    await service.write("UPDATE area SET time_zone = 'Europe/Berlin' WHERE code = '350102001000'")
    await only_post(service)
    berlin = ZoneInfo("Europe/Berlin")
    ((now,),) = service.sql("SELECT carebed_now()")
    back = next(
        day
        for day in (now.date() + timedelta(days=number) for number in range(1, 500))
        if (instant_of(berlin, day + timedelta(days=1), time(8)) - instant_of(berlin, day, time(8)))
        != timedelta(days=1)
    )
    await advance(service, datetime.combine(back, time(0), tzinfo=UTC) - now - timedelta(days=2))
    manager = await service.person("manager")
    pattern = service.sql("SELECT id FROM rota_pattern WHERE name = 'Day and night'")[0][0]
    # A new version makes the shifts of these weeks anew.
    assert (await manager.put(f"/rota-patterns/{pattern}", {"layers": [DAILY]})).status_code == 200
    planned = await shifts(service)
    locals_ = {datetime.fromisoformat(one["starts_at"]).astimezone(berlin).time() for one in planned}
    assert locals_ == {time(8)}
    assert len({one["starts_at"][11:16] for one in planned}) == 2, "in UTC an hour apart"
    assert date.fromisoformat(planned[0]["starts_at"][:10]) <= back


async def test_past_the_api_nobody_writes_the_rota_of_another_branch(service: Service) -> None:
    theirs = service.sql("SELECT id FROM rota_pattern WHERE station_id = %s", str(district.OTHER_STATION))[0][0]
    stranger = str(district.fixed_id("staff caregiver-other"))
    tables = ("rota", "rota_pattern", "rota_version", "rota_override", "rota_swap", "rota_gap", "rota_log",
              "staff_absence")  # fmt: skip
    with psycopg.connect(service.urls.api, autocommit=True) as conn:
        for table in tables:
            assert conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table
        conn.execute("SELECT set_config('carebed.scope', '/350102', false)")
        assert conn.execute("SELECT count(*) FROM rota WHERE staff_id = %s", [stranger]).fetchone() == (0,)
        for table, columns, values in (
            ("rota_version", "layers, holds_from, pattern_id", "'[]', now(), %(theirs)s"),
            ("rota_override", "staff_id, starts_at, ends_at, entered_by, pattern_id",
             "%(who)s, now(), now() + interval '1 day', %(who)s, %(theirs)s"),
            ("rota_swap", "proposed_by, proposed_to, starts_at, ends_at, pattern_id",
             "%(who)s, %(lin)s, now(), now() + interval '1 day', %(theirs)s"),
            ("rota_gap", "staff_id, starts_at, ends_at, why, pattern_id",
             "%(who)s, now(), now() + interval '1 day', 'absent', %(theirs)s"),
            ("staff_absence", "staff_id, kind, begins_at, ends_at, entered_by",
             "%(who)s, 'sick', now(), now() + interval '1 day', %(who)s"),
            ("rota", "station_id, staff_id, tier, starts_at, ends_at",
             "%(station)s, %(who)s, 1, now(), now() + interval '1 day'"),
            ("rota_pattern", "station_id, tier, name", "%(station)s, 1, 'x'"),
        ):  # fmt: skip
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(
                    f"INSERT INTO {table} (id, {columns}) VALUES (gen_random_uuid(), {values})".encode(),
                    {"theirs": theirs, "who": stranger, "lin": LIN, "station": district.OTHER_STATION},
                )
        assert conn.execute("DELETE FROM rota WHERE staff_id = %s", [stranger]).rowcount == 0
        for refused in ("UPDATE rota SET staff_id = staff_id", "DELETE FROM rota_override", "DELETE FROM staff_absence",
                        "UPDATE rota_version SET layers = '[]'", "DELETE FROM rota_log"):  # fmt: skip
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(refused.encode())


async def test_who_has_no_method_is_unreachable_only_where_people_have_methods(service: Service) -> None:
    database = Database(service.urls.api, application="test", pool_size=1)
    async with database.transaction() as conn:
        await enter(conn, "/", None)
        begin = await clock_now(conn)
        asked = (conn, begin, begin + timedelta(days=1), district.STREET_STATION)
        of_pages = await lacking(*asked, ("live", "webhook", "last_resort"))
        of_methods = await lacking(*asked, ("live", "sms"))
    await database.close()
    assert not [one for one in of_pages if one.why is Lack.UNREACHABLE], "a list that is called is nobody's method"
    assert [one for one in of_methods if one.why is Lack.UNREACHABLE]
