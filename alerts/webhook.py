"""The webhook channel, signed as Standard Webhooks say: the receiver can tell who sent it, when, and that it is whole.

`webhook-id` is the notification's id and stays the same over all attempts, so the receiver can tell a repeat.
Source: the Standard Webhooks specification, version 1.0.0 (symmetric signatures).
"""

import asyncio
import base64
import binascii
import hashlib
import hmac

import httpx
import msgspec

from carebed.errors import SettingsError

_CONNECT_S = 5.0
#: For all of it, however slowly the answer dribbles in; the outbox's lease is longer.
_SEND_S = 10.0


def secret_bytes(secret: str) -> bytes:
    """`whsec_` + base64 -> key; raises `SettingsError` with one sentence for anything else."""
    encoded = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 16:
        raise SettingsError(
            "CAREBED_WEBHOOK_SECRET is wrong: it must be whsec_ followed by at least 16 bytes in base64."
        )
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: `v1,` + base64 of HMAC-SHA-256 over id, timestamp (Unix seconds) and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Webhook:
    """Hands one message over to the configured address. `secret` None: without a signature (last resort only)."""

    def __init__(self, url: str, secret: str | None) -> None:
        self._url = url
        self._key = None if secret is None else secret_bytes(secret)
        self._trusted = httpx.create_ssl_context()
        # One client for each connection, the last used first. One client with many connections goes through all of them
        # for every message: with 64 at work that took 5 ms of processor for each, where this takes 1.
        self._idle: list[httpx.AsyncClient] = []

    async def send(self, message_id: str, timestamp: int, content: object) -> str | None:
        """POST it; None when the receiver took it (2xx), otherwise a short reason without personal data."""
        body = msgspec.json.encode(content)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message_id, timestamp, body)
        client = self._idle.pop() if self._idle else self._connection()
        try:
            async with asyncio.timeout(_SEND_S):
                answer = await client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            return type(error).__name__
        finally:
            self._idle.append(client)
        return None if answer.is_success else f"HTTP {answer.status_code}"

    def _connection(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(_SEND_S, connect=_CONNECT_S), follow_redirects=False, verify=self._trusted
        )

    async def close(self) -> None:
        """Close its connections."""
        while self._idle:
            await self._idle.pop().aclose()
