"""A person's own telephones: nothing but a code is sent to one until the code is entered, and few codes at that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_service import Person, Seeded, Service, running

from alerts.verification import ATTEMPTS, CODES_A_DAY
from carebed.embedded.postgres import DatabaseUrls

PHONE = {"channel": "sms", "address": "138 0013 8000"}


@pytest.fixture
async def telephones(district: DatabaseUrls, seeded: Seeded, tmp_path: Path) -> AsyncIterator[Service]:
    """The API where SMS and voice are set up."""
    async with running(district, seeded.credentials, tmp_path / "web", channels=("live", "sms", "voice")) as service:
        yield service


async def own(person: Person) -> str:
    """Where a person's own methods are."""
    return f"/staff/{await person.me()}/contact-methods"


def code_sent(service: Service) -> str:
    """The last code that waits to be sent."""
    ((code,),) = service.sql(
        "SELECT payload ->> 'code' FROM notification WHERE kind = 'verify' ORDER BY created_at DESC, id DESC LIMIT 1"
    )
    return str(code)


async def test_a_method_is_added_verified_ordered_and_removed(telephones: Service) -> None:
    lin = await telephones.person("caregiver1")
    path = await own(lin)
    added = await lin.post(path, PHONE)
    assert (added.status_code, added.json()["address"], added.json()["verified"]) == (201, "+8613800138000", False)
    one = f"{path}/{added.json()['id']}"
    wrong = await lin.post(f"{one}/verify", {"code": f"{(int(code_sent(telephones)) + 1) % 1_000_000:06}"})
    assert wrong.status_code == 422
    verified = await lin.post(f"{one}/verify", {"code": code_sent(telephones)})
    assert (verified.status_code, verified.json()["verified"]) == (200, True)
    again = await lin.post(f"{one}/verify", {"code": code_sent(telephones)})
    assert again.status_code == 422, "a code is used once"
    assert (await lin.put(one, {"rank": 3, "wait_s": 45})).json()["wait_s"] == 45
    assert [item["rank"] for item in (await lin.get(path)).json()["items"]] == [3]
    manager = await telephones.person("manager")
    assert len((await manager.get(path)).json()["items"]) == 1
    assert (await manager.delete(one)).status_code == 403
    assert (await lin.delete(one)).status_code == 204
    assert (await lin.get(path)).json()["items"] == []
    back = await lin.post(path, PHONE)
    assert not back.json()["verified"], "the number may be somebody else's by now"


async def test_a_code_holds_for_a_few_attempts_and_some_minutes(telephones: Service) -> None:
    lin = await telephones.person("caregiver1")
    path = await own(lin)
    one = f"{path}/{(await lin.post(path, PHONE)).json()['id']}"
    right = code_sent(telephones)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(ATTEMPTS):
        assert (await lin.post(f"{one}/verify", {"code": wrong})).status_code == 422
    assert "no more" in (await lin.post(f"{one}/verify", {"code": right})).json()["detail"]
    await telephones.write("UPDATE contact_method SET code_sent_at = code_sent_at - interval '2 minutes'")
    assert (await lin.post(f"{one}/code")).status_code == 202
    await telephones.write("UPDATE contact_method SET code_expires_at = clock_timestamp() - interval '1 second'")
    assert (await lin.post(f"{one}/verify", {"code": code_sent(telephones)})).status_code == 422


async def test_codes_are_not_sent_too_often(telephones: Service) -> None:
    lin = await telephones.person("caregiver1")
    path = await own(lin)
    one = f"{path}/{(await lin.post(path, PHONE)).json()['id']}"
    assert (await lin.post(f"{one}/code")).status_code == 429, "not within a minute"
    for _ in range(CODES_A_DAY - 1):
        await telephones.write("UPDATE contact_method SET code_sent_at = code_sent_at - interval '2 minutes'")
        assert (await lin.post(f"{one}/code")).status_code == 202
    await telephones.write("UPDATE contact_method SET code_sent_at = code_sent_at - interval '2 minutes'")
    assert (await lin.post(f"{one}/code")).status_code == 429, "nor all day"
    ((sent,),) = telephones.sql("SELECT count(*) FROM notification WHERE kind = 'verify'")
    assert sent == CODES_A_DAY


async def test_a_manager_keeps_the_methods_of_those_who_never_sign_in(telephones: Service) -> None:
    neighbour = "00000000-0000-4000-8000-000000000001"
    await telephones.write(
        "INSERT INTO staff (id, name, role, area_code) VALUES (%s, 'N', 'neighbour', '350102001001')", neighbour
    )
    manager = await telephones.person("manager")
    path = f"/staff/{neighbour}/contact-methods"
    added = await manager.post(path, {"channel": "voice", "address": "0591-87654321"}, key="once")
    assert (
        await manager.post(path, {"channel": "voice", "address": "0591-87654321"}, key="once")
    ).json() == added.json()
    one = f"{path}/{added.json()['id']}"
    assert (await manager.post(f"{one}/verify", {"code": code_sent(telephones)})).json()["verified"]
    assert (await (await telephones.person("operator")).get(path)).status_code == 403


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"channel": "email", "address": "a@b"}, "/channel"),
        ({"channel": "sms", "address": "110"}, "/address"),
        ({"channel": "sms", "address": "13800138000", "wait_s": 9999}, "/wait_s"),
    ],
)
async def test_what_is_wrong_is_named(telephones: Service, body: dict[str, object], where: str) -> None:
    lin = await telephones.person("caregiver1")
    answer = await lin.post(await own(lin), body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, where)


async def test_quiet_hours_have_a_length(telephones: Service) -> None:
    lin = await telephones.person("caregiver1")
    for body in ({"from": "22:00", "until": "22:00"}, {"from": "24:00", "until": "07:00"}, {"from": "22:00"}):
        assert (await lin.put("/me/quiet-hours", body)).status_code == 422
