"""A receiver of webhooks: up, slow, failing, hanging or dead, as a story wants it, with what it was sent.

It checks signatures by itself, written from the specification of Standard Webhooks 1.0.0 and not from our code.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

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

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, many requests."""
        try:
            while line := await reader.readline():
                assert line.startswith(b"POST /hook "), line
                headers = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, value = header.split(":", 1)
                    headers[name.lower()] = value.strip()
                delivery = Delivery(headers, await reader.readexactly(int(headers["content-length"])))
                self.deliveries.append(delivery)
                status = await self.answer(delivery)
                if status is None:
                    break
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender gave up
        finally:
            writer.close()


async def _ok() -> int:
    return 204


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
