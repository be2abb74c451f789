"""Stories by role: what people do with an alarm through the API, and what they may not."""

import pytest
from api_service import Service

RESPONDER_MOVES = ("accept", "decline", "en-route", "arrive", "leave", "hand-back")


async def test_a_caregiver_accepts_goes_arrives_and_closes_and_the_visit_is_on_record(service: Service) -> None:
    alarm = await service.raised()
    caregiver = await service.person("caregiver1")
    me = await caregiver.me()
    for move, state in (("accept", "acknowledged"), ("en-route", "en_route"), ("arrive", "on_scene")):
        answer = await caregiver.move(alarm, move, at="2026-11-22T04:00:00+08:00")
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == state
    (visit,) = (await caregiver.get("/visits", alarm=alarm)).json()["items"]
    assert (visit["staff"], visit["ended_at"], visit["home"]) == (me, None, service.home())
    closed = (await caregiver.move(alarm, "resolve", outcome="help_given", note="扶起来了")).json()
    assert (closed["state"], closed["outcome"], closed["note"]) == ("resolved", "help_given", "扶起来了")
    assert closed["deadline_at"] is None
    (visit,) = (await caregiver.get("/visits", alarm=alarm)).json()["items"]
    assert visit["ended_at"] is not None
    assert visit["outcome"] == "help_given"
    assert service.sql("SELECT started_device_at FROM visit")[0][0].isoformat() == "2026-11-21T20:00:00+00:00"
    events = (await caregiver.get(f"/alarms/{alarm}/events")).json()["items"]
    # The family is told who comes, and that it is over.
    assert [event["type"] for event in events] == [
        "raised", "accepted", "family_told", "en_route", "arrived", "resolved", "family_told"
    ]  # fmt: skip
    assert events[1]["actor"] == {"type": "staff", "id": me, "name": "林小禾"}


async def test_arriving_twice_is_one_visit_and_coming_back_is_another(service: Service) -> None:
    alarm = await service.raised()
    caregiver = await service.person("caregiver1")
    for move in ("arrive", "arrive"):
        assert (await caregiver.move(alarm, move)).status_code == 200
    assert len((await caregiver.get("/visits", alarm=alarm)).json()["items"]) == 1
    assert (await caregiver.move(alarm, "leave")).status_code == 200
    assert (await caregiver.move(alarm, "arrive")).status_code == 200
    visits = (await caregiver.get("/visits", alarm=alarm)).json()["items"]
    assert [visit["ended_at"] is None for visit in visits] == [True, False]
    await caregiver.move(alarm, "hand-back")
    visits = (await caregiver.get("/visits", alarm=alarm)).json()["items"]
    assert [visit["ended_at"] is None for visit in visits] == [False, False]


async def test_a_move_that_the_state_does_not_allow_is_on_record_and_answered_with_the_alarm(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    await operator.move(alarm, "resolve", outcome="test")
    answer = await operator.move(alarm, "acknowledge")
    assert answer.status_code == 409
    assert answer.json()["alarm"]["state"] == "resolved"
    assert answer.json()["alarm"]["id"] == alarm
    events = (await operator.get(f"/alarms/{alarm}/events")).json()["items"]
    assert events[-1]["type"] == "move_refused"


@pytest.mark.parametrize("move", ["acknowledge", "accept", "en-route", "arrive", "decline"])
async def test_repeating_ones_own_move_is_no_error_and_changes_nothing(service: Service, move: str) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    first = await operator.move(alarm, move)
    again = await operator.move(alarm, move)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["version"] == first.json()["version"]


async def test_an_answer_to_a_passed_step_counts_and_says_so(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    for _ in range(2):
        assert (await operator.move(alarm, "escalate")).json()["stale"] is False
    step = (await operator.alarm(alarm))["step"]
    assert step == 2
    caregiver = await service.person("caregiver1")
    answer = await caregiver.move(alarm, "accept", step=step - 1)
    assert (answer.status_code, answer.json()["stale"]) == (200, True)
    answer = await (await service.person("caregiver3")).move(alarm, "accept", step=step)
    assert (answer.status_code, answer.json()["stale"]) == (200, False)


async def test_an_operator_answers_for_a_caregiver_who_telephones(service: Service) -> None:
    alarm = await service.raised()
    operator, caregiver = await service.person("operator"), await service.person("caregiver2")
    who = await caregiver.me()
    for move in ("accept", "en-route", "arrive"):
        answer = await operator.move(alarm, move, responder=who)
        assert answer.status_code == 200, answer.text
    (response,) = answer.json()["responses"]
    assert (response["staff"], response["state"]) == (who, "arrived")
    assert (await operator.get("/visits", alarm=alarm)).json()["items"][0]["staff"] == who
    events = (await operator.get(f"/alarms/{alarm}/events")).json()["items"]
    assert events[-1]["actor"]["id"] == await operator.me()
    assert events[-1]["data"]["responder"] == who


async def test_nobody_answers_for_a_person_who_is_not_there(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    elsewhere = await (await service.person("caregiver-other")).me()
    supervisor = await (await service.person("supervisor")).me()
    for who in (elsewhere, supervisor, "00000000-0000-0000-0000-000000000000"):
        answer = await operator.move(alarm, "accept", responder=who)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/responder"
    assert (await operator.alarm(alarm))["version"] == 1


@pytest.mark.parametrize("move", RESPONDER_MOVES)
async def test_a_caregiver_answers_for_nobody_else(service: Service, move: str) -> None:
    alarm = await service.raised()
    other = await (await service.person("caregiver2")).me()
    answer = await (await service.person("caregiver1")).move(alarm, move, responder=other)
    assert answer.status_code == 403
    assert service.sql("SELECT count(*) FROM response") == [(0,)]


@pytest.mark.parametrize("move", ["acknowledge", "escalate", "reopen"])
async def test_a_caregiver_does_not_do_the_desks_work(service: Service, move: str) -> None:
    alarm = await service.raised()
    answer = await (await service.person("caregiver1")).move(alarm, move)
    assert answer.status_code == 403
    assert service.sql("SELECT version FROM alarm") == [(1,)]


async def test_a_caregiver_resolves_only_what_he_has_accepted(service: Service) -> None:
    alarm = await service.raised()
    caregiver = await service.person("caregiver1")
    assert (await caregiver.move(alarm, "resolve", outcome="false_alarm")).status_code == 403
    await caregiver.move(alarm, "decline")
    assert (await caregiver.move(alarm, "resolve", outcome="false_alarm")).status_code == 403
    await caregiver.move(alarm, "accept")
    assert (await caregiver.move(alarm, "resolve", outcome="false_alarm")).status_code == 200
    assert (await caregiver.move(alarm, "resolve", outcome="false_alarm")).status_code == 200, "repeating is no error"


async def test_a_supervisor_reads_and_changes_nothing(service: Service) -> None:
    alarm = await service.raised()
    supervisor = await service.person("supervisor")
    assert (await supervisor.alarm(alarm))["id"] == alarm
    for move in (*RESPONDER_MOVES, "acknowledge", "escalate", "reopen"):
        assert (await supervisor.move(alarm, move)).status_code == 403
    assert (await supervisor.move(alarm, "resolve", outcome="test")).status_code == 403
    assert (await supervisor.move(alarm, "comment", note="?")).status_code == 403
    assert (await supervisor.post("/alarms", {"home": service.home(), "kind": "sos"})).status_code == 403
    assert service.sql("SELECT count(*) FROM alarm_event") == [(1,)]


async def test_reopening_starts_the_ladder_anew(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    await operator.move(alarm, "resolve", outcome="false_alarm")
    assert service.sql("SELECT count(*) FROM deadline WHERE alarm_id = %s", alarm) == [(0,)]
    again = (await operator.move(alarm, "reopen", note="She rang again.")).json()
    assert (again["state"], again["outcome"]) == ("raised", None)
    assert again["deadline_at"] is not None


async def test_a_remark_is_kept_on_a_closed_alarm_too(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    await operator.move(alarm, "resolve", outcome="test")
    assert (await operator.move(alarm, "comment", note="Daughter rang.")).status_code == 200
    events = (await operator.get(f"/alarms/{alarm}/events")).json()["items"]
    assert events[-1]["data"]["note"] == "Daughter rang."


async def test_raising_by_hand_joins_the_open_alarm_of_the_same_kind(service: Service) -> None:
    first = await service.raised(kind="assist")
    assert await service.raised(kind="assist") == first
    assert await service.raised(kind="sos") != first
    operator = await service.person("operator")
    assert (await operator.alarm(first))["repeats"] == 1
