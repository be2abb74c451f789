"""Web push: encrypted to one browser (RFC 8291), signed with the installation's key (VAPID, RFC 8292).

What a push service takes is handed over. That it arrived is known when the page's service worker says so
(`alerts.push.confirm`).
"""

import time
from urllib.parse import urlsplit

import httpx
import msgspec
from py_vapid import Vapid02
from pywebpush import WebPusher

from alerts.channel import SEND_S, WEB_PUSH, Handover, NotTaken, Outgoing, Undeliverable
from alerts.push import Push, allowed, read_subscription

_CONNECT_S = 3.0
#: How long a push service keeps a message for a browser that is away. A life-critical one is sent again a minute later,
#: and one that comes out of the blue after an hour sends somebody to a door where all is over.
_LIFE_CRITICAL_TTL_S = 30
_TTL_S = 600
#: RFC 8292 lets a signature live 24 hours at most; this long one is used, and twice as long it holds.
_SIGNED_S = 3_600
_GONE = frozenset({404, 410})


class WebPush:
    """The channel. `contact`: mailto: or https: of whoever push services may turn to."""

    name = WEB_PUSH
    is_route = True

    def __init__(self, push: Push, contact: str) -> None:
        self._push = push
        self._contact = contact
        self._vapid = Vapid02(push.key)
        self._signed: dict[str, tuple[float, str]] = {}
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(SEND_S, connect=_CONNECT_S), follow_redirects=False)

    async def send(self, outgoing: Outgoing) -> Handover:
        """POST it to the browser's push service. A subscription that is gone is `Undeliverable`."""
        subscription = read_subscription(outgoing.address)
        if not allowed(subscription.endpoint, self._push.hosts):
            raise Undeliverable("not at a push service that we send to")
        pusher = WebPusher(msgspec.to_builtins(subscription))
        body = pusher.encode(self._said(outgoing), content_encoding="aes128gcm")["body"]
        headers = {
            "authorization": self._authorization(subscription.endpoint),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(_LIFE_CRITICAL_TTL_S if outgoing.life_critical else _TTL_S),
            "urgency": "high" if outgoing.life_critical else "normal",
        }
        answer = await self._http.post(subscription.endpoint, content=body, headers=headers)
        if answer.status_code in _GONE:
            raise Undeliverable(f"HTTP {answer.status_code}")
        if not answer.is_success:
            raise NotTaken(f"HTTP {answer.status_code}")
        return Handover(outgoing.id.hex)

    def _said(self, outgoing: Outgoing) -> bytes:
        """What the service worker reads (web/src/push/message.ts)."""
        return msgspec.json.encode(
            {
                "kind": outgoing.kind, "title": outgoing.title, "body": outgoing.body, "language": outgoing.language,
                "tag": str(outgoing.alarm_id or outgoing.id), "urgent": outgoing.life_critical,
                "path": urlsplit(outgoing.link).path if outgoing.link else "/",
                "receipt": self._push.receipts.token(outgoing.id),
            }
        )  # fmt: skip

    def _authorization(self, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        now = time.time()
        made_at, header = self._signed.get(audience, (0.0, ""))
        if not header or now - made_at > _SIGNED_S:
            claims = {"aud": audience, "sub": self._contact, "exp": int(now) + 2 * _SIGNED_S}
            header = str(self._vapid.sign(claims)["Authorization"])
            self._signed[audience] = (now, header)
        return header

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()
