"""A receiver of webhooks: up, slow, failing, hanging or dead, as a story wants it, with what it was sent.

It checks signatures by itself, written from the specification of Standard Webhooks 1.0.0 and not from our code.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.provider_server import Answer, Request, serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Delivery:
    """One request as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value

    def signed_by(self, secret: str) -> bool:
        """Does one of the signatures in the header fit id, timestamp and body?"""
        key = base64.b64decode(secret[len("whsec_") :])
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.{self.body.decode()}"
        expected = base64.b64encode(hmac.new(key, content.encode(), hashlib.sha256).digest()).decode()
        signatures = self.headers["webhook-signature"].split(" ")
        return any(one.split(",", 1)[0] == "v1" and one.split(",", 1)[1] == expected for one in signatures)


@dataclass
class Receiver:
    """`answer`: what it does with a delivery: an HTTP status, after as long as it likes; None closes the line."""

    deliveries: list[Delivery] = field(default_factory=list)
    answer: Callable[[Delivery], Awaitable[int | None]] = field(default=lambda _: _ok())
    url: str = ""

    async def take(self, request: Request) -> Answer | None:
        """Keep it, and say what `answer` says."""
        assert (request.method, request.target) == ("POST", "/hook"), request
        delivery = Delivery(request.headers, request.body)
        self.deliveries.append(delivery)
        status = await self.answer(delivery)
        return None if status is None else Answer(status)


async def _ok() -> int:
    return 204


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    async with serving(receiver.take) as url:
        receiver.url = f"{url}/hook"
        yield receiver
