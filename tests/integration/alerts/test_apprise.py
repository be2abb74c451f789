"""Messages through Apprise: only to schemes that are allowed, and without a word of a person's secrets."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.channel.apprise import AppriseChannel
from alerts.channel.apprise_settings import AppriseSettings, normal_url
from carebed.ids import new_id
from tests.provider_server import Answer, Request, serving

SECRET = "token-of-somebodys-bot"


@dataclass
class Service:
    """Takes Apprise's plain JSON; `status`: what it answers."""

    port: int = 0
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request) -> Answer:
        """To a message."""
        self.taken.append(json.loads(request.body))
        return Answer(self.status)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """Somebody's service."""
    there = Service()
    async with serving(there.answer) as url:
        there.port = int(url.rsplit(":", 1)[1])
        yield there


async def send(address: str, schemes: tuple[str, ...] = ("json",)) -> Handover:
    """A call to this address."""
    channel = AppriseChannel(AppriseSettings(schemes=schemes))
    outgoing = Outgoing(
        id=new_id(), kind="called", step=1, attempt=1, created_at=datetime.now(UTC), address=address, language="en",
        title="Fall: please go", body="Please answer. No. 7A11.", link="https://care.example/a/TOKEN",
        life_critical=True,
    )  # fmt: skip
    try:
        return await channel.send(outgoing)
    finally:
        await channel.close()


async def test_a_call_arrives_with_its_words_and_its_link(service: Service) -> None:
    assert await send(f"json://127.0.0.1:{service.port}/{SECRET}") == Handover()
    (message,) = service.taken
    assert message["title"] == "Fall: please go"
    assert message["message"] == "Please answer. No. 7A11.\n\nPlease answer here:\nhttps://care.example/a/TOKEN"


@pytest.mark.parametrize("address", ["json://127.0.0.1:{port}/x", "nothing at all", "", "JSON://127.0.0.1:{port}"])
async def test_a_scheme_that_is_not_allowed_gets_nothing(service: Service, address: str) -> None:
    with pytest.raises(Undeliverable, match="scheme not allowed"):
        await send(address.format(port=service.port), ("tgram",))
    assert service.taken == []


async def test_an_address_that_apprise_does_not_understand_is_none() -> None:
    with pytest.raises(Undeliverable, match="no address"):
        await send("tgram://no-token-at-all", ("tgram",))


async def test_what_a_service_refuses_is_tried_again_and_no_secret_is_logged(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = 500
    with caplog.at_level(logging.DEBUG), pytest.raises(NotTaken) as refused:
        await send(f"json://127.0.0.1:{service.port}/{SECRET}?rto=3600")
    assert len(service.taken) == 1
    assert SECRET not in caplog.text + str(refused.value)


def test_urls_as_they_are_stored() -> None:
    assert normal_url(" tgram://TOKEN/CHAT ") == "tgram://TOKEN/CHAT"
    for wrong in ("tgram", "tgram://a b", "://x", "tgram://令牌"):
        with pytest.raises(ValueError, match="no Apprise URL"):
            normal_url(wrong)
