"""Web push: subscriptions as contact methods, and what makes one a route.

A push service that takes a message says nothing of the device, and push services are not reachable everywhere. So a
subscription is a route only while the page has confirmed a push within seven days: its service worker sends back a
token that stood in the push, which nobody has who could not decrypt it.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.answers import Links, enter_ours
from alerts.channel import WEB_PUSH
from alerts.delivery import report
from alerts.notification import Delivery, wake_outbox
from carebed import web_push_key
from carebed.ids import new_id

#: A subscription is a route for so long after each push that its page has confirmed.
FRESH = timedelta(days=7)
#: Between two tests of one subscription.
TEST_PAUSE_S = 30
_ENDPOINT_CHARACTERS = 1_000


class Keys(msgspec.Struct, frozen=True):
    """Of the browser, base64url: its public key and the secret for encrypting to it (RFC 8291)."""

    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """What `PushSubscription.toJSON()` gives."""

    endpoint: str
    keys: Keys

    @property
    def address(self) -> str:
        """As a contact method keeps it."""
        return msgspec.json.encode(self).decode()


def read_subscription(address: str) -> Subscription:
    """What `Subscription.address` made."""
    return msgspec.json.decode(address, type=Subscription)


def checked(subscription: Subscription, hosts: Sequence[str]) -> Subscription:
    """The same, if it can be sent to. ValueError with a sentence for one that cannot.

    `hosts`: of push services, `*.` before one for everything under it. Whoever signs in chooses the endpoint, so
    without this list he would choose where our processes send requests to.
    """
    if not allowed(subscription.endpoint, hosts):
        raise ValueError("is not at a push service that this installation sends to")
    try:
        public, secret = _bytes(subscription.keys.p256dh), _bytes(subscription.keys.auth)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except (ValueError, binascii.Error):
        raise ValueError("has no key that can be encrypted to") from None
    if len(public) != 65 or len(secret) != 16:
        raise ValueError("has no key that can be encrypted to")
    return Subscription(subscription.endpoint, Keys(_base64url(public), _base64url(secret)))


def allowed(endpoint: str, hosts: Sequence[str]) -> bool:
    """Whether this is an https address at one of `hosts`; one with a port (127.0.0.1:8080) may be plain http."""
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if len(endpoint) > _ENDPOINT_CHARACTERS or not endpoint.isascii() or parts.username or parts.password:
        return False
    if port is not None:
        return f"{host}:{port}" in hosts
    return parts.scheme == "https" and any(
        host.endswith(one[1:]) if one.startswith("*.") else host == one for one in hosts
    )


def _bytes(encoded: str) -> bytes:
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Push:
    """What the installation's key gives. `public_key`: for browsers, base64url; `receipts`: makes and reads the tokens
    that confirm a push; `hosts`: of push services."""

    key: ec.EllipticCurvePrivateKey
    public_key: str
    receipts: Links
    hosts: tuple[str, ...]

    @staticmethod
    def of(file: Path, hosts: Sequence[str]) -> "Push":
        """Of the key in this file. Raises `SettingsError`."""
        key = web_push_key.read(file)
        public = key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        # Another secret than that of the links: who can confirm a push can answer nothing by it.
        secret = key.private_numbers().private_value.to_bytes(32).hex()
        return Push(key, _base64url(public), Links("", secret), tuple(hosts))


# ---- Subscriptions --------------------------------------------------------------------------------------------------

# A browser has one subscription, whoever is signed in: whoever had it before gets nothing there any more.
_TAKE_OVER = text("SELECT take_over_push(:address)")

_SUBSCRIBE = text("""
    INSERT INTO contact_method (id, staff_id, channel, address, rank, added_by)
    VALUES (:id, :staff, 'webpush', :address, :rank, :staff)
    ON CONFLICT (staff_id, channel, address) DO UPDATE SET removed_at = NULL,
        verified_at = CASE WHEN contact_method.removed_at IS NULL THEN contact_method.verified_at END,
        delivered_at = CASE WHEN contact_method.removed_at IS NULL THEN contact_method.delivered_at END
    RETURNING id
""")

_TEST = text("""
    INSERT INTO notification (id, channel, staff_id, contact_method_id, kind, step, life_critical, payload, state,
        created_at, next_attempt_at)
    SELECT :id, 'webpush', :staff, :method, 'test', 0, false, '{}', 'pending', carebed_now(), clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM notification WHERE contact_method_id = :method AND kind = 'test'
        AND created_at > carebed_now() - make_interval(secs => :pause))
    RETURNING id
""")

_CONFIRMED = text("""
    UPDATE contact_method SET verified_at = carebed_now(), failed_at = NULL, failures = 0
    WHERE id = (SELECT contact_method_id FROM notification
                WHERE id = :id AND channel = 'webpush' AND created_at > carebed_now() - CAST(:fresh AS interval))
        AND removed_at IS NULL
    RETURNING id
""")


async def subscribe(conn: AsyncConnection, staff: UUID, subscription: Subscription, rank: int = 0) -> UUID:
    """Keep it as this person's, and send a test to it; the method's id."""
    await conn.execute(_TAKE_OVER, {"address": subscription.address})
    row: dict[str, Any] = {"id": new_id(), "staff": staff, "address": subscription.address, "rank": rank}
    method: UUID = (await conn.execute(_SUBSCRIBE, row)).scalar_one()
    asked = {"id": new_id(), "staff": staff, "method": method, "pause": TEST_PAUSE_S}
    if (await conn.execute(_TEST, asked)).one_or_none() is not None:
        await wake_outbox(conn)
    return method


async def confirm(conn: AsyncConnection, notification_id: UUID) -> bool:
    """The page has got this push; False when that is older than `FRESH`, or its subscription is not used any more."""
    await enter_ours(conn)
    await report(conn, WEB_PUSH, notification_id.hex, Delivery.DELIVERED)  # message before method, as the outbox has it
    confirmed = (await conn.execute(_CONFIRMED, {"id": notification_id, "fresh": FRESH})).one_or_none()
    return confirmed is not None
