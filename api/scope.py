"""One request is one transaction under the caller's scope, committed at the edge before the answer is sent.

An exception rolls back; so a refusal that must stay on record is returned as an answer, never raised.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.answers import Links
from alerts.moves import Hooks
from alerts.push import Push
from alerts.wecom_callback import Seal
from api.hub import Hub
from api.principal import Principal, authenticate, enter
from api.problem import forbidden
from carebed.database import Database
from registry.staff import OUTSIDERS

#: Take charge at the desk, dispatch, raise and reopen.
DESK = frozenset({"operator", "manager", "admin"})

#: Decide by what a home is judged.
MANAGERS = frozenset({"manager", "admin"})

#: Answer for how well it works.
SUPERVISION = MANAGERS | {"supervisor"}

#: See by what a home is judged, and who is away.
OFFICE = DESK | {"supervisor"}

#: Go to the door; neighbours, volunteers and relatives to the alarms that they are called to.
RESPONDERS = DESK | {"caregiver", *OUTSIDERS}

#: Close what they went to.
CARERS = DESK | {"caregiver"}

#: See how people live.
STAFF = CARERS | {"supervisor"}

Bearer = Annotated[
    str | None,
    Depends(OAuth2PasswordBearer("/api/v1/auth/token", scheme_name="bearer", refreshUrl="/api/v1/auth/token",
                                 auto_error=False)),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process hands to its requests (`app.state.parts`)."""

    database: Database
    hub: Hub
    hooks: Hooks
    links: Links | None = None
    """Of answers by signed link; None: there are none."""
    callback_secret: str | None = None
    """Part of the addresses at which providers report; None: nobody does."""
    push: Push | None = None
    """Of web push; None: there is none."""
    wecom: Seal | None = None
    """Of WeCom's callback; None: there is none."""
    robot_hosts: frozenset[str] = frozenset()
    """Where robots of group chats may be."""
    test_call_days: int = 31
    """How often each home is to make a test call; 0: none is."""


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    parts: Parts = request.app.state.parts
    return parts


PartsOf = Annotated[Parts, Depends(parts_of)]


@dataclass(frozen=True, slots=True)
class Call:
    """A request by somebody signed in, inside its transaction."""

    conn: AsyncConnection
    principal: Principal

    def allow(self, roles: frozenset[str], what: str) -> None:
        """`Problem` 403 unless the caller has one of `roles`; `what` completes "Your role may not ..."."""
        if self.principal.role not in roles:
            raise forbidden(f"Your role ({self.principal.role}) may not {what}.")

    @asynccontextmanager
    async def beyond_scope(self) -> AsyncIterator[None]:
        """Within it every branch is seen: for what is computed from more than the caller may see. Whether he may change
        what it is computed from has been checked before."""
        await enter(self.conn, "/", self.principal.id)
        yield
        await enter(self.conn, self.principal.scope, self.principal.id)


async def _call(parts: PartsOf, token: Bearer) -> AsyncIterator[Call]:
    async with parts.database.transaction() as conn:
        principal = await authenticate(conn, token)
        parts.hub.saw(principal)
        await enter(conn, principal.scope, principal.id)
        yield Call(conn, principal)


# scope="function": the transaction is committed before the answer is sent, or the answer is a 500 or 503.
Caller = Annotated[Call, Depends(_call, scope="function")]
