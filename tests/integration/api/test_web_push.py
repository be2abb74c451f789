"""Web push: from subscribing to a call on the telephone, and a route only while the page says that pushes come."""

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_service import Seeded, Service, running

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.channel.webpush import WebPush
from alerts.contact_method import ways_to
from alerts.outbox import Outbox
from alerts.push import Push, allowed
from carebed import web_push_key
from carebed.clock import now
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.errors import SettingsError
from carebed.ids import new_id
from tests.push_service import PushService, push_service


@dataclass
class Ground:
    """Caregiver1's browser, its push service, and what sends to it."""

    service: Service
    pushes: PushService
    database: Database
    outbox: Outbox
    channel: WebPush
    push: Push
    client: httpx.AsyncClient
    staff: str

    async def go_out(self) -> list[dict[str, Any]]:
        """What the browser got of everything that waits."""
        await self.service.write("UPDATE notification SET next_attempt_at = '-infinity' WHERE channel = 'webpush'")
        self.pushes.taken.clear()
        await self.outbox.cycle()
        return [said for _, said in self.pushes.taken]

    async def subscribe(self, login: str = "caregiver1") -> dict[str, Any]:
        """As the page does."""
        person = await self.service.person(login)
        answer = await person.post("/me/push", self.pushes.subscription())
        assert answer.status_code == 202, answer.text
        state: dict[str, Any] = answer.json()
        return state

    async def confirm(self, receipt: str) -> httpx.Response:
        """As the service worker does."""
        return await self.client.post("/api/v1/push-receipts", json={"receipt": receipt})

    async def verified(self) -> list[bool]:
        """Of each of the person's ways by which a call would go out."""
        async with self.database.transaction() as conn:
            ways = await ways_to(conn, [self.service_staff], ["webpush"], await now(conn))
        return [way.verified for some in ways.values() for way in some]

    @property
    def service_staff(self) -> Any:
        """The person's id."""
        return self.service.sql("SELECT id FROM staff WHERE login = 'caregiver1'")[0][0]


@asynccontextmanager
async def _ground(urls: DatabaseUrls, seeded: Seeded, directory: Path) -> AsyncIterator[Ground]:
    file = directory / "web-push.pem"
    web_push_key.make_missing(file)
    push = Push.of(file, ())
    async with push_service(push.public_key) as pushes:
        push = dataclasses.replace(push, hosts=(pushes.host,))
        async with running(urls, seeded.credentials, directory, channels=("live", "webpush"), push=push) as service:
            database = Database(urls.engine, application="test-outbox", pool_size=4)
            channel = WebPush(push, "mailto:care@care.example")
            staff = await (await service.person("caregiver1")).me()
            await service.write("UPDATE contact_method SET removed_at = carebed_now() WHERE channel = 'webpush'")
            yield Ground(service, pushes, database, Outbox(database, [channel]), channel, push, service.client(), staff)
            await channel.close()
            await database.close()


@pytest.fixture
async def ground(district: DatabaseUrls, seeded: Seeded, tmp_path: Path) -> AsyncIterator[Ground]:
    """Nobody has subscribed yet."""
    async with _ground(district, seeded, tmp_path) as ground:
        yield ground


def message(ground: Ground, **more: Any) -> Outgoing:
    """A call as the outbox makes it."""
    address = json.dumps(ground.pushes.subscription())
    values: dict[str, Any] = {
        "id": new_id(), "kind": "called", "step": 1, "attempt": 1, "created_at": None, "address": address,
        "title": "Fall: please go", "body": "Please answer.", "link": "https://care.example/a/TOKEN",
        "life_critical": True,
    }  # fmt: skip
    return Outgoing(**values | more)


async def test_a_subscription_is_a_route_once_the_page_has_confirmed_the_test(ground: Ground) -> None:
    state = await ground.subscribe()
    assert (state["route"], await ground.verified()) == (False, [])
    (test,) = await ground.go_out()
    assert (test["kind"], test["path"]) == ("test", "/")
    assert (await ground.confirm(test["receipt"])).json() == {"confirmed": True}
    person = await ground.service.person("caregiver1")
    assert (await person.get(f"/me/push/{state['id']}")).json()["route"] is True
    assert await ground.verified() == [True]


async def test_after_seven_days_without_a_word_from_the_page_it_is_none_any_more(ground: Ground) -> None:
    state = await ground.subscribe()
    (test,) = await ground.go_out()
    await ground.confirm(test["receipt"])
    await ground.service.write(
        "UPDATE contact_method SET verified_at = verified_at - interval '7 days 1 minute',"
        " delivered_at = delivered_at - interval '7 days 1 minute' WHERE id = %s", state["id"],
    )  # fmt: skip
    person = await ground.service.person("caregiver1")
    assert (await person.get(f"/me/push/{state['id']}")).json()["route"] is False
    assert await ground.verified() == [False]
    (method,) = (await person.get(f"/staff/{ground.staff}/contact-methods")).json()["items"]
    assert method["verified"] is False


async def test_a_receipt_that_nobody_sent_confirms_nothing(ground: Ground) -> None:
    await ground.subscribe()
    (test,) = await ground.go_out()
    forged = test["receipt"][:-4] + ("AAAA" if test["receipt"][-4:] != "AAAA" else "BBBB")
    assert (await ground.confirm(forged)).status_code == 404
    assert await ground.verified() == []
    person = await ground.service.person("caregiver1")
    (method,) = (await person.get(f"/staff/{ground.staff}/contact-methods")).json()["items"]
    await person.delete(f"/staff/{ground.staff}/contact-methods/{method['id']}")
    assert (await ground.confirm(test["receipt"])).json() == {"confirmed": False}
    assert await ground.verified() == []


async def test_whoever_signs_in_at_the_same_browser_gets_its_pushes_and_the_one_before_none(ground: Ground) -> None:
    await ground.subscribe()
    (test,) = await ground.go_out()
    await ground.confirm(test["receipt"])
    assert await ground.verified() == [True]
    await ground.subscribe("operator")
    assert await ground.verified() == []


async def test_two_subscribings_in_a_row_send_one_test(ground: Ground) -> None:
    first, second = await ground.subscribe(), await ground.subscribe()
    assert first["id"] == second["id"]
    assert len(await ground.go_out()) == 1


async def test_a_call_is_urgent_and_does_not_outlive_its_minute(ground: Ground) -> None:
    outgoing = message(ground)
    assert await ground.channel.send(outgoing) == Handover(outgoing.id.hex, delivered=False)
    await ground.channel.send(message(ground, kind="resolved", life_critical=False))
    (urgent, said), (calm, _) = ground.pushes.taken
    assert (urgent["urgency"], int(urgent["ttl"]) <= 60, said["path"]) == ("high", True, "/a/TOKEN")
    assert calm["urgency"] == "normal"


@pytest.mark.parametrize(
    ("status", "meaning"), [(404, Undeliverable), (410, Undeliverable), (429, NotTaken), (502, NotTaken)]
)
async def test_what_a_refusal_means(ground: Ground, status: int, meaning: type[Exception]) -> None:
    ground.pushes.status = status
    with pytest.raises(meaning, match=f"HTTP {status}"):
        await ground.channel.send(message(ground))


async def test_another_key_than_the_browsers_is_refused_and_ends_nothing(ground: Ground, tmp_path: Path) -> None:
    web_push_key.make_missing(tmp_path / "other.pem")
    other = WebPush(Push.of(tmp_path / "other.pem", ground.push.hosts), "mailto:care@care.example")
    with pytest.raises(NotTaken, match="HTTP 403"):
        await other.send(message(ground))
    await other.close()
    assert (ground.pushes.taken, ground.pushes.refused) == ([], 1)


async def test_nobody_chooses_where_our_processes_send_requests_to(ground: Ground) -> None:
    person = await ground.service.person("caregiver1")
    for endpoint in ("http://127.0.0.1:5432/push", "https://fcm.googleapis.com.evil.example/x"):
        answer = await person.post("/me/push", ground.pushes.subscription() | {"endpoint": endpoint})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/endpoint")


def test_hosts_of_push_services() -> None:
    hosts = ("fcm.googleapis.com", "*.push.apple.com")
    assert allowed("https://fcm.googleapis.com/fcm/send/x", hosts)
    assert allowed("https://web.push.apple.com/x", hosts)
    for endpoint in (
        "http://fcm.googleapis.com/x", "https://fcm.googleapis.com:8443/x", "https://push.apple.com/x",
        "https://user@fcm.googleapis.com/x", "https://evilpush.apple.com.example/x", "https://[::1/x",
    ):  # fmt: skip
        assert not allowed(endpoint, hosts), endpoint


def test_a_key_is_made_once_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    web_push_key.make_missing(file)
    first = file.read_bytes()
    web_push_key.make_missing(file)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (first, 0o600)
    file.write_text("very-secret")
    with pytest.raises(SettingsError) as wrong:
        web_push_key.read(file)
    assert "very-secret" not in str(wrong.value)
