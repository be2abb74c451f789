"""Sign-in, refresh and sign-out (OAuth 2.0 password and refresh grants, RFC 6749)."""

import asyncio
import math
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.attendance import sign_off
from api import example, person_shapes
from api.document import answers
from api.patience import Patience
from api.principal import close_session, open_session, rotate_session
from api.problem import Problem, as_json
from api.scope import Caller, Parts, PartsOf
from registry.sign_in import ACCESS, PASSWORD_CHARACTERS, Tokens, verify_password

router = APIRouter(prefix="/auth", tags=["sign-in"])

_CREDENTIAL = text("SELECT id, password_hash FROM credential_of(:login)")

_LOGIN_CHARACTERS = 200


class SignIns:
    """What sign-ins of this process share: patience per login, and one thread for hashing.

    One at a time: tries that arrive together are counted one by one, and a flood of them leaves a core to the others.
    """

    def __init__(self) -> None:
        """Nobody has failed yet."""
        self.patience = Patience()
        self.hashing = asyncio.Lock()


@router.post(
    "/token",
    operation_id="signIn",
    summary="Sign in, or prolong a session",
    description=(
        "`grant_type=password` with `username` and `password`, or `grant_type=refresh_token` with `refresh_token`. A "
        "refresh token works once; the tokens that it belonged to end with it."
    ),
    response_model=person_shapes.Tokens,
    response_class=JSONResponse,
    responses=answers(400, 401, 413, 422, 429, ok={200: ("Signed in.", "application/json", example.TOKENS)}),
)
async def token(
    request: Request,
    parts: PartsOf,
    grant_type: Annotated[str, Form(examples=["password"])],
    username: Annotated[str | None, Form(examples=["caregiver1"])] = None,
    password: Annotated[str | None, Form()] = None,
    refresh_token: Annotated[str | None, Form()] = None,
) -> Response:
    if grant_type == "password":
        if not username or not password:
            raise _refused(400, "invalid_request", "username and password are needed.")
        tokens = await _by_password(request.app.state.sign_ins, parts, username, password)
    elif grant_type == "refresh_token":
        if not refresh_token:
            raise _refused(400, "invalid_request", "refresh_token is needed.")
        tokens = await _by_refresh(parts, refresh_token)
    else:
        raise _refused(400, "unsupported_grant_type", "grant_type must be password or refresh_token.")
    content = {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "token_type": "bearer",
        "expires_in": int(ACCESS.total_seconds()),
    }
    return Response(as_json(content), media_type="application/json")


async def _by_password(sign_ins: SignIns, parts: Parts, login: str, password: str) -> Tokens:
    """Wrong login and wrong password look the same, and take the same time."""
    storable = len(login) <= _LOGIN_CHARACTERS and "\0" not in login and login.isprintable()
    async with sign_ins.hashing:
        wait_s = sign_ins.patience.wait_s(login[:_LOGIN_CHARACTERS])
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            raise Problem(
                429, "too-many-attempts", f"Too many failed sign-ins for this login: wait {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )  # fmt: skip
        row = None
        if storable:
            async with parts.database.transaction() as conn:
                row = (await conn.execute(_CREDENTIAL, {"login": login})).one_or_none()
        right = await asyncio.to_thread(
            verify_password, row.password_hash if row else None, password[:PASSWORD_CHARACTERS]
        )
        if row is None or not right or len(password) > PASSWORD_CHARACTERS:
            sign_ins.patience.failed(login[:_LOGIN_CHARACTERS])
            raise _refused(401, "invalid_grant", "Login or password is wrong.")
    sign_ins.patience.succeeded(login)
    async with parts.database.transaction() as conn:
        return await open_session(conn, row.id)


async def _by_refresh(parts: Parts, refresh_token: str) -> Tokens:
    async with parts.database.transaction() as conn:
        tokens = await rotate_session(conn, refresh_token)
    if tokens is None:
        raise _refused(401, "invalid_grant", "The session has ended: sign in again.")
    return tokens


def _refused(status: int, error: str, detail: str) -> Problem:
    """A problem document that also carries RFC 6749's `error`."""
    headers = {"WWW-Authenticate": 'Bearer realm="carebed"'} if status == 401 else {}
    kind = {400: "bad-request", 401: "unauthorised"}[status]
    return Problem(status, kind, detail, headers=headers, error=error)


@router.post(
    "/sign-out",
    operation_id="signOut",
    summary="Sign out",
    description=(
        "Ends the session that the token belongs to: both its tokens and its live streams. Alarms that the caller has "
        "acknowledged go back to their stations, unless he is at another device."
    ),
    status_code=204,
    response_class=Response,
    responses=answers(401, ok={}),
)
async def sign_out(call: Caller, parts: PartsOf) -> Response:
    await close_session(call.conn, call.principal)
    await sign_off(call.conn, call.principal.id, parts.hooks.channels)
    return Response(status_code=204)
