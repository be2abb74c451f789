"""Invariant 7: everybody sees his own branch and no other, at every address, in every role.

The probes are looked up by operation: an operation without one fails `test_every_operation_has_its_probe`, so a new
address cannot come without a test of its scope.
"""

import pytest
from alarm_probes import ALARM_PROBES
from api_service import Person, Service
from drill_probes import DRILL_PROBES
from figure_probes import FIGURE_PROBES
from homeside_probes import HOMESIDE_PROBES
from person_probes import PERSON_PROBES
from place_probes import PLACE_PROBES
from robot_probes import ROBOT_PROBES
from rota_probes import ROTA_PROBES
from scope_ground import PEOPLE, Ground, Probe

PROBES: dict[str, Probe] = {
    **PERSON_PROBES,
    **ROTA_PROBES,
    **HOMESIDE_PROBES,
    **ROBOT_PROBES,
    **DRILL_PROBES,
    **PLACE_PROBES,
    **FIGURE_PROBES,
    **ALARM_PROBES,
}


@pytest.fixture
async def ground(service: Service) -> Ground:
    """Alarms raised by the two desks; nobody has been called."""
    ours, theirs = await service.raised(), await service.raised("gw-other-0001", by="operator-other")
    admin = await service.person("admin")
    for alarm in (ours, theirs):
        assert (await admin.move(alarm, "arrive")).status_code == 200
    return Ground(service, ours, theirs)


async def test_every_operation_has_its_probe(service: Service) -> None:
    operations = {
        described["operationId"]
        for operations in service.document["paths"].values()
        for described in operations.values()
    }
    assert operations == set(PROBES)


@pytest.mark.parametrize("login", PEOPLE)
async def test_everybody_meets_his_own_branch_and_no_other(ground: Ground, login: str) -> None:
    person = await ground.service.sign_in(login)
    # What changes nothing comes first, so that each probe meets the ground as it was laid; the sign-out ends it.
    order = sorted(PROBES, key=lambda name: (name == "signOut", name == "raiseAlarm", name.endswith("Alarm")))
    for probe in dict.fromkeys(PROBES[operation] for operation in order):
        await probe(ground, person)


async def test_nobody_meets_anything_without_signing_in(ground: Ground) -> None:
    client = ground.service.client()
    for template, operations in ground.service.document["paths"].items():
        for method, described in operations.items():
            if described["operationId"] == "signIn":
                continue
            path = template.replace("{alarm_id}", ground.ours)
            for headers in ({}, {"Authorization": "Bearer " + "x" * 43}, {"Authorization": "Basic Zm9vOmJhcg=="}):
                body = {"content": b'{"home":"%s","kind":"sos"}' % ground.ours.encode()} if method == "post" else {}
                answer = await client.request(
                    method, path, headers={"Content-Type": "application/json", **headers}, **body
                )
                assert answer.status_code == 401, (method, path)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_responder_sees_the_alarm_he_was_called_to_outside_his_areas(ground: Ground) -> None:
    service = ground.service
    caregiver = await service.person("caregiver-other")
    who = await caregiver.me()
    assert (await caregiver.get(f"/alarms/{ground.ours}")).status_code == 404
    await service.write(
        "INSERT INTO response (alarm_id, staff_id, state, step, called_at) VALUES (%s, %s, 'called', 1, now())",
        ground.ours, who,
    )  # fmt: skip
    seen = await caregiver.alarm(ground.ours)
    assert seen["place"]["name"] is not None
    assert seen["resident_name"] is not None
    assert seen["owner"]["name"]
    listed = {item["id"] for item in (await caregiver.get("/alarms")).json()["items"]}
    assert listed == {ground.ours, ground.theirs}
    for move in ("accept", "arrive"):
        assert (await caregiver.move(ground.ours, move)).status_code == 200
    assert len((await caregiver.get("/visits", alarm=ground.ours)).json()["items"]) == 1
    assert (await caregiver.move(ground.ours, "resolve", outcome="help_given")).status_code == 200
    # Only that alarm: nothing else of the branch.
    homes = {item["area"][:6] for item in (await caregiver.get("/homes", limit=100)).json()["items"]}
    assert homes == {"350103", "350102"}
    assert len((await caregiver.get("/homes", q="鼓楼", limit=100)).json()["items"]) == 0
    other = await service.raised("gw-0002")
    assert (await caregiver.get(f"/alarms/{other}")).status_code == 404


async def test_a_day_after_its_end_what_one_was_called_to_is_out_of_sight(ground: Ground) -> None:
    service = ground.service
    caregiver, operator = await service.person("caregiver-other"), await service.person("operator")
    called = "INSERT INTO response (alarm_id, staff_id, state, step, called_at) VALUES (%s, %s, 'called', 1, now())"
    await service.write(called, ground.ours, await caregiver.me())
    assert (await caregiver.move(ground.ours, "arrive")).status_code == 200
    assert (await caregiver.move(ground.ours, "resolve", outcome="help_given")).status_code == 200
    (home,) = [item["id"] for item in (await caregiver.get("/homes", limit=100)).json()["items"]
               if item["area"].startswith("350102")]  # fmt: skip

    async def sees(person: Person) -> list[int]:
        asked = (f"/alarms/{ground.ours}", f"/alarms/{ground.ours}/events", f"/homes/{home}/readings")
        span = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z"}
        return [(await person.get(path, **(span if "readings" in path else {}))).status_code for path in asked]

    async def closed_longer_ago(by: str) -> None:
        ago = "UPDATE alarm SET closed_at = closed_at - CAST(%s AS interval) WHERE id = %s"
        await service.write(ago, by, ground.ours)

    await closed_longer_ago("23 hours 58 minutes")
    assert (await caregiver.move(ground.ours, "comment", note="the key is back in its box")).status_code == 200
    assert await sees(caregiver) == [200, 200, 200]
    await closed_longer_ago("2 minutes")
    assert await sees(caregiver) == [404, 404, 404]
    assert (await caregiver.move(ground.ours, "comment", note="late")).status_code == 404
    assert ground.ours not in {item["id"] for item in (await caregiver.get("/alarms", state="closed")).json()["items"]}
    assert home not in {item["id"] for item in (await caregiver.get("/homes", limit=100)).json()["items"]}
    # His own visit stays his, and whose branch it is keeps everything.
    assert len((await caregiver.get("/visits", alarm=ground.ours)).json()["items"]) == 1
    assert await sees(operator) == [200, 200, 200]
    # What is said of it now goes to the branch's boards alone; opened again, it is his again.
    async with caregiver.live() as his, operator.live() as desks:
        await his.until("open")
        await desks.until("open")
        assert (await operator.move(ground.ours, "comment", note="looked at")).status_code == 200
        assert (await desks.until("alarm")).data["id"] == ground.ours
        await closed_longer_ago("-1 hour")
        assert (await operator.move(ground.ours, "reopen")).status_code == 200
        event = await his.until("alarm")
        assert (event.data["id"], event.data["state"]) == (ground.ours, "raised")
    assert await sees(caregiver) == [200, 200, 200]


async def test_a_caregiver_reads_the_name_of_whoever_holds_the_alarm_above_him(ground: Ground) -> None:
    alarm = await ground.service.raised("gw-0003")
    await (await ground.service.person("operator2")).move(alarm, "acknowledge")
    seen = await (await ground.service.person("caregiver1")).alarm(alarm)
    assert seen["owner"]["name"] == "黄一鸣"


@pytest.mark.parametrize("role", ["neighbour", "volunteer", "family"])
async def test_who_is_no_staff_sees_the_alarm_he_is_called_to_and_nothing_else(ground: Ground, role: str) -> None:
    service = ground.service
    await service.write("UPDATE staff SET role = %s WHERE login = 'caregiver1'", role)
    person = await service.person("caregiver1")
    for path in ("/alarms", "/homes", "/visits"):
        assert (await person.get(path)).json()["items"] == []
    async with person.live() as stream:
        event = await stream.next()
        assert event is not None
        assert event.data["items"] == []
    await service.write(
        "INSERT INTO response (alarm_id, staff_id, state, step, called_at) VALUES (%s, %s, 'called', 1, now())",
        ground.ours, await person.me(),
    )  # fmt: skip
    assert [item["id"] for item in (await person.get("/alarms")).json()["items"]] == [ground.ours]
    for move in ("accept", "arrive"):
        assert (await person.move(ground.ours, move)).status_code == 200
    assert (await person.move(ground.ours, "resolve", outcome="help_given")).status_code == 403, "that is for the desk"
    assert (await person.move(ground.ours, "acknowledge")).status_code == 403
    home = service.home("gw-0001")
    span = {"from": "2026-11-20T00:00Z", "to": "2026-11-21T00:00Z"}
    assert (await person.get(f"/homes/{home}/readings", **span)).status_code == 403
    assert (await person.get(f"/homes/{home}/absences")).status_code == 403
