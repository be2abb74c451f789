"""WeCom (企业微信): calls as interactive cards of an application, whose buttons answer; everything else as text.

Sources: "获取access_token" (path 91039), "发送应用消息" (90236), and the global error codes (90313) of its
documentation. What WeCom takes is handed over; that somebody has read it is known when he presses a button
(`alerts.wecom_callback`).
"""

import asyncio
import time
from typing import Any

import httpx

from alerts.channel import SEND_S, Handover, NotTaken, Outgoing, Undeliverable
from alerts.channel.wecom_settings import WecomSettings
from alerts.reply import Said

_CONNECT_S = 3.0
#: A token holds for two hours; this long before its end another one is fetched.
_TOKEN_MARGIN_S = 300
_TOKEN_ENDED = frozenset({40014, 42001})
#: Unknown or wrong user id, or nobody of those who were named may see the application.
_WRONG_USER = frozenset({40003, 60111, 81013})

#: Key of a button -> what it says; words in Chinese and English; its look.
BUTTONS = {"go": Said.GOES, "not_go": Said.STAYS, "on_the_way": Said.ON_THE_WAY, "there": Said.THERE}
_WORDS = {
    Said.GOES: ("我来响应", "I answer"), Said.STAYS: ("不能去", "I cannot"), Said.ON_THE_WAY: ("已出发", "On the way"),
    Said.THERE: ("已到达", "I am there"),
}  # fmt: skip
_FIRST, _OTHERS, _NOT = 1, 3, 2


class Wecom:
    """The channel."""

    name = "wecom"
    is_route = True

    def __init__(self, settings: WecomSettings) -> None:
        self._settings = settings
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(SEND_S, connect=_CONNECT_S), follow_redirects=False)
        self._token, self._until = "", 0.0
        self._fetching = asyncio.Lock()

    async def send(self, outgoing: Outgoing) -> Handover:
        """A card or a text to one member; a token that has ended is fetched anew once."""
        message = self._message(outgoing)
        for last in (False, True):
            token = await self._access_token()
            answer = await self._call("POST", "message/send", {"access_token": token}, message)
            code = answer["errcode"]
            if code not in _TOKEN_ENDED or last:
                break
            if token == self._token:
                self._token = ""
        if code in _WRONG_USER or answer.get("invaliduser"):
            raise Undeliverable(f"errcode {code}")
        if code != 0:
            raise NotTaken(f"errcode {code}")
        return Handover(outgoing.id.hex)

    def _message(self, outgoing: Outgoing) -> dict[str, Any]:
        head = {"touser": outgoing.address, "agentid": self._settings.agent_id}
        if not outgoing.answers:
            return head | {"msgtype": "text", "text": {"content": f"{outgoing.title}\n{outgoing.body}"}}
        # What somebody has answered is about the alarm, which its card must name again.
        parts = (outgoing.parts.get(name) for name in ("kind", "place", "number"))
        title = " ".join(part for part in parts if part) if outgoing.kind == "answer" else outgoing.title
        card: dict[str, Any] = {
            "card_type": "button_interaction",
            "main_title": {"title": title},
            "sub_title_text": outgoing.body,
            # WeCom takes a task once only, so each attempt is one.
            "task_id": f"{outgoing.id.hex}-{outgoing.attempt}",
            "button_list": [_button(Said(one), outgoing.language, at) for at, one in enumerate(outgoing.answers)],
        }
        if outgoing.link:
            card["card_action"] = {"type": 1, "url": outgoing.link}
        return head | {"msgtype": "template_card", "template_card": card}

    async def _access_token(self) -> str:
        async with self._fetching:
            if not self._token or time.monotonic() > self._until:
                asked = {"corpid": self._settings.corp_id, "corpsecret": self._settings.corp_secret}
                answer = await self._call("GET", "gettoken", asked)
                if answer["errcode"] != 0:
                    raise NotTaken(f"gettoken: errcode {answer['errcode']}")
                self._token = str(answer["access_token"])
                self._until = time.monotonic() + int(answer["expires_in"]) - _TOKEN_MARGIN_S
            return self._token

    async def _call(
        self, method: str, operation: str, query: dict[str, str], body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        url = f"{self._settings.endpoint.rstrip('/')}/cgi-bin/{operation}"
        response = await self._http.request(method, url, params=query, json=body)
        try:
            answer = dict(response.json())
            answer["errcode"] = int(answer.get("errcode", 0))
        except (ValueError, TypeError):
            raise NotTaken(f"HTTP {response.status_code}") from None
        if not response.is_success:
            raise NotTaken(f"HTTP {response.status_code}")
        return answer

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()


def _button(said: Said, language: str, position: int) -> dict[str, Any]:
    style = _NOT if said is Said.STAYS else _OTHERS if position else _FIRST
    key = next(key for key, means in BUTTONS.items() if means is said)
    return {"text": _WORDS[said][language == "en"], "style": style, "key": key}
