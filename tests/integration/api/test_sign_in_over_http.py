"""Signing in, staying in, and being out."""

import asyncio
from typing import Any

import httpx
import pytest
from api_service import Service

from api import auth


async def _token(service: Service, **form: str) -> httpx.Response:
    return await service.client().post("/api/v1/auth/token", data=form)


async def _refresh(service: Service, tokens: dict[str, Any]) -> httpx.Response:
    return await _token(service, grant_type="refresh_token", refresh_token=tokens["refresh_token"])


async def test_a_wrong_password_and_an_unknown_login_look_the_same(service: Service) -> None:
    wrong = await _token(service, grant_type="password", username="operator", password="wrong")
    unknown = await _token(service, grant_type="password", username="nobody", password="wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["error"] == "invalid_grant"


async def test_an_unknown_login_costs_as_much_hashing_as_a_known_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[bool] = []

    def counting(stored: str | None, password: str) -> bool:
        hashed.append(stored is None)
        return verify(stored, password)

    verify = auth.verify_password
    monkeypatch.setattr(auth, "verify_password", counting)
    for login in ("operator", "nobody", "no\0body", "x" * 5_000, "'; DROP TABLE staff; --"):
        assert (await _token(service, grant_type="password", username=login, password="wrong")).status_code == 401
    assert hashed == [False, True, True, True, True]


async def test_ten_wrong_passwords_and_the_login_has_to_wait_but_nobody_else(service: Service) -> None:
    open_session = await service.sign_in("operator")
    answers = await asyncio.gather(
        *(_token(service, grant_type="password", username="operator", password=f"wrong{n}") for n in range(14))
    )
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 4
    right = await _token(service, grant_type="password", username="operator", password=service.password("operator"))
    assert right.status_code == 429
    assert 0 < int(right.headers["Retry-After"]) <= 300
    assert (await open_session.get("/me")).status_code == 200
    assert (await _refresh(service, open_session.tokens)).status_code == 200, "who is in can stay in"
    await service.sign_in("operator2")


async def test_a_refresh_token_works_once_and_ends_what_it_belonged_to(service: Service) -> None:
    person = await service.sign_in("caregiver1")
    first = dict(person.tokens)
    fresh = await _refresh(service, first)
    assert fresh.status_code == 200
    assert set(fresh.json().values()).isdisjoint({first["access_token"], first["refresh_token"]})
    assert (await person.get("/me")).status_code == 401
    assert (await _refresh(service, first)).status_code == 401
    person.tokens = fresh.json()
    assert (await person.get("/me")).status_code == 200


async def test_of_many_that_use_a_refresh_token_at_once_one_gets_tokens(service: Service) -> None:
    person = await service.sign_in("caregiver1")
    answers = await asyncio.gather(*(_refresh(service, person.tokens) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    assert service.sql("SELECT count(*) FROM staff_session") == [(1,)]


async def test_an_access_token_does_not_refresh_and_a_refresh_token_opens_nothing(service: Service) -> None:
    person = await service.sign_in("caregiver1")
    swapped = {"access_token": person.tokens["refresh_token"], "refresh_token": person.tokens["access_token"]}
    assert (await _refresh(service, swapped)).status_code == 401
    person.tokens = swapped
    assert (await person.get("/me")).status_code == 401


@pytest.mark.parametrize(
    "event",
    [
        "UPDATE staff_session SET access_expires_at = now() - interval '1 s'",
        "UPDATE staff SET active = false",
        "DELETE FROM staff_session",
    ],
)
async def test_an_expired_token_and_a_person_who_has_left_open_nothing(service: Service, event: str) -> None:
    person = await service.sign_in("caregiver1")
    await service.write(event)
    answer = await person.get("/me")
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_a_person_who_has_left_neither_signs_in_nor_refreshes(service: Service) -> None:
    person = await service.sign_in("caregiver1")
    await service.write("UPDATE staff SET active = false WHERE login = 'caregiver1'")
    assert (await _refresh(service, person.tokens)).status_code == 401
    form = {"grant_type": "password", "username": "caregiver1", "password": service.password("caregiver1")}
    assert (await _token(service, **form)).status_code == 401


async def test_signing_out_ends_one_session_and_no_other(service: Service) -> None:
    here, there = await service.sign_in("caregiver1"), await service.sign_in("caregiver1")
    assert (await here.post("/auth/sign-out")).status_code == 204
    assert (await here.get("/me")).status_code == 401
    assert (await _refresh(service, here.tokens)).status_code == 401
    assert (await there.get("/me")).status_code == 200


async def test_the_database_holds_no_token_that_could_be_used(service: Service) -> None:
    person = await service.sign_in("operator")
    (row,) = service.sql("SELECT encode(access_hash, 'escape'), encode(refresh_hash, 'escape') FROM staff_session")
    assert person.tokens["access_token"] not in row
    assert service.sql("SELECT bool_and(octet_length(access_hash) = 32) FROM staff_session") == [(True,)]


async def test_a_shifted_demo_clock_signs_nobody_out(service: Service) -> None:
    person = await service.sign_in("operator")
    await service.write("UPDATE clock_shift SET shift = interval '30 days'")
    assert (await person.get("/me")).status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password", "username": "operator"}, 400, "invalid_request"),
        ({"grant_type": "password", "password": "x"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "\u0000\ud7ff"}, 401, "invalid_grant"),
        ({"username": "operator", "password": "x"}, 422, None),
    ],
)
async def test_a_malformed_sign_in_gets_a_sentence(
    service: Service, form: dict[str, str], status: int, error: str | None
) -> None:
    answer = await _token(service, **form)
    assert answer.status_code == status
    assert answer.json().get("error") == error
    assert len(answer.json()["detail"]) > 10


async def test_a_password_sent_as_json_gets_a_sentence(service: Service) -> None:
    answer = await service.client().post("/api/v1/auth/token", json={"username": "operator", "password": "x"})
    assert answer.status_code == 422
