"""Answers by signed link: GET shows the page and never answers (link previews and virus scanners follow links); POST
makes the move.

The token is the authority: it stands for one message, and so for its alarm, step and person (`alerts.answers`).
"""

from typing import Literal

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.answers import Call, answer, call_of
from alerts.moves import AlarmUnknown, Move
from alerts.view import read_alarms
from api import answer_page
from api.scope import Parts, PartsOf

router = APIRouter(include_in_schema=False)

_HEADERS = {"content-security-policy": answer_page.POLICY, "cache-control": "no-store"}

#: The moves that a page can make; everything else wants a sign-in.
_MOVES = {str(move): move for move in (
    Move.ACCEPT, Move.ACKNOWLEDGE, Move.DECLINE, Move.EN_ROUTE, Move.ARRIVE, Move.LEAVE, Move.HAND_BACK,
)}  # fmt: skip


@router.get("/a/{token}", response_class=HTMLResponse)
async def show(
    request: Request, parts: PartsOf, token: str, lang: Literal["zh", "en"] | None = None, refused: bool = False
) -> Response:
    language = lang or _browser_language(request)
    message = None if parts.links is None else parts.links.read(token)
    if message is None:
        return _html(answer_page.message("unknown", language), 404)
    async with parts.database.transaction() as conn:
        call = await call_of(conn, message)
        alarms = await read_alarms(conn, [call.alarm_id]) if call is not None else []
    if call is None or not alarms:
        return _html(answer_page.message("unknown", language), 404)
    language = lang or call.language
    if not call.answerable:
        return _html(answer_page.message("expired", language), 410)
    return _html(
        answer_page.page(
            alarms[0], call.staff_id, call.role, call.step, language, answerable=call.answerable, refused=refused
        )
    )


@router.post("/a/{token}", response_class=HTMLResponse)
async def make(request: Request, parts: PartsOf, token: str) -> Response:
    language = _browser_language(request)
    message = None if parts.links is None else parts.links.read(token)
    if message is None:
        return _html(answer_page.message("unknown", language), 404)
    move = _MOVES.get(str((await request.form()).get("move", "")))
    if move is None:
        return _html(answer_page.message("unknown", language), 400)
    async with parts.database.transaction() as conn:
        call = await call_of(conn, message)
        if call is None:
            return _html(answer_page.message("unknown", language), 404)
        if not call.answerable:
            return _html(answer_page.message("expired", call.language), 410)
        refused = await _make(parts, conn, call, move)
    return RedirectResponse(f"/a/{token}" + ("?refused=1" if refused else ""), 303, headers=_HEADERS)


async def _make(parts: Parts, conn: AsyncConnection, call: Call, move: Move) -> bool:
    """Whether the state of the alarm did not allow it; that is on record too."""
    if move is Move.ACKNOWLEDGE and call.role not in ("operator", "manager", "admin"):
        return True
    try:
        return (await answer(conn, call, move, "link", parts.hooks)).refused is not None
    except AlarmUnknown:
        return True


def _html(content: str, status: int = 200) -> Response:
    return HTMLResponse(content, status, headers=_HEADERS)


def _browser_language(request: Request) -> str:
    return "en" if request.headers.get("accept-language", "").casefold().startswith("en") else "zh"
