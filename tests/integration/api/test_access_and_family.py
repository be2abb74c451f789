"""Access notes open doors, so they are given to who goes there, and to nobody else; and what relatives choose."""

import psycopg
import pytest
from api_service import Service
from psycopg import errors

NOTES = {"key_box": "left of the gate, 4711", "door_code": "0815#", "hazards": None}


async def _written(service: Service) -> str:
    home = service.home()
    manager = await service.person("manager")
    answer = await manager.put(f"/homes/{home}/access-note", NOTES)
    assert answer.status_code == 200
    assert answer.json()["updated_by"] == await manager.me()
    assert "4711" not in answer.text
    return home


async def test_who_has_accepted_reads_how_to_get_in_while_the_alarm_is_open(service: Service) -> None:
    home = await _written(service)
    alarm = await service.raised()
    path = f"/alarms/{alarm}/access"
    operator, caregiver = await service.person("operator"), await service.person("caregiver1")
    for person in (operator, caregiver):
        assert (await person.get(path)).status_code == 403, "nobody has accepted"
    await operator.move(alarm, "acknowledge")
    assert (await operator.get(path)).status_code == 403, "the desk is not at the door"
    for move in ("accept", "en-route", "arrive"):
        assert (await caregiver.move(alarm, move)).status_code == 200
        read = await caregiver.get(path)
        assert (read.status_code, {**read.json(), "updated_at": None}) == (
            200, {**NOTES, "home": home, "updated_at": None}
        )  # fmt: skip
    assert (await operator.get(path)).status_code == 403
    assert (await (await service.person("manager")).get(path)).status_code == 403
    await caregiver.move(alarm, "leave")
    assert (await caregiver.get(path)).status_code == 403, "has left"
    await caregiver.move(alarm, "accept")
    await caregiver.move(alarm, "resolve", outcome="help_given")
    assert (await caregiver.get(path)).status_code == 403, "is over"

    events = (await operator.get(f"/alarms/{alarm}/events")).json()["items"]
    reads = [event for event in events if event["type"] == "access_notes_read"]
    assert [event["actor"]["id"] for event in reads] == [await caregiver.me()] * 3
    assert "4711" not in str(events) + (await operator.get(f"/alarms/{alarm}")).text
    log = (await (await service.person("manager")).get(f"/homes/{home}/access-log")).json()["items"]
    assert [entry["what"] for entry in log] == ["read"] * 3 + ["written"]
    assert (await caregiver.get(f"/homes/{home}/access-log")).status_code == 403


async def test_who_accepted_an_alarm_of_one_home_reads_of_no_other(service: Service) -> None:
    await _written(service)
    alarm = await service.raised("gw-0002")
    caregiver = await service.person("caregiver1")
    await caregiver.move(alarm, "accept")
    read = (await caregiver.get(f"/alarms/{alarm}/access")).json()
    assert (read["home"], read["key_box"], read["updated_at"]) == (service.home("gw-0002"), None, None)


async def test_notes_are_written_by_managers_of_the_branch_and_read_back_by_nobody(service: Service) -> None:
    home = await _written(service)
    path = f"/homes/{home}/access-note"
    for login in ("operator", "caregiver1", "supervisor"):
        assert (await (await service.person(login)).put(path, NOTES)).status_code == 403
    manager = await service.person("manager")
    assert (await manager.get(path)).json().keys() == {"home", "updated_at", "updated_by", "updated_by_name"}
    other = service.home("gw-other-0001")
    for answer in (
        await manager.put(f"/homes/{other}/access-note", NOTES),
        await manager.get(f"/homes/{other}/access-note"),
    ):
        assert answer.status_code == 404
    assert (await manager.put(path, {**NOTES, "door_code": "x" * 501})).status_code == 422
    again = await manager.get(f"/homes/{service.home('gw-0003')}/access-note")
    assert again.json()["updated_at"] is None


async def test_the_database_itself_keeps_the_notes_shut(service: Service) -> None:
    home = await _written(service)
    change = [
        "DELETE FROM access_log",
        "UPDATE access_log SET at = now()",
        "INSERT INTO access_log (home_id) VALUES (NULL)",
    ]
    read = ["SELECT key_box FROM access_note", "SELECT * FROM access_note"]
    refused = {
        service.urls.api: [*read, *change],
        service.urls.engine: [*read, *change],
        service.urls.reader: [*read, *change],
    }
    for url, statements in refused.items():
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("SELECT set_config('carebed.scope', '/', false)")
            for statement in statements:
                with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                    conn.execute(statement.encode())
    with psycopg.connect(service.urls.api, autocommit=True) as conn:
        conn.execute("SELECT set_config('carebed.scope', '/350103', false)")
        assert conn.execute("SELECT count(*) FROM access_log").fetchone() == (0,)
        assert conn.execute("UPDATE access_note SET door_code = 'x' WHERE home_id = %s", [home]).rowcount == 0
    with pytest.raises(errors.InsufficientPrivilege):
        await service.write("DELETE FROM access_log")


async def test_a_relative_chooses_for_himself_and_a_manager_for_his_branch(service: Service) -> None:
    home = service.home()
    await service.write("UPDATE staff SET role = 'family' WHERE login IN ('caregiver1', 'caregiver2')")
    daughter, stranger = await service.person("caregiver1"), await service.person("caregiver2")
    await service.write(
        "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (gen_random_uuid(), %s, %s, 'family')",
        home, await daughter.me(),
    )  # fmt: skip
    path = f"/homes/{home}/family/{await daughter.me()}"
    chosen = {"when": "over", "kinds": ["sos"], "from": "22:00", "until": "07:30"}
    answer = await daughter.put(path, chosen)
    assert (answer.status_code, answer.json()["tells"]) == (200, chosen)
    (mine,) = (await daughter.get("/me/family")).json()["items"]
    assert (mine["home"], mine["tells"]) == (home, chosen)
    assert (await stranger.get("/me/family")).json()["items"] == []
    assert (await stranger.put(path, {})).status_code == 403
    assert (await stranger.put(f"/homes/{home}/family/{await stranger.me()}", {})).status_code == 404

    manager = await service.person("manager")
    assert (await manager.put(path, {})).json()["tells"] == {}
    relatives = (await manager.get(f"/homes/{home}/family")).json()["items"]
    assert (await daughter.me(), {}) in [(one["staff"], one["tells"]) for one in relatives]
    assert (await daughter.get(f"/homes/{home}/family")).status_code == 403
    assert (await manager.get(f"/homes/{service.home('gw-other-0001')}/family")).status_code == 404
    for wrong in ({"from": "24:00"}, {"when": "sometimes"}, {"kinds": ["SOS; DROP"]}, {"extra": 1}):
        assert (await daughter.put(path, wrong)).status_code == 422
