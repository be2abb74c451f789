"""RabbitMQ's management interface over HTTP, as far as the doorkeeper needs it."""

import base64
import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from carebed.rabbitmq.configuration import POLICY
from carebed.rabbitmq.rights import EXCHANGE, Rights

_VHOST = "/"
_IN_ONE_REQUEST = 200

#: Password hash of a user that RabbitMQ itself never lets in.
NO_PASSWORD = ""


def password_hash(password: str) -> str:
    """As RabbitMQ keeps it: base64 of 4 bytes of salt and SHA-256 of salt and password."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def is_password(password: str, hashed: str) -> bool:
    """Whether `hashed` is a hash of it."""
    raw = base64.b64decode(hashed)
    if len(raw) != 36:
        return False
    return secrets.compare_digest(raw[4:], hashlib.sha256(raw[:4] + password.encode()).digest())


class Management:
    """`async with Management(url, user, password)`. Every call raises `httpx.HTTPError` when the broker is away."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.AsyncClient(base_url=f"{url}/api", auth=(user, password), timeout=120, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def users(self) -> dict[str, str]:
        """User -> password hash of everybody."""
        listed = await self._call("GET", "/users?columns=name,password_hash")
        return {user["name"]: user["password_hash"] for user in listed}

    async def has_user(self, *users: str) -> bool:
        """Whether all of these are there: after the loss of its store they are not."""
        for user in users:
            answer = await self._client.get(f"/users/{quote(user, safe='')}?columns=name")
            if answer.status_code == httpx.codes.NOT_FOUND:
                return False
            answer.raise_for_status()
        return True

    async def granted(self) -> dict[str, Rights]:
        """User -> rights of everybody who has all of them."""
        vhost = f"/vhosts/{quote(_VHOST, safe='')}"
        topics = {one["user"]: one for one in await self._call("GET", f"{vhost}/topic-permissions")
                  if one["exchange"] == EXCHANGE}  # fmt: skip
        return {
            one["user"]: Rights(one["configure"], one["write"], one["read"], on["write"], on["read"])
            for one in await self._call("GET", f"{vhost}/permissions") if (on := topics.get(one["user"])) is not None
        }  # fmt: skip

    async def put_users(self, users: Iterable[tuple[str, str, Rights]]) -> None:
        """Make or change (user, password hash, rights)."""
        rest = list(users)
        while rest:
            now, rest = rest[:_IN_ONE_REQUEST], rest[_IN_ONE_REQUEST:]
            # A user without rights on topics may do everything there, so what lets it in at all comes last.
            await self._call("POST", "/definitions", {
                "users": [_user(user, hashed) for user, hashed, _ in now],
                "topic_permissions": [_on_topics(user, rights) for user, _, rights in now],
            })  # fmt: skip
            await self._call("POST", "/definitions", {"permissions": [_permission(user, one) for user, _, one in now]})

    async def delete_users(self, users: Collection[str]) -> None:
        """Remove these users; RabbitMQ ends their connections."""
        if users:
            await self._call("POST", "/users/bulk-delete", {"users": sorted(users)})

    async def put_policy(self) -> None:
        """The one policy: no message is thrown away for having been delivered often."""
        await self._call("PUT", f"/policies/{quote(_VHOST, safe='')}/carebed", POLICY)

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = await self._client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


def _user(user: str, hashed: str) -> dict[str, Any]:
    return {"name": user, "password_hash": hashed, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}


def _permission(user: str, rights: Rights) -> dict[str, str]:
    return {
        "user": user, "vhost": _VHOST, "configure": rights.configure, "write": rights.write, "read": rights.read,
    }  # fmt: skip


def _on_topics(user: str, rights: Rights) -> dict[str, str]:
    return {
        "user": user, "vhost": _VHOST, "exchange": EXCHANGE, "write": rights.topic_write, "read": rights.topic_read,
    }  # fmt: skip
