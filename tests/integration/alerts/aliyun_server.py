"""Aliyun's SMS and voice services as far as they are documented: rejects wrong signatures, keeps what it was asked for.

It checks signatures by itself, written from the documentation and not from our code.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

from tests.provider_server import Answer, Request, serving

KEY_ID, SECRET = "LTAI-test", "secret-of-the-test"


@dataclass
class AliyunServer:
    """`answers`: codes instead of OK, by action; `hang`: set it, and nothing is answered any more. `details`: what it
    tells of a message that was sent, by BizId or by CallId."""

    url: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    hang: bool = False
    _nonces: set[str] = field(default_factory=set)

    async def answer(self, request: Request) -> Answer:
        """To what is asked for."""
        if self.hang:
            await asyncio.Event().wait()
        return Answer(*self._answer(request.method, request.target, request.headers))

    def _answer(self, method: str, target: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        parameters = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True, strict_parsing=True))
        if (wrong := self._wrong(method, parameters, headers)) is not None:
            self.refused.append(wrong)
            return 400, {"Code": wrong, "Message": "Specified signature is not matched."}
        action = headers["x-acs-action"]
        self.requests.append({"Action": action, **parameters})
        if action in self.answers:
            return 200, {"Code": self.answers[action], "Message": f"13800138000 {action}", "RequestId": "R"}
        if action.startswith("Query"):
            return 200, {"Code": "OK", "Message": "OK", "RequestId": "R", **self._told(action, parameters)}
        number = len(self.requests)
        return 200, {"Code": "OK", "BizId": f"biz^{number}", "CallId": f"call^{number}", "RequestId": "R"}

    def _told(self, action: str, parameters: dict[str, str]) -> dict[str, Any]:
        """A message is found under its number and the day in China, a call under its product and the day."""
        if action == "QuerySendDetails":
            assert parameters.keys() == {"PhoneNumber", "BizId", "SendDate", "PageSize", "CurrentPage"}
            datetime.strptime(parameters["SendDate"], "%Y%m%d")  # noqa: DTZ007 - only whether it is a day
            found = [one for one in self.details.get(parameters["BizId"], [])
                     if (one["PhoneNum"], one["SendDate"][:10].replace("-", ""))
                     == (parameters["PhoneNumber"], parameters["SendDate"])]  # fmt: skip
            return {"TotalCount": str(len(found)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": found}}
        assert action == "QueryCallDetailByCallId"
        assert parameters.keys() == {"CallId", "ProdId", "QueryDate"}
        product, call = self.details.get(parameters["CallId"], (None, None))
        day = datetime.fromtimestamp(int(parameters["QueryDate"]) / 1_000, ZoneInfo("Asia/Shanghai"))
        if product != parameters["ProdId"] or not call["gmtCreate"].startswith(day.strftime("%Y-%m-%d")):
            return {}
        return {"Data": json.dumps(call)}

    def _wrong(self, method: str, parameters: dict[str, str], headers: dict[str, str]) -> str | None:
        algorithm, _, rest = headers["authorization"].partition(" ")
        given = dict(part.split("=", 1) for part in rest.split(","))
        if algorithm != "ACS3-HMAC-SHA256" or given["Credential"] != KEY_ID:
            return "InvalidAccessKeyId.NotFound"
        names = given["SignedHeaders"].split(";")
        required = {"host", *(name for name in headers if name.startswith("x-acs-"))}
        if names != sorted(names) or not required <= set(names):
            return "IncompleteSignature"
        if headers["x-acs-signature-nonce"] in self._nonces:
            return "SignatureNonceUsed"
        self._nonces.add(headers["x-acs-signature-nonce"])
        query = "&".join(f"{quote(name, safe='')}={quote(parameters[name], safe='')}" for name in sorted(parameters))
        signed = "".join(f"{name}:{headers[name]}\n" for name in names)
        body = hashlib.sha256(b"").hexdigest()
        canonical = f"{method}\n/\n{query}\n{signed}\n{given['SignedHeaders']}\n{body}"
        to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        expected = hmac.new(SECRET.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(expected, given["Signature"]) else "SignatureDoesNotMatch"


@asynccontextmanager
async def aliyun() -> AsyncIterator[AliyunServer]:
    """One on a free port."""
    there = AliyunServer()
    async with serving(there.answer) as there.url:
        yield there
