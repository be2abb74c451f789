"""Feishu (飞书): custom robots of a group.

Source: "自定义机器人使用指南" of its documentation: a hundred posts a minute and five a second, 20 KB a post; seconds
and HMAC-SHA256 of nothing, keyed with `timestamp\\nsecret`, stand in the body.
"""

import base64
import hashlib
import hmac
import re
from typing import Any

from alerts.robot import Refusal, Refused, Request
from alerts.robot.pace import Pace

_PATH = re.compile(r"/open-apis/bot/v2/hook/[0-9A-Za-z-]{16,128}")
#: 20 KB with everything around the text, of which a line break takes two.
_BYTES = 18_000

_CODES = {
    19021: Refusal.WRONG_SIGNATURE, 19022: Refusal.ADDRESS_REFUSED, 19024: Refusal.KEYWORD_MISSING,
    19001: Refusal.UNKNOWN_ROBOT, 11232: Refusal.TOO_FAST, 99991400: Refusal.TOO_FAST,
}  # fmt: skip


def signature(secret: str, timestamp_s: int) -> str:
    """Base64."""
    return base64.b64encode(hmac.new(f"{timestamp_s}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


class Feishu:
    """The robot."""

    name = "feishu"
    pace = Pace(singles=40, most=90, spacing_s=0.25)
    blocked_s = 90.0

    def fits(self, text: str) -> bool:
        """Bytes count."""
        return len(text.encode()) + text.count("\n") <= _BYTES

    def is_address(self, path: str, query: str) -> bool:
        """`/open-apis/bot/v2/hook/...`"""
        return not query and _PATH.fullmatch(path) is not None

    def request(self, url: str, secret: str | None, text: str, now_s: float) -> Request:
        """Signed in its body."""
        timestamp_s = int(now_s)
        signed = {"timestamp": str(timestamp_s), "sign": signature(secret, timestamp_s)} if secret else {}
        return Request(url, {**signed, "msg_type": "text", "content": {"text": text}})

    def read(self, answer: dict[str, Any]) -> None:
        """`code` 0 is success; `StatusCode` in answers of old."""
        code = int(answer["code"] if "code" in answer else answer["StatusCode"])
        if code != 0:
            raise Refused(_CODES.get(code, Refusal.REFUSED), code)
