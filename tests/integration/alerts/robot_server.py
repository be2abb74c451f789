"""DingTalk's and Feishu's robots as far as they are documented: wrong signatures are rejected, and whoever posts too
often is blocked for longer. It checks signatures by itself, written from the documentation and not from our code."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.provider_server import Answer, Request, serving

SECRET = "SEC" + "5e" * 32
DINGTALK, FEISHU = "d" * 64, "f0f0f0f0-1111-2222-3333-444444444444"

_DINGTALK_WRONG = {"errcode": 310000, "errmsg": "description:机器人发送签名不匹配;solution:请确认签名"}
_DINGTALK_BLOCKED = {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
_FEISHU_WRONG = {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}
_FEISHU_BLOCKED = {"code": 11232, "msg": "frequency limited"}


def _mac(key: str, message: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), message.encode(), hashlib.sha256)).decode()


@dataclass
class RobotServer:
    """`window_s`: what a minute is here. `hang`: nothing is answered. `keyword`: what a text must contain."""

    url: str = ""
    window_s: float = 60.0
    limit: int = 20
    hang: bool = False
    keyword: str = ""
    texts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _blocked_until: dict[str, float] = field(default_factory=dict)

    def dingtalk(self, token: str = DINGTALK) -> str:
        """The address of a robot."""
        return f"{self.url}/robot/send?access_token={token}"

    def feishu(self, token: str = FEISHU) -> str:
        """The address of a robot."""
        return f"{self.url}/open-apis/bot/v2/hook/{token}"

    async def answer(self, request: Request) -> Answer:
        """To a post."""
        self.reached.set()
        if self.hang:
            await asyncio.Event().wait()
        return Answer(content=self._answer(request.target, json.loads(request.body)))

    def _answer(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/robot/send":
            timestamp = query.get("timestamp", "0")
            good = query.get("sign") == _mac(SECRET, f"{timestamp}\n{SECRET}") and _fresh(int(timestamp) / 1_000)
            token, text = query["access_token"], body["text"]["content"]
            answers = _DINGTALK_WRONG, _DINGTALK_BLOCKED, {"errcode": 0, "errmsg": "ok"}
            missing = {"errcode": 310000, "errmsg": "keywords not in content"}
        else:
            timestamp = str(body.get("timestamp", 0))
            good = body.get("sign") == _mac(f"{timestamp}\n{SECRET}", "") and _fresh(int(timestamp))
            token, text = parts.path.rsplit("/", 1)[1], body["content"]["text"]
            answers = _FEISHU_WRONG, _FEISHU_BLOCKED, {"code": 0, "msg": "success", "data": {}}
            missing = {"code": 19024, "msg": "Key Words Not Found"}
        wrong, blocked, taken = answers
        if not good:
            self.refused.append("signature")
            return wrong
        if self._too_fast(token):
            self.refused.append("too fast")
            return blocked
        if self.keyword not in text:
            self.refused.append("keyword")
            return missing
        self.texts[token].append(text)
        return taken

    def _too_fast(self, token: str) -> bool:
        """Blocked ten times as long as a minute is, once there were more than allowed within one."""
        now = time.monotonic()
        times = self._times[token] = [at for at in self._times[token] if at > now - self.window_s] + [now]
        if len(times) > self.limit:
            self._blocked_until[token] = now + 10 * self.window_s
        return now < self._blocked_until.get(token, 0)


def _fresh(at_s: float) -> bool:
    return abs(time.time() - at_s) < 3_600


@asynccontextmanager
async def robots(**more: Any) -> AsyncIterator[RobotServer]:
    """They on a free port."""
    there = RobotServer(**more)
    async with serving(there.answer) as there.url:
        yield there
