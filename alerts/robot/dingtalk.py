"""DingTalk (钉钉): custom robots of a group.

Sources: "自定义机器人接入" and "自定义机器人安全设置" of its documentation: twenty posts a minute, and nothing is taken
for ten minutes once there are more; milliseconds and HMAC-SHA256 of `timestamp\\nsecret`, keyed with the secret, go
into the address. One code (310000) stands for all three of its security settings; only its words tell them apart, in
English formerly and in Chinese now.
"""

import base64
import hashlib
import hmac
import re
from typing import Any
from urllib.parse import urlencode

from alerts.robot import Refusal, Refused, Request
from alerts.robot.pace import Pace

_QUERY = re.compile(r"access_token=[0-9A-Za-z]{16,128}")
#: Of a text; its error 34016 says so.
_CHARACTERS = 5_000

_SECURITY = 310000
_SECURITY_SAYS = (
    (("keyword", "关键词"), Refusal.KEYWORD_MISSING),
    (("whitelist", "白名单"), Refusal.ADDRESS_REFUSED),
    (("sign", "签名", "timestamp", "时间戳"), Refusal.WRONG_SIGNATURE),
)
_CODES = {
    130101: Refusal.TOO_FAST, 410100: Refusal.TOO_FAST, 90030: Refusal.TOO_FAST,
    300001: Refusal.UNKNOWN_ROBOT, 300005: Refusal.UNKNOWN_ROBOT, 400101: Refusal.UNKNOWN_ROBOT,
    400102: Refusal.UNKNOWN_ROBOT, 40035: Refusal.UNKNOWN_ROBOT,
}  # fmt: skip


def signature(secret: str, timestamp_ms: int) -> str:
    """Base64, not yet encoded for an address."""
    signed = f"{timestamp_ms}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


class DingTalk:
    """The robot."""

    name = "dingtalk"
    pace = Pace(singles=9, most=18)
    blocked_s = 630.0

    def fits(self, text: str) -> bool:
        """Characters count."""
        return len(text) <= _CHARACTERS

    def is_address(self, path: str, query: str) -> bool:
        """`/robot/send?access_token=...`"""
        return path == "/robot/send" and _QUERY.fullmatch(query) is not None

    def request(self, url: str, secret: str | None, text: str, now_s: float) -> Request:
        """Signed in its address."""
        timestamp_ms = round(now_s * 1_000)
        signed = {"timestamp": timestamp_ms, "sign": signature(secret, timestamp_ms)} if secret else {}
        return Request(f"{url}&{urlencode(signed)}" if signed else url, {"msgtype": "text", "text": {"content": text}})

    def read(self, answer: dict[str, Any]) -> None:
        """`errcode` 0 is success."""
        code = int(answer["errcode"])
        if code == 0:
            return
        if code == _SECURITY:
            said = str(answer.get("errmsg", "")).lower()
            found = (why for words, why in _SECURITY_SAYS if any(word in said for word in words))
            raise Refused(next(found, Refusal.WRONG_SIGNATURE), code)
        raise Refused(_CODES.get(code, Refusal.REFUSED), code)
