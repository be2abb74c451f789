"""A push service and the browsers behind it: verifies who sends (RFC 8292) and decrypts what is sent (RFC 8291).

Both are written from the RFCs and not from our code.
"""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.provider_server import Answer, Request, serving


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """The other way."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class Browser:
    """Its keys, and what it can read."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = b"sixteen bytes ok"

    def keys(self) -> dict[str, str]:
        """As `PushSubscription.toJSON()` has them."""
        return {"p256dh": encoded(_point(self._key.public_key())), "auth": encoded(self._auth)}

    def read(self, body: bytes) -> dict[str, Any]:
        """RFC 8188 with the keys of RFC 8291: salt, record size, sender's key, one record."""
        salt, size, key_length = body[:16], int.from_bytes(body[16:20]), body[20]
        sender = body[21 : 21 + key_length]
        assert key_length == 65
        assert len(body) - 21 - key_length <= size
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        info = b"WebPush: info\0" + _point(self._key.public_key()) + sender
        secret = _derived(shared, self._auth, info, 32)
        key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, body[21 + key_length :], None).rstrip(b"\0")
        assert plain.endswith(b"\x02")
        said: dict[str, Any] = json.loads(plain[:-1])
        return said


@dataclass
class PushService:
    """`status`: what it answers instead of 201. `taken`: (headers, message) of what was signed well."""

    public_key: str
    browser: Browser = field(default_factory=Browser)
    url: str = ""
    status: int = 201
    taken: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    refused: int = 0

    @property
    def host(self) -> str:
        """With its port."""
        return self.url.removeprefix("http://")

    def subscription(self, name: str = "one") -> dict[str, Any]:
        """Of the browser."""
        return {"endpoint": f"{self.url}/push/{name}", "keys": self.browser.keys()}

    async def answer(self, request: Request) -> Answer:
        """To a push."""
        return Answer(self._answer(request.headers, request.body))

    def _answer(self, headers: dict[str, str], body: bytes) -> int:
        if not self._signed(headers["authorization"]):
            self.refused += 1
            return 403
        if self.status < 300:
            assert headers["content-encoding"] == "aes128gcm"
            self.taken.append((headers, self.browser.read(body)))
        return self.status

    def _signed(self, authorization: str) -> bool:
        scheme, _, rest = authorization.partition(" ")
        given = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or given["k"] != self.public_key:
            return False
        signed, _, signature = given["t"].rpartition(".")
        head, claims = (json.loads(decoded(part)) for part in signed.split("."))
        raw = decoded(signature)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(given["k"]))
        pair = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        try:
            key.verify(pair, signed.encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        lives_s = claims["exp"] - time.time()
        return (
            head["alg"] == "ES256" and claims["aud"] == self.url and 0 < lives_s <= 86_400
            and claims["sub"].startswith("mailto:")
        )  # fmt: skip


@asynccontextmanager
async def push_service(public_key: str) -> AsyncIterator[PushService]:
    """One on a free port, for subscriptions bound to this key."""
    there = PushService(public_key)
    async with serving(there.answer) as there.url:
        yield there
