"""Who may come in: keeps RabbitMQ's users as our own list and the gateway table have them, and answers for gateways.

RabbitMQ knows every user and its rights; of a gateway it has no password. It asks us over HTTP, and we compare with the
hash from the database, and the client id with the user name. A gateway that is gone, or has a new password, is deleted
there, which ends its connection. While we are away nobody new comes in but ingest, and whoever is connected stays.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from carebed.embedded.broker_users import refused
from carebed.health import QuietServer, health_routes
from carebed.logs import get_logger
from carebed.rabbitmq.configuration import KEEPER
from carebed.rabbitmq.management import NO_PASSWORD, Management, is_password, password_hash
from carebed.rabbitmq.rights import gateway_rights, own_rights
from carebed.wake import woken_within

log = get_logger()

_AGAIN_S = 1.0
_LOOK_S = 10.0


class Doorkeeper:
    """`set_gateways` says who may come in; `keep` carries it to the broker; `serve` answers the broker's questions."""

    def __init__(self, own_passwords: Mapping[str, str]) -> None:
        """`own_passwords`: user -> password of our own users."""
        self._own = dict(own_passwords)
        self._hashes: dict[str, str] | None = None  # not known yet: then nobody is deleted
        self._renewed: set[str] = set()
        self._listed: set[str] = set()
        """Gateways, and strangers, that are users of the broker."""
        self._granted: set[str] | None = None
        """Those of them that have exactly their rights; None when that has to be asked."""
        self._changed = asyncio.Event()
        self._trouble: str | None = "the broker's users have not been compared yet"

    def set_gateways(self, gateways: Iterable[tuple[str, str]]) -> None:
        """Let exactly these (gateway, password hash) in. Those that are gone or re-passworded are disconnected."""
        hashes = {gateway: hashed for gateway, hashed in gateways if refused(gateway, hashed) is None}
        before = self._hashes or {}
        self._renewed |= {gateway for gateway, hashed in before.items() if hashes.get(gateway, hashed) != hashed}
        self._hashes = hashes
        self._changed.set()

    def look_again(self) -> None:
        """The broker has been started anew, perhaps without its store."""
        self._granted = None
        self._trouble = "the broker's users have not been compared since its start"
        self._changed.set()

    def lets_in(self, user: str, password: str, client_id: str) -> bool:
        """Whether this is a gateway, its password, and its own client id."""
        hashed = (self._hashes or {}).get(user)
        return hashed is not None and client_id == user and _is_password(password, hashed)

    def ready(self) -> str | None:
        """Readiness: the broker has exactly the users that it should have."""
        return self._trouble

    async def keep(self, management: Management) -> None:
        """A named task: bring the broker's users in line, at once after each change; until cancelled."""
        while True:
            self._changed.clear()
            try:
                if self._granted is None or not await management.has_user(KEEPER, *sorted(self._own)[:1]):
                    await self._look(management)
                await self._apply(management)
                self._trouble = None
            except httpx.HTTPError as error:
                self._granted = None  # It may have done half of what it was told.
                if self._trouble is None:
                    log.warning("broker_users_not_kept", error=type(error).__name__)
                self._trouble = f"the broker's users cannot be kept: {type(error).__name__}"
            await woken_within(self._changed, _LOOK_S if self._trouble is None else _AGAIN_S)

    async def _look(self, management: Management) -> None:
        """Ask for everybody and his rights: once, and after trouble, for 100,000 gateways are a long list."""
        await management.put_policy()
        passwords = await management.users()
        granted = await management.granted()
        rights = own_rights()
        ours = [
            (user, password_hash(password), rights[user]) for user, password in self._own.items()
            if granted.get(user) != rights[user] or not is_password(password, passwords.get(user, NO_PASSWORD))
        ]  # fmt: skip
        await management.put_users(ours)
        self._listed = passwords.keys() - self._own.keys() - {KEEPER}
        self._granted = {user for user in self._listed if granted.get(user) == gateway_rights(user)}

    async def _apply(self, management: Management) -> None:
        """Delete and make what differs from the list."""
        if self._hashes is None or self._granted is None:
            return
        renewed, wanted = set(self._renewed), set(self._hashes)
        gone = (self._listed - wanted) | (renewed & self._listed)
        await management.delete_users(gone)
        self._listed -= gone
        self._granted -= gone
        missing = sorted(wanted - self._granted)
        await management.put_users((gateway, NO_PASSWORD, gateway_rights(gateway)) for gateway in missing)
        self._listed |= wanted
        self._granted |= wanted
        self._renewed -= renewed
        if gone or missing:
            log.info("broker_users_kept", gone=len(gone), made=len(missing))

    async def serve(self, host: str, port: int) -> None:
        """A named task: answer RabbitMQ's `user_path`, and for our own health."""
        routes = [
            Route("/rabbitmq/user", self._answer, methods=["POST"]), *health_routes({"broker_users": self.ready})
        ]  # fmt: skip
        config = uvicorn.Config(
            Starlette(routes=routes), host=host, port=port, log_level="warning", access_log=False, lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = QuietServer(config)
        try:
            await server.serve()
        finally:  # Cancelled, uvicorn leaves its listener open.
            for listener in getattr(server, "servers", ()):
                listener.close()

    async def _answer(self, request: Request) -> Response:
        said = {key: values[0] for key, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
        known = self.lets_in(said.get("username", ""), said.get("password", ""), said.get("client_id", ""))
        return PlainTextResponse("allow" if known else "deny")


def _is_password(password: str, hashed: str) -> bool:
    """Whether `hashed` (`$7$rounds$salt$hash`, as the gateway table has it) is of this password."""
    _, kind, *rest = hashed.split("$")
    if kind != "7" or len(rest) != 3:
        return False
    rounds, salt, digest = int(rest[0]), base64.b64decode(rest[1]), base64.b64decode(rest[2])
    return secrets.compare_digest(hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds), digest)
