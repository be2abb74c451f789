"""Idempotency-Key: however often and however simultaneously a write arrives, it happens once."""

import asyncio
import json

import pytest
from api_service import Service


async def test_twenty_at_once_are_one_move_and_all_get_the_same_answer(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    answers = await asyncio.gather(
        *(operator.move(alarm, "comment", key="k-1", note="Rang the daughter.") for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({json.dumps(answer.json(), sort_keys=True) for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert service.sql("SELECT count(*) FROM alarm_event WHERE type = 'comment'") == [(1,)]


async def test_raising_twice_under_one_key_is_one_alarm_and_no_repeat(service: Service) -> None:
    operator = await service.person("operator")
    body = {"home": service.home(), "kind": "sos", "note": "Rang: fell."}
    first = await operator.post("/alarms", body, key="call-7")
    await operator.move(first.json()["id"], "acknowledge")
    again = await operator.post("/alarms", body, key="call-7")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json(), "the first answer, not the alarm as it is now"
    assert service.sql("SELECT count(*), max(repeats) FROM alarm") == [(1, 0)]


async def test_spaces_and_the_order_of_keys_make_no_other_request(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    first = await operator.post(f"/alarms/{alarm}/comment", content=b'{"note":"x","step":0}', key="k")
    again = await operator.post(f"/alarms/{alarm}/comment", content=b'{ "step": 0, "note": "x" }', key="k")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()


@pytest.mark.parametrize("other", ["note", "move", "alarm"])
async def test_the_key_of_another_request_is_refused(service: Service, other: str) -> None:
    alarm, second = await service.raised(), await service.raised("gw-0002")
    operator = await service.person("operator")
    await operator.move(alarm, "comment", key="k", note="first")
    if other == "note":
        answer = await operator.move(alarm, "comment", key="k", note="second")
    elif other == "move":
        answer = await operator.move(alarm, "acknowledge", key="k", note="first")
    else:
        answer = await operator.move(second, "comment", key="k", note="first")
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:carebed:problem:key-reused"
    assert service.sql("SELECT count(*) FROM alarm_event WHERE type IN ('comment', 'acknowledged')") == [(1,)]


async def test_two_people_may_use_the_same_key(service: Service) -> None:
    alarm = await service.raised()
    for login in ("operator", "operator2"):
        assert (await (await service.person(login)).move(alarm, "comment", key="1", note="x")).status_code == 200
    assert service.sql("SELECT count(*) FROM alarm_event WHERE type = 'comment'") == [(2,)]


async def test_a_refusal_is_kept_as_the_first_answer(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    await operator.move(alarm, "resolve", outcome="test")
    first = await operator.move(alarm, "accept", key="k")
    await operator.move(alarm, "reopen")
    again = await operator.move(alarm, "accept", key="k")
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.json() == first.json()
    assert again.headers["content-type"] == "application/problem+json"
    assert service.sql("SELECT count(*) FROM alarm_event WHERE type = 'move_refused'") == [(1,)]


async def test_what_was_never_done_is_not_kept(service: Service) -> None:
    alarm = await service.raised("gw-other-0001", by="operator-other")
    operator = await service.person("operator")
    assert (await operator.move(alarm, "accept", key="k")).status_code == 404
    await service.write("UPDATE staff SET area_code = '350100000000' WHERE login = 'operator'")
    assert (await operator.move(alarm, "accept", key="k")).status_code == 200


@pytest.mark.parametrize("key", ["x" * 256, "with space", "ü"])
async def test_a_malformed_key_is_refused(service: Service, key: str) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    answer = await operator.http.post(
        f"/api/v1/alarms/{alarm}/accept",
        headers={
            "Authorization": f"Bearer {operator.tokens['access_token']}",
            "Idempotency-Key": key.encode("latin-1"),
        },
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"
