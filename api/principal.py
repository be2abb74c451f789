"""Who is calling: the signed-in person behind a bearer token, and the session that the token belongs to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.problem import unauthorised
from carebed.ids import new_id
from registry.area import scope_of
from registry.sign_in import ACCESS, REFRESH, Tokens, new_tokens, token_hash
from registry.staff import OUTSIDERS

#: NOTIFY channel of sign-outs; the payload is the access token's hash in hex.
SIGN_OUT_CHANNEL = "carebed_session"

# Staff active, token known and not expired (real time: a shifted demo clock signs nobody out).
_PRINCIPAL = text("SELECT id, login, name, role, area_code, expires_at FROM principal_of(:hash)")

# The same for many tokens at once: who is still there, and with which rights.
_PRINCIPALS = text("""
    SELECT given.hash, id, login, name, role, area_code, expires_at
    FROM unnest(CAST(:hashes AS bytea[])) AS given(hash), LATERAL principal_of(given.hash)
""")

# From here to the end of the transaction row-level security shows what this person may see.
_ENTER = text("SELECT set_config('carebed.scope', :scope, true), set_config('carebed.staff', :staff, true)")

_OPEN_SESSION = text("""
    INSERT INTO staff_session (id, staff_id, access_hash, refresh_hash, access_expires_at, refresh_expires_at)
    VALUES (:id, :staff, :access, :refresh, clock_timestamp() + :access_for, clock_timestamp() + :refresh_for)
""")

# What is past using goes when its owner signs in again.
_DROP_EXPIRED = text("DELETE FROM staff_session WHERE staff_id = :staff AND refresh_expires_at < clock_timestamp()")

_STAFF_OF_REFRESH = text("SELECT staff_of_refresh(:hash)")

# Only one of two that use the same refresh token at once gets a row back.
_CLOSE_BY_REFRESH = text("DELETE FROM staff_session WHERE refresh_hash = :hash RETURNING id")

_CLOSE_BY_ACCESS = text("DELETE FROM staff_session WHERE access_hash = :hash")

_TELL = text("SELECT pg_notify('carebed_session', :hash)")


#: A scope in which no area lies.
_NO_AREA = "-"


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person. `scope`: '/' + area prefix, as the database's `in_scope` compares it."""

    id: UUID
    login: str
    name: str
    role: str
    area_code: str
    expires_at: datetime
    token: bytes

    @property
    def scope(self) -> str:
        """What this person may see. Outsiders: no area, only what they are called to."""
        return _NO_AREA if self.role in OUTSIDERS else "/" + scope_of(self.area_code)

    def same_rights(self, other: "Principal") -> bool:
        """Has nothing changed that decides what this person may see?"""
        return (self.id, self.role, self.area_code) == (other.id, other.role, other.area_code)


async def authenticate(conn: AsyncConnection, token: str | None) -> Principal:
    """The person behind an access token; `Problem` 401 when there is none."""
    if not token:
        raise unauthorised("Sign in first: this address needs a bearer token.", None)
    hashed = token_hash(token)
    row = (await conn.execute(_PRINCIPAL, {"hash": hashed})).one_or_none()
    if row is None:
        raise unauthorised("The sign-in has ended: sign in again or refresh the token.")
    return _principal(row, hashed)


async def still_signed_in(conn: AsyncConnection, tokens: list[bytes]) -> dict[bytes, Principal]:
    """Of these token hashes, those that still open something."""
    rows = await conn.execute(_PRINCIPALS, {"hashes": tokens})
    return {bytes(row.hash): _principal(row, bytes(row.hash)) for row in rows}


def _principal(row: Row[Any], token: bytes) -> Principal:
    return Principal(row.id, row.login, row.name, row.role, row.area_code, row.expires_at, token)


async def enter(conn: AsyncConnection, scope: str, staff: UUID | None) -> None:
    """Put the rest of the transaction under `scope` ('/' is everything: only for our own streams)."""
    await conn.execute(_ENTER, {"scope": scope, "staff": "" if staff is None else str(staff)})


async def open_session(conn: AsyncConnection, staff: UUID) -> Tokens:
    """Sign `staff` in: a new session, its tokens given out once."""
    await enter(conn, "", staff)
    await conn.execute(_DROP_EXPIRED, {"staff": staff})
    tokens = new_tokens()
    await conn.execute(
        _OPEN_SESSION,
        {
            "id": new_id(),
            "staff": staff,
            "access": token_hash(tokens.access),
            "refresh": token_hash(tokens.refresh),
            "access_for": ACCESS,
            "refresh_for": REFRESH,
        },
    )
    return tokens


async def rotate_session(conn: AsyncConnection, refresh_token: str) -> Tokens | None:
    """New tokens for an old refresh token, which is dead from now on, as its access token is; None if it was before."""
    hashed = token_hash(refresh_token)
    staff: UUID | None = (await conn.execute(_STAFF_OF_REFRESH, {"hash": hashed})).scalar_one_or_none()
    if staff is None:
        return None
    await enter(conn, "", staff)
    if (await conn.execute(_CLOSE_BY_REFRESH, {"hash": hashed})).one_or_none() is None:
        return None
    return await open_session(conn, staff)


async def close_session(conn: AsyncConnection, principal: Principal) -> None:
    """Sign out: the session is gone, and its streams end at once, in whichever process they are."""
    await conn.execute(_CLOSE_BY_ACCESS, {"hash": principal.token})
    await conn.execute(_TELL, {"hash": principal.token.hex()})
