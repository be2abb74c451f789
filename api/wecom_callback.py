"""Where WeCom asks whether this address is ours (GET), and tells which button was pressed (POST)."""

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from alerts.wecom_callback import Forged, button_says, encrypted_part, press, read_event
from api.problem import not_found
from api.scope import PartsOf

router = APIRouter(prefix="/callbacks/wecom", include_in_schema=False)

_NOTHING = "There is nothing at this address."


@router.get("")
async def verify(parts: PartsOf, msg_signature: str, timestamp: str, nonce: str, echostr: str) -> Response:
    if parts.wecom is None:
        raise not_found(_NOTHING)
    try:
        return PlainTextResponse(parts.wecom.open(msg_signature, timestamp, nonce, echostr))
    except Forged:
        raise not_found(_NOTHING) from None


@router.post("")
async def take(request: Request, parts: PartsOf, msg_signature: str, timestamp: str, nonce: str) -> Response:
    if parts.wecom is None:
        raise not_found(_NOTHING)
    try:
        said = parts.wecom.open(msg_signature, timestamp, nonce, encrypted_part(await request.body()))
    except Forged:
        raise not_found(_NOTHING) from None
    pressed = read_event(said)
    if pressed is None:
        return PlainTextResponse("")
    async with parts.database.transaction() as conn:
        outcome = await press(conn, pressed, parts.hooks)
    return Response(parts.wecom.seal(button_says(outcome)) if outcome else "", media_type="application/xml")
