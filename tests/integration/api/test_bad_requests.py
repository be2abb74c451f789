"""Bad input gets a sentence and changes nothing; nothing of it reaches the database as more than a value."""

import json
import random
from collections.abc import AsyncIterator

from api_service import Service

HUGE = "x" * 2_001

WRONG_PARTS: list[tuple[str, dict[str, object], str]] = [
    ("accept", {"unknown": 1}, "/unknown"),
    ("accept", {"at": "2026-11-22T04:00:00"}, "/at"),
    ("accept", {"at": 1795320000}, "/at"),
    ("accept", {"at": "yesterday"}, "/at"),
    ("accept", {"at": "0001-01-01T00:00:00+14:00"}, "/at"),
    ("accept", {"at": "9999-12-31T23:59:59-14:00"}, "/at"),
    ("accept", {"step": "1"}, "/step"),
    ("accept", {"step": -1}, "/step"),
    ("accept", {"step": 1.5}, "/step"),
    ("accept", {"step": True}, "/step"),
    ("accept", {"step": 10**30}, "/step"),
    ("accept", {"responder": "me"}, "/responder"),
    ("accept", {"responder": 5}, "/responder"),
    ("acknowledge", {"responder": "0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a11"}, "/responder"),
    ("comment", {"note": HUGE}, "/note"),
    ("comment", {"note": ""}, "/note"),
    ("comment", {"note": "a\0b"}, "/note"),
    ("comment", {"note": "\ud800"}, "/note"),
    ("comment", {"note": 5}, "/note"),
    ("comment", {}, "/note"),
    ("resolve", {}, "/outcome"),
    ("resolve", {"outcome": "fine"}, "/outcome"),
    ("resolve", {"outcome": None}, "/outcome"),
]

NO_OBJECTS: list[tuple[bytes, str, int]] = [
    (b"{", "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b"[]", "application/json", 422),
    (b"5", "application/json", 422),
    (b'"text"', "application/json", 422),
    (b'{"note":"x"}', "text/plain", 415),
    (b"note=x", "application/x-www-form-urlencoded", 415),
    (b'{"note":"' + b"x" * 70_000 + b'"}', "application/json", 413),
    (b"[" * 60_000, "application/json", 400),
    (b'{"note":"x","step":' + b"9" * 5_000 + b"}", "application/json", 400),
]

WRONG_ADDRESSES = [
    ("/alarms?state=lost", 422),
    ("/alarms?limit=0", 422),
    ("/alarms?limit=501", 422),
    ("/alarms?cursor=AAAA", 422),
    ("/alarms?cursor=%00", 422),
    ("/alarms/abc", 422),
    ("/alarms/00000000-0000-0000-0000-000000000000", 404),
    ("/alarms/00000000-0000-0000-0000-000000000000/events", 404),
    ("/alarms/00000000-0000-0000-0000-000000000000/dance", 404),
    ("/visits?alarm=1", 422),
    ("/visits?cursor=1", 422),
    ("/homes?q=%00", 422),
    ("/homes?q=" + "x" * 101, 422),
    ("/homes?limit=x", 422),
    ("/nothing", 404),
]


async def test_a_wrong_part_is_named(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    for move, body, pointer in WRONG_PARTS:
        answer = await operator.post(f"/alarms/{alarm}/{move}", content=json.dumps(body).encode())
        assert answer.status_code == 422, (body, answer.text)
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], body
    assert service.sql("SELECT count(*) FROM alarm_event") == [(1,)]


async def test_a_body_that_is_no_object_of_ours_is_refused(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    for content, content_type, status in NO_OBJECTS:
        answer = await operator.post(f"/alarms/{alarm}/comment", content=content, content_type=content_type)
        assert answer.status_code == status, (content[:40], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert service.sql("SELECT count(*) FROM alarm_event") == [(1,)]


async def test_a_body_without_a_length_is_bounded_as_well(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 10_000

    answer = await operator.http.post(
        f"/api/v1/alarms/{alarm}/comment", content=endless(),
        headers={"Authorization": f"Bearer {operator.tokens['access_token']}", "Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 413


async def test_a_wrong_address_or_parameter_is_a_problem(service: Service) -> None:
    operator = await service.person("operator")
    for path, status in WRONG_ADDRESSES:
        bearer = {"Authorization": f"Bearer {operator.tokens['access_token']}"}
        answer = await operator.http.get(f"/api/v1{path}", headers=bearer)
        assert answer.status_code == status, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_names_the_right_ones(service: Service) -> None:
    client = service.client()
    for method, path, allowed in (
        ("GET", "/api/v1/auth/token", "POST"),
        ("DELETE", "/api/v1/alarms", "GET"),
        ("POST", "/healthz", "GET"),
        ("PUT", "/", "GET"),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == 405, path
        assert allowed in answer.headers["Allow"]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_no_input_is_ever_taken_for_sql(service: Service) -> None:
    operator = await service.person("operator")
    alarm = await service.raised()
    for text in ("' OR '1'='1", "'; DROP TABLE alarm; --", "%", "_", "\\", "%(q)s", ":q", "{}", "$1", "?"):
        assert (await operator.get("/homes", q=text)).json()["items"] == [], text
        answer = await operator.move(alarm, "comment", note=text)
        assert answer.status_code == 200
        events = (await operator.get(f"/alarms/{alarm}/events")).json()["items"]
        assert events[-1]["data"]["note"] == text


async def test_homes_are_found_by_every_part_that_a_caller_may_know(service: Service) -> None:
    operator = await service.person("operator")
    home = service.home("gw-0002")
    ((name, address, resident, bed),) = service.sql(
        "SELECT home.name, address, resident.name, bed.number FROM home JOIN resident ON resident.home_id = home.id"
        " JOIN bed ON bed.home_id = home.id WHERE home.id = %s", home,
    )  # fmt: skip
    for words in (name, address, resident[1:], bed, bed.lower(), f"  {bed} "):
        found = (await operator.get("/homes", q=words)).json()["items"]
        assert home in {item["id"] for item in found}, words
    first = (await operator.get("/homes", limit=2)).json()
    second = (await operator.get("/homes", limit=2, cursor=first["next"])).json()
    assert len({item["id"] for item in first["items"] + second["items"]}) == 3
    assert second["next"] is None


async def test_whatever_is_sent_as_a_body_gets_an_answer(service: Service) -> None:
    """150 random bodies: never a 500, never an undocumented status (each answer is held to the document)."""
    alarm = await service.raised()
    operator = await service.person("operator")
    chance = random.Random(20261122)
    for _ in range(150):
        content = json.dumps(_anything(chance, 3)).encode()
        answer = await operator.post(f"/alarms/{alarm}/comment", content=content)
        assert answer.status_code in (200, 400, 422), (content, answer.text)


def _anything(chance: random.Random, depth: int) -> object:
    """A JSON value, with what tends to break things in it."""
    leaves = [
        None,
        True,
        0,
        -1,
        1.5,
        1e308,
        float("nan"),
        "",
        "x",
        "\0",
        "\ud800",
        "\udfff\ud800",
        "\u202e",
        "9" * 400,
        2**63,
    ]
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(leaves)
    if chance.random() < 0.2:
        return [_anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    keys = ["at", "step", "note", "responder", "outcome", "__proto__", "\0", "\ud800", "a/b~c"]
    return {chance.choice(keys): _anything(chance, depth - 1) for _ in range(chance.randrange(5))}
