"""Web push of the browser in which somebody is signed in: its subscription, a test, and the page's word that it came.

A subscription is a contact method (`webpush`), removed and put in order like the others. It is a route only while the
page has confirmed a push within seven days.
"""

import msgspec
from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts import push
from alerts.view import utc
from api import example, person_shapes
from api.body import NewPushSubscription, PushReceipt
from api.contact_methods import MethodId
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.problem import as_json, invalid, not_found
from api.scope import Caller, PartsOf

router = APIRouter(tags=["people"])

_STATE = text(f"""
    SELECT json_build_object('id', id, 'confirmed_at', {utc("greatest(verified_at, delivered_at)")},
        'route', coalesce(greatest(verified_at, delivered_at) > carebed_now() - CAST(:fresh AS interval)
            AND (failed_at IS NULL OR greatest(verified_at, delivered_at) > failed_at), false))::text AS body
    FROM contact_method
    WHERE id = :id AND staff_id = :staff AND channel = 'webpush' AND removed_at IS NULL
""")

_SUBSCRIBED = ("The subscription.", "application/json", example.PUSH_SUBSCRIPTION)


async def _state(call: Caller, method: MethodId) -> str:
    asked = {"id": method, "staff": call.principal.id, "fresh": push.FRESH}
    found: str | None = (await call.conn.execute(_STATE, asked)).scalar_one_or_none()
    if found is None:
        raise not_found("You have no such subscription.")
    return found


@router.get(
    "/me/push",
    operation_id="readPushKey",
    summary="Read the key for web push",
    description="`public_key`: what a browser subscribes with; null where web push is not set up.",
    response_model=person_shapes.PushKey,
    response_class=JSONResponse,
    responses=answers(401, ok={200: ("The key.", "application/json", example.PUSH_KEY)}),
)
async def public_key(_call: Caller, parts: PartsOf) -> Response:
    public = parts.push.public_key if parts.push else None
    return Response(as_json({"public_key": public}), media_type="application/json")


@router.post(
    "/me/push",
    operation_id="subscribeToPush",
    summary="Have messages pushed to this browser",
    description="Sends a test; once the page has confirmed it the subscription is a route, for seven days after each "
    "push that it confirms. Repeating it sends another test, at most every half minute.",
    status_code=202,
    response_model=person_shapes.PushSubscription,
    response_class=JSONResponse,
    responses=answers(400, 401, 403, 404, 413, 415, 422, ok={202: _SUBSCRIBED}),
)
async def subscribe(call: Caller, parts: PartsOf, body: NewPushSubscription, key: Key = None) -> Response:
    if parts.push is None:
        raise not_found("Web push is not set up here.")
    given = msgspec.convert(body.model_dump(), push.Subscription)
    try:
        subscription = push.checked(given, parts.push.hosts)
    except ValueError as error:
        raise invalid("/endpoint", f"It {error}") from None

    async def work() -> Answer:
        method = await push.subscribe(call.conn, call.principal.id, subscription)
        return Answer(202, await _state(call, method))

    return await once(call.conn, call.principal.id, key, digest_of("POST", "/me/push", body), work)


@router.get(
    "/me/push/{method_id}",
    operation_id="readPushSubscription",
    summary="Ask whether a push has been confirmed",
    response_model=person_shapes.PushSubscription,
    response_class=JSONResponse,
    responses=answers(401, 404, 422, ok={200: _SUBSCRIBED}),
)
async def state(call: Caller, method_id: MethodId) -> Response:
    return Response(await _state(call, method_id), media_type="application/json")


@router.post("/push-receipts", include_in_schema=False)
async def receive(parts: PartsOf, body: PushReceipt) -> Response:
    """From the service worker, which has no sign-in: the token stood in the push and is its authority."""
    notification = parts.push.receipts.read(body.receipt) if parts.push else None
    if notification is None:
        raise not_found("There is no such push.")
    async with parts.database.transaction() as conn:
        confirmed = await push.confirm(conn, notification)
    return Response(as_json({"confirmed": confirmed}), media_type="application/json")
