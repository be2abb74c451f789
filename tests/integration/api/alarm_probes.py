"""Probes of alarms and visits for `test_scope`."""

from api_service import Person
from scope_ground import DESK, RESPONDERS, Ground, Probe


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


async def _lists_visits(ground: Ground, person: Person) -> None:
    visible = ground.visible_to(person.login)
    assert {item["alarm"] for item in (await person.get("/visits")).json()["items"]} == visible
    for alarm in (ground.ours, ground.theirs):
        items = (await person.get("/visits", alarm=alarm)).json()["items"]
        assert len(items) == (1 if alarm in visible else 0)


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


ALARM_PROBES: dict[str, Probe] = {
    "listAlarms": _lists_alarms,
    "readAlarm": _reads_alarm,
    "listMembers": _lists_members,
    "listAlarmEvents": _reads_events,
    "raiseAlarm": _raises,
    "followAlarms": _follows,
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
