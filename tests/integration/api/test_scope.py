"""Invariant 7: everybody sees his own branch and no other, at every address, in every role.

The probes are looked up by operation: an operation without one fails `test_every_operation_has_its_probe`, so a new
address cannot come without a test of its scope.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from api_service import Person, Service
from drill_probes import DRILL_PROBES
from homeside_probes import HOMESIDE_PROBES
from robot_probes import ROBOT_PROBES
from rota_probes import ROTA_PROBES

PEOPLE = (
    "operator", "operator2", "manager", "supervisor", "admin", "caregiver1", "caregiver3", "operator-other",
    "caregiver-other",
)  # fmt: skip

#: Whose areas hold which of the two alarms: ours (demo district) and theirs (its neighbour).
SEES_OURS = {"operator", "operator2", "manager", "supervisor", "admin", "caregiver1", "caregiver3"}
SEES_THEIRS = {"admin", "operator-other", "caregiver-other"}

DESK = {"operator", "operator2", "manager", "admin", "operator-other"}
SUPERVISION = {"manager", "supervisor", "admin"}
RESPONDERS = DESK | {"caregiver1", "caregiver3", "caregiver-other"}


@dataclass(frozen=True)
class Ground:
    """One alarm and visit in each district."""

    service: Service
    ours: str
    theirs: str

    def visible_to(self, login: str) -> set[str]:
        return ({self.ours} if login in SEES_OURS else set()) | ({self.theirs} if login in SEES_THEIRS else set())

    def fingerprint(self, alarm: str) -> list[tuple[object, ...]]:
        """Everything that a move changes."""
        return self.service.sql(
            "SELECT version, state, (SELECT count(*) FROM alarm_event e WHERE e.alarm_id = a.id),"
            " (SELECT count(*) FROM response r WHERE r.alarm_id = a.id),"
            " (SELECT count(*) FROM visit v WHERE v.alarm_id = a.id) FROM alarm a WHERE id = %s", alarm,
        )  # fmt: skip


Probe = Callable[[Ground, Person], Awaitable[None]]


@pytest.fixture
async def ground(service: Service) -> Ground:
    """Alarms raised by the two desks; nobody has been called."""
    ours, theirs = await service.raised(), await service.raised("gw-other-0001", by="operator-other")
    admin = await service.person("admin")
    for alarm in (ours, theirs):
        assert (await admin.move(alarm, "arrive")).status_code == 200
    return Ground(service, ours, theirs)


async def _lists_alarms(ground: Ground, person: Person) -> None:
    for state in ("open", "closed"):
        items = (await person.get("/alarms", state=state)).json()["items"]
        assert {item["id"] for item in items} == (ground.visible_to(person.login) if state == "open" else set())


async def _reads_alarm(ground: Ground, person: Person) -> None:
    for alarm in (ground.ours, ground.theirs):
        expected = 200 if alarm in ground.visible_to(person.login) else 404
        assert (await person.get(f"/alarms/{alarm}")).status_code == expected


async def _reads_events(ground: Ground, person: Person) -> None:
    for alarm in (ground.ours, ground.theirs):
        expected = 200 if alarm in ground.visible_to(person.login) else 404
        assert (await person.get(f"/alarms/{alarm}/events")).status_code == expected
        assert (await person.get(f"/alarms/{alarm}/members")).status_code == expected


async def _lists_members(ground: Ground, person: Person) -> None:
    for alarm in (ground.ours, ground.theirs):
        answer = await person.get(f"/alarms/{alarm}/members")
        assert answer.status_code == (200 if alarm in ground.visible_to(person.login) else 404)


async def _follows(ground: Ground, person: Person) -> None:
    async with person.live() as stream:
        event = await stream.next()
    assert event is not None
    assert {item["id"] for item in event.data["items"]} == ground.visible_to(person.login)


async def _raises(ground: Ground, person: Person) -> None:
    before = ground.service.sql("SELECT count(*) FROM alarm")
    for gateway, alarm in (("gw-0002", ground.ours), ("gw-other-0002", ground.theirs)):
        answer = await person.post("/alarms", {"home": ground.service.home(gateway), "kind": "assist"})
        visible = alarm in ground.visible_to(person.login)
        assert answer.status_code == (403 if person.login not in DESK else 201 if visible else 404)
    if person.login not in DESK:
        assert ground.service.sql("SELECT count(*) FROM alarm") == before


async def _finds_homes(ground: Ground, person: Person) -> None:
    items = (await person.get("/homes", limit=100)).json()["items"]
    found = {item["area"][:6] for item in items}
    visible = ground.visible_to(person.login)
    assert found == ({"350102"} if ground.ours in visible else set()) | (
        {"350103"} if ground.theirs in visible else set()
    )


async def _reads_history(ground: Ground, person: Person) -> None:
    for gateway, alarm in (("gw-0001", ground.ours), ("gw-other-0001", ground.theirs)):
        await ground.service.write(
            "INSERT INTO reading_hour (device_id, hour, type, readings, numbers)"
            " SELECT id, '2026-11-20 08:00Z', 'motion', 3, 0 FROM device WHERE gateway_id = %s"
            " ON CONFLICT DO NOTHING", gateway,
        )  # fmt: skip
        home = ground.service.home(gateway)
        answer = await person.get(f"/homes/{home}/readings", **{"from": "2026-11-20T00:00Z", "to": "2026-11-21T00:00Z"})
        if alarm in ground.visible_to(person.login):
            assert answer.status_code == 200
            assert {item["readings"][0] for item in answer.json()["items"]} == {3}
        else:
            assert answer.status_code == 404
        # Nor does the function behind it show more to somebody who gets past the API.
        with psycopg.connect(ground.service.urls.api) as conn:
            hours = conn.execute("SELECT count(*) FROM history_of_home(%s, '-infinity', 'infinity')", [home]).fetchone()
            assert hours == (0,)


async def _reads_load(ground: Ground, person: Person) -> None:
    for alarm in (ground.ours, ground.theirs):
        ((area,),) = ground.service.sql("SELECT area_code FROM alarm WHERE id = %s", alarm)
        answer = await person.get("/alarm-load", area=area)
        if person.login not in SUPERVISION:
            assert answer.status_code == 403
        elif alarm in ground.visible_to(person.login):
            assert answer.json()["total"]["alarms"] > 0
        else:
            assert answer.status_code == 404


async def _reads_kpis(ground: Ground, person: Person) -> None:
    for alarm in (ground.ours, ground.theirs):
        ((area,),) = ground.service.sql("SELECT area_code FROM alarm WHERE id = %s", alarm)
        answer = await person.get("/kpis", area=area)
        if person.login not in SUPERVISION:
            assert answer.status_code == 403
        elif alarm in ground.visible_to(person.login):
            assert answer.json()["total"]["calls"] > 0
        else:
            assert answer.status_code == 404


async def _reads_readiness(ground: Ground, person: Person) -> None:
    await ground.service.write(
        "INSERT INTO readiness (station_id, homes, first_homes, judged_at, until, gaps) SELECT id, 2,"
        " (SELECT jsonb_agg(jsonb_build_object('home', id, 'policy', 'own', 'step', 1, 'targets', jsonb_build_array("
        " 'family'), 'from', now(), 'until', now(), 'reason', 'nobody')) FROM (SELECT DISTINCT ON (left(area_code, 6))"
        " id FROM home ORDER BY left(area_code, 6)) AS one_of_each), now(), now() + interval '1 day',"
        " jsonb_build_array(jsonb_build_object('policy', 'default', 'step', 1, 'targets', jsonb_build_array('desk'),"
        " 'from', now(), 'until', now(), 'reason', 'no_method', 'people', jsonb_build_array(jsonb_build_object("
        " 'staff', (SELECT id FROM staff WHERE login = 'operator'), 'reason', 'no_method'))))"
        " FROM station ON CONFLICT DO NOTHING"
    )  # fmt: skip
    answer = await person.get("/readiness")
    if person.login not in DESK | {"supervisor"}:
        assert answer.status_code == 403
        return
    found = {item["area"][:6] for item in answer.json()["items"]}
    visible = ground.visible_to(person.login)
    assert found == ({"350102"} if ground.ours in visible else set()) | (
        {"350103"} if ground.theirs in visible else set()
    )
    assert all(item["gaps"][0]["people"][0]["name"] and not item["ready"] for item in answer.json()["items"])
    assert all(len(item["homes"]["first"]) == len(visible) for item in answer.json()["items"])
    assert (await person.get("/readiness", area="110000000000")).json()["items"] == []


async def _sets_targets(ground: Ground, person: Person) -> None:
    body = {"targets": [{"within_s": 45, "share": 0.95, "source": "x"}]}
    for area, alarm in zip(_AREAS, (ground.ours, ground.theirs), strict=True):
        visible = alarm in ground.visible_to(person.login)
        expected = 403 if person.login not in {"manager", "admin"} else 200 if visible else 404
        assert (await person.put(f"/areas/{area}/kpi-targets", body)).status_code == expected
        assert (await person.delete(f"/areas/{area}/kpi-targets")).status_code == expected


async def _lists_visits(ground: Ground, person: Person) -> None:
    visible = ground.visible_to(person.login)
    assert {item["alarm"] for item in (await person.get("/visits")).json()["items"]} == visible
    for alarm in (ground.ours, ground.theirs):
        items = (await person.get("/visits", alarm=alarm)).json()["items"]
        assert len(items) == (1 if alarm in visible else 0)


async def _reads_himself(_ground: Ground, person: Person) -> None:
    assert (await person.get("/me")).json()["login"] == person.login


async def _signs_out(_ground: Ground, person: Person) -> None:
    assert (await person.post("/auth/sign-out")).status_code == 204
    assert (await person.get("/me")).status_code == 401


async def _signs_in(ground: Ground, person: Person) -> None:
    again = await ground.service.sign_in(person.login)
    assert await again.me() == await person.me()


def _makes(move: str, allowed: set[str], **body: str) -> Probe:
    async def probe(ground: Ground, person: Person) -> None:
        for alarm in (ground.ours, ground.theirs):
            before = ground.fingerprint(alarm)
            answer = await person.move(alarm, move, **body)
            if person.login not in allowed:
                assert answer.status_code == 403
            elif alarm not in ground.visible_to(person.login):
                assert answer.status_code == 404
            else:
                # Within scope the state decides; a caregiver who has not accepted may not resolve.
                assert answer.status_code in ({200, 409} | ({403} if move == "resolve" else set()))
                continue
            assert ground.fingerprint(alarm) == before

    return probe


_KINDS = (("Home", "homes"), ("Station", "stations"), ("Area", "areas"))
#: (path of what is ours, of what is theirs), by kind of scope.
_STATIONS = ("示范街道照护站", "台江区照护调度中心")
_AREAS = ("350102001000", "350103001000")
_VALUES = {"values": {"enabled": False}}


def _places(ground: Ground, kind: str) -> tuple[str, str]:
    if kind == "areas":
        return _AREAS
    if kind == "homes":
        return ground.service.home("gw-0001"), ground.service.home("gw-other-0001")
    ours, theirs = (str(ground.service.sql("SELECT id FROM station WHERE name = %s", one)[0][0]) for one in _STATIONS)
    return ours, theirs


def _judged(kind: str, method: str) -> Probe:
    """What detectors are set to: seen in the office, set by managers, each in his branch."""

    async def probe(ground: Ground, person: Person) -> None:
        allowed = {"manager", "admin"} | (DESK | {"supervisor"} if method == "get" else set())
        for place, alarm in zip(_places(ground, kind), (ground.ours, ground.theirs), strict=True):
            path = f"/{kind}/{place}/parameters"
            if method == "get":
                answer = await person.get(path)
            elif method == "put":
                answer = await person.put(f"{path}/inactivity", _VALUES)
            else:
                answer = await person.delete(f"{path}/inactivity")
            visible = alarm in ground.visible_to(person.login)
            assert answer.status_code == (403 if person.login not in allowed else 200 if visible else 404)

    return probe


async def _absent(ground: Ground, person: Person) -> None:
    """Entered, seen and withdrawn, each in his branch."""
    span = {"begins_at": "2026-11-22T08:00:00Z", "ends_at": "2026-11-23T08:00:00Z"}
    for home, alarm in zip(_places(ground, "homes"), (ground.ours, ground.theirs), strict=True):
        path, visible = f"/homes/{home}/absences", alarm in ground.visible_to(person.login)
        (entered,) = await ground.service.write(
            "INSERT INTO absence (id, home_id, begins_at, ends_at, entered_by)"
            " SELECT gen_random_uuid(), %s, now(), now() + interval '1 day', id FROM staff LIMIT 1 RETURNING id", home,
        )  # fmt: skip
        mine = DESK if visible else set()
        expected = 404 if person.login in DESK else 403
        answer = await person.post(path, span)
        assert answer.status_code == (201 if person.login in mine else expected)
        answer = await person.delete(f"{path}/{entered[0]}")
        assert answer.status_code == (200 if person.login in mine else expected)
        answer = await person.get(path)
        seen = 200 if visible else 404
        assert answer.status_code == (seen if person.login in DESK | {"supervisor"} else 403)


def _staff(ground: Ground, login: str) -> str:
    return str(ground.service.sql("SELECT id FROM staff WHERE login = %s", login)[0][0])


async def _is_reached(ground: Ground, person: Person) -> None:
    """One's own methods; a manager sees those of his branch and keeps those of people who never sign in."""
    await ground.service.write(
        """INSERT INTO staff (id, name, role, area_code) VALUES
           ('00000000-0000-4000-8000-000000000001', 'N', 'neighbour', '350102001001'),
           ('00000000-0000-4000-8000-000000000002', 'M', 'neighbour', '350103001001') ON CONFLICT DO NOTHING"""
    )
    manages = person.login in ("manager", "admin")
    for number, alarm in ((1, ground.ours), (2, ground.theirs)):
        staff = f"00000000-0000-4000-8000-00000000000{number}"
        visible = alarm in ground.visible_to(person.login)
        expected = (404 if not visible else None) if manages else 403
        await _keeps(ground, person, staff, expected)
    mine = await person.me()
    for login in ("caregiver1", "caregiver-other"):
        other = _staff(ground, login)
        if other == mine:
            continue
        visible = (ground.ours if login == "caregiver1" else ground.theirs) in ground.visible_to(person.login)
        answer = await person.get(f"/staff/{other}/contact-methods")
        assert answer.status_code == ((200 if visible else 404) if manages else 403)
        await _keeps(ground, person, other, 404 if manages and not visible else 403)
    await _keeps(ground, person, mine, None)


async def _keeps(ground: Ground, person: Person, staff: str, refused: int | None) -> None:
    """Every write; `refused`: the status with which all of them are, None: they are done."""
    path = f"/staff/{staff}/contact-methods"
    await ground.service.write(
        "INSERT INTO contact_method (id, staff_id, channel, address)"
        " VALUES (gen_random_uuid(), %s, 'sms', '+8613800000000')"
        " ON CONFLICT (staff_id, channel, address) DO UPDATE SET removed_at = NULL, code_sent_at = NULL", staff,
    )  # fmt: skip
    method = ground.service.sql("SELECT id FROM contact_method WHERE staff_id = %s", staff)[0][0]
    answer = await person.post(path, {"channel": "pigeon", "address": "x"})
    assert answer.status_code == (refused or 422)
    for wanted, answer in (
        (200, await person.put(f"{path}/{method}", {"rank": 2, "wait_s": 10})),
        (202, await person.post(f"{path}/{method}/code")),
        (422, await person.post(f"{path}/{method}/verify", {"code": "000000"})),
        (204, await person.delete(f"{path}/{method}")),
    ):
        assert answer.status_code == (refused or wanted), (answer.request.url, answer.text)


async def _rests(_ground: Ground, person: Person) -> None:
    assert (await person.put("/me/quiet-hours", {"from": "22:00", "until": "07:00"})).status_code == 200
    assert (await person.get("/me/quiet-hours")).json() == {"from": "22:00", "until": "07:00"}
    assert (await person.delete("/me/quiet-hours")).json() == {"from": None, "until": None}


_LADDER = {"name": "ours", "steps": [{"delay_s": 0, "call": ["desk"]}]}


async def _sets_policies(ground: Ground, person: Person) -> None:
    """Set, listed and removed by managers, each in his branch; seen in the office."""
    office, managers = DESK | {"supervisor"}, {"manager", "admin"}
    for area, alarm in zip(_AREAS, (ground.ours, ground.theirs), strict=True):
        visible, policy = alarm in ground.visible_to(person.login), uuid4()
        expected = 403 if person.login not in managers else 200 if visible else 404
        assert (await person.put(f"/policies/{policy}", {**_LADDER, "area": area})).status_code == expected
        await ground.service.write(
            "INSERT INTO policy (id, area_code, ladder) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            policy, area, '{"name": "n", "steps": [{"delay_s": 0, "call": ["desk"]}]}',
        )  # fmt: skip
        answer = await person.get("/policies")
        assert answer.status_code == (200 if person.login in office else 403)
        if person.login in office:
            assert (str(policy) in {one["id"] for one in answer.json()["items"]}) == visible
        assert (await person.put(f"/policies/{policy}", {**_LADDER, "area": area})).status_code == expected
        assert (await person.delete(f"/policies/{policy}")).status_code == expected
        await ground.service.write("DELETE FROM policy")


async def _previews(ground: Ground, person: Person) -> None:
    for home, alarm in zip(_places(ground, "homes"), (ground.ours, ground.theirs), strict=True):
        visible = alarm in ground.visible_to(person.login)
        expected = 403 if person.login not in DESK | {"supervisor"} else 200 if visible else 404
        assert (await person.get(f"/homes/{home}/escalation")).status_code == expected


async def _is_pushed_to(_ground: Ground, person: Person) -> None:
    """One's own browser only, and nobody else's."""
    assert (await person.get("/me/push")).json() == {"public_key": None}
    subscription = {"endpoint": "https://push.example/x", "keys": {"p256dh": "B" * 87, "auth": "a" * 22}}
    assert (await person.post("/me/push", subscription)).status_code == 404
    assert (await person.get("/me/push/0192f0d1-9b10-7c5e-8f21-6a0d4c9e1b77")).status_code == 404


PROBES: dict[str, Probe] = {
    **dict.fromkeys(("readPushKey", "subscribeToPush", "readPushSubscription"), _is_pushed_to),
    **dict.fromkeys(
        (
            "listContactMethods",
            "addContactMethod",
            "orderContactMethod",
            "removeContactMethod",
            "sendContactCode",
            "verifyContactMethod",
        ),
        _is_reached,
    ),
    **dict.fromkeys(("readQuietHours", "setQuietHours", "unsetQuietHours"), _rests),
    **ROTA_PROBES,
    **HOMESIDE_PROBES,
    **ROBOT_PROBES,
    **DRILL_PROBES,
    "listPolicies": _sets_policies,
    "setPolicy": _sets_policies,
    "removePolicy": _sets_policies,
    "readEscalation": _previews,
    "listAbsences": _absent,
    "enterAbsence": _absent,
    "withdrawAbsence": _absent,
    **{f"list{kind}Parameters": _judged(path, "get") for kind, path in _KINDS},
    **{f"set{kind}Parameters": _judged(path, "put") for kind, path in _KINDS},
    **{f"unset{kind}Parameters": _judged(path, "delete") for kind, path in _KINDS},
    "signIn": _signs_in,
    "signOut": _signs_out,
    "readMe": _reads_himself,
    "listAlarms": _lists_alarms,
    "readAlarm": _reads_alarm,
    "readAlarmLoad": _reads_load,
    "readKpis": _reads_kpis,
    "readReadiness": _reads_readiness,
    "setKpiTargets": _sets_targets,
    "unsetKpiTargets": _sets_targets,
    "listMembers": _lists_members,
    "listAlarmEvents": _reads_events,
    "raiseAlarm": _raises,
    "followAlarms": _follows,
    "findHomes": _finds_homes,
    "listReadings": _reads_history,
    "listVisits": _lists_visits,
    "acknowledgeAlarm": _makes("acknowledge", DESK),
    "acceptAlarm": _makes("accept", RESPONDERS),
    "declineAlarm": _makes("decline", RESPONDERS),
    "enRouteAlarm": _makes("en-route", RESPONDERS),
    "arriveAlarm": _makes("arrive", RESPONDERS),
    "leaveAlarm": _makes("leave", RESPONDERS),
    "handBackAlarm": _makes("hand-back", RESPONDERS),
    "resolveAlarm": _makes("resolve", RESPONDERS, outcome="test"),
    "reopenAlarm": _makes("reopen", DESK),
    "escalateAlarm": _makes("escalate", DESK),
    "commentAlarm": _makes("comment", RESPONDERS, note="x"),
}


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
