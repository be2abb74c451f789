"""WeCom (企业微信): robots of a group, which know no signature: whoever has the address can post.

Source: "群机器人配置说明" (path 91770) of its documentation: twenty posts a minute, 2,048 bytes a text.
"""

import re
from typing import Any

from alerts.robot import Refusal, Refused, Request
from alerts.robot.pace import Pace

_QUERY = re.compile(r"key=[0-9A-Za-z-]{16,128}")
_BYTES = 2_048

_CODES = {93000: Refusal.UNKNOWN_ROBOT, 45009: Refusal.TOO_FAST, 45033: Refusal.TOO_FAST}


class WecomRobot:
    """The robot."""

    name = "wecom"
    pace = Pace(singles=9, most=18)
    blocked_s = 90.0

    def fits(self, text: str) -> bool:
        """Bytes count."""
        return len(text.encode()) <= _BYTES

    def is_address(self, path: str, query: str) -> bool:
        """`/cgi-bin/webhook/send?key=...`"""
        return path == "/cgi-bin/webhook/send" and _QUERY.fullmatch(query) is not None

    def request(self, url: str, secret: str | None, text: str, now_s: float) -> Request:  # noqa: ARG002 - the port's
        """As it is."""
        return Request(url, {"msgtype": "text", "text": {"content": text}})

    def read(self, answer: dict[str, Any]) -> None:
        """`errcode` 0 is success."""
        code = int(answer["errcode"])
        if code != 0:
            raise Refused(_CODES.get(code, Refusal.REFUSED), code)
