"""Messages through WeCom: cards with buttons, its token kept and renewed, its codes understood."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.channel.wecom import Wecom
from alerts.channel.wecom_settings import WecomSettings, normal_user
from carebed.ids import new_id
from tests.provider_server import Answer, Request, serving


@dataclass
class WecomServer:
    """As its documentation says. `answer`: to a message; a token holds until `ended` is set, and one more is given."""

    url: str = ""
    tokens: int = 0
    ended: bool = False
    answer: dict[str, Any] = field(default_factory=lambda: {"errcode": 0, "errmsg": "ok", "msgid": "m"})
    taken: list[dict[str, Any]] = field(default_factory=list)
    tasks: set[str] = field(default_factory=set)

    async def told(self, request: Request) -> Answer:
        """To what is asked for."""
        parts = urlsplit(request.target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return Answer(content=self._answer(parts.path, query, request.body))

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        if path == "/cgi-bin/gettoken":
            if query != {"corpid": "ww1", "corpsecret": "secret"}:
                return {"errcode": 40001, "errmsg": "invalid credential"}
            self.tokens += 1
            self.ended = False
            return {"errcode": 0, "access_token": f"token-{self.tokens}", "expires_in": 7200}
        assert path == "/cgi-bin/message/send"
        if self.ended or query["access_token"] != f"token-{self.tokens}":
            return {"errcode": 42001, "errmsg": "access_token expired"}
        message = json.loads(body)
        task = message.get("template_card", {}).get("task_id")
        if task is not None and task in self.tasks:
            return {"errcode": 43012, "errmsg": "task id used"}
        self.tasks.add(task)
        self.taken.append(message)
        return self.answer


@pytest.fixture
async def server() -> AsyncIterator[WecomServer]:
    """WeCom."""
    there = WecomServer()
    async with serving(there.told) as there.url:
        yield there


@pytest.fixture
async def channel(server: WecomServer) -> AsyncIterator[Wecom]:
    """Of one application."""
    channel = Wecom(
        WecomSettings(
            corp_id="ww1", corp_secret="secret", agent_id=7, token="t", encoding_aes_key="k", endpoint=server.url
        )
    )
    yield channel
    await channel.close()


def message(kind: str = "called", **more: Any) -> Outgoing:
    """A call as the outbox makes it."""
    values: dict[str, Any] = {
        "id": new_id(), "kind": kind, "step": 1, "attempt": 1, "created_at": datetime.now(UTC), "alarm_id": new_id(),
        "address": "LinHua", "language": "en", "title": "Fall: please go", "body": "No. 7A11.",
        "link": "https://care.example/a/TOKEN", "life_critical": True,
        "answers": ("goes", "stays") if kind == "called" else (),
    }  # fmt: skip
    return Outgoing(**values | more)


async def test_a_call_is_a_card_with_two_buttons_and_news_are_text(server: WecomServer, channel: Wecom) -> None:
    outgoing = message()
    assert await channel.send(outgoing) == Handover(outgoing.id.hex)
    await channel.send(message("resolved"))
    call, news = server.taken
    card = call["template_card"]
    assert (call["touser"], call["agentid"], call["msgtype"]) == ("LinHua", 7, "template_card")
    assert card["card_type"] == "button_interaction"
    assert [button["key"] for button in card["button_list"]] == ["go", "not_go"]
    assert card["task_id"] == f"{outgoing.id.hex}-1"
    assert (news["msgtype"], news["text"]["content"]) == ("text", "Fall: please go\nNo. 7A11.")


async def test_who_has_answered_gets_a_card_with_what_comes_next(server: WecomServer, channel: Wecom) -> None:
    parts = {"kind": "Fall", "place": "Yanshi Road 12", "number": "7A11"}
    await channel.send(message("answer", answers=("on_the_way", "there", "stays"), parts=parts))
    card = server.taken[0]["template_card"]
    assert card["main_title"]["title"] == "Fall Yanshi Road 12 7A11"
    assert [(button["text"], button["key"]) for button in card["button_list"]] == [
        ("On the way", "on_the_way"), ("I am there", "there"), ("I cannot", "not_go"),
    ]  # fmt: skip


async def test_a_call_that_is_sent_again_is_another_task(server: WecomServer, channel: Wecom) -> None:
    outgoing = message()
    await channel.send(outgoing)
    await channel.send(message(id=outgoing.id, attempt=2))
    assert len(server.tasks) == 2


async def test_one_token_serves_everybody_and_an_ended_one_is_renewed_once(server: WecomServer, channel: Wecom) -> None:
    await asyncio.gather(*(channel.send(message()) for _ in range(5)))
    assert server.tokens == 1
    server.ended = True
    await channel.send(message())
    assert (server.tokens, len(server.taken)) == (2, 6)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ({"errcode": 81013, "errmsg": "LinHua"}, Undeliverable),
        ({"errcode": 0, "invaliduser": "LinHua"}, Undeliverable),
        ({"errcode": 45009, "errmsg": "api freq out of limit"}, NotTaken),
        ({"errcode": 40014, "errmsg": "invalid access_token"}, NotTaken),
    ],
)
async def test_what_its_codes_mean(
    server: WecomServer, channel: Wecom, answer: dict[str, Any], meaning: type[Exception]
) -> None:
    server.answer = answer
    with pytest.raises(meaning) as refused:
        await channel.send(message("resolved"))
    assert str(refused.value) == f"errcode {answer['errcode']}"


async def test_a_wrong_secret_is_no_fault_of_the_address(server: WecomServer) -> None:
    channel = Wecom(
        WecomSettings(corp_id="ww1", corp_secret="x", agent_id=7, token="t", encoding_aes_key="k", endpoint=server.url)
    )
    with pytest.raises(NotTaken, match="gettoken: errcode 40001"):
        await channel.send(message())
    await channel.close()


def test_user_ids() -> None:
    assert normal_user(" LinHua ") == "LinHua"
    for wrong in ("@all", "a|b", ""):
        with pytest.raises(ValueError, match="no WeCom user id"):
            normal_user(wrong)
