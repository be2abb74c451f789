"""`GET /live`: the open alarms, then every change in the caller's areas as server-sent events.

Order of a connect: subscribe, read the open list, send `open`, send what changed since `Last-Event-ID`, then what the
hub pushes. What commits after the subscription is pushed, what committed before it is in the list: no gap, and an alarm
that comes twice carries the same version.
"""

import asyncio
import contextlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from alerts.view import open_alarms, read_views, utc
from api import example
from api.document import answers
from api.hub import Hub
from api.principal import Principal, authenticate, enter
from api.problem import unavailable
from api.scope import Bearer, Parts, PartsOf
from api.subscriber import Subscriber, event
from carebed.database import Database

router = APIRouter(tags=["live"])

#: A client that takes nothing for so long is gone.
_SEND_TIMEOUT_S = 20.0

_RESUME_PAGE = 200

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response):
    """Server-sent events, for the OpenAPI document."""

    media_type = "text/event-stream"


_TIME = text(f"SELECT {utc('carebed_now()')}")

# Alarms that changed between two event ids, each with its last change, in that order.
_CHANGED = text("""
    SELECT alarm_id, max(seq) AS seq FROM alarm_event WHERE seq > :since AND seq <= :until
    GROUP BY alarm_id ORDER BY max(seq) LIMIT :page
""")


@router.get(
    "/live",
    operation_id="followAlarms",
    summary="Follow the alarms",
    description=(
        "Server-sent events. First `open` with the caller's open alarms, most urgent first; then `alarm` on every "
        "change (the id is its place in the event log), `call` when the caller is being paged, and `end` with a reason "
        "when the token or the rights end. A comment line at least every 5 s. `Last-Event-ID` resumes: every alarm "
        "that changed since, closed ones too, follows the `open` event. An alarm may come twice: keep the higher "
        "version."
    ),
    response_class=EventStream,
    responses=answers(401, 503, ok={200: ("The stream.", "text/event-stream", example.STREAM)}),
)
async def live(
    parts: PartsOf,
    token: Bearer,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", examples=["48213"])] = None,
) -> Response:
    if parts.hub.ready() is not None:
        raise unavailable("The live stream is not connected to its source: try again in a moment.")
    async with parts.hub.admission, parts.database.transaction() as conn:
        principal = await authenticate(conn, token)
        subscriber = parts.hub.subscribe(principal)
        try:
            since = _number(last_event_id)
            resume = since if since is not None and since < subscriber.since else None
            opening = await _open_list(conn, principal, subscriber.since if resume is None else resume)
        except BaseException:  # a client that gave up too
            parts.hub.unsubscribe(subscriber)
            raise
    return LiveStream(parts, subscriber, opening, resume)


def _number(last_event_id: str | None) -> int | None:
    """An id that we never gave out resumes nothing; the open list is complete anyway."""
    if last_event_id is None or not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        return None
    return int(last_event_id)


class LiveStream(EventStream):
    """The response that stays open. Holds no database connection while it waits."""

    def __init__(self, parts: Parts, subscriber: Subscriber, opening: bytes, resume: int | None) -> None:
        """`opening`: the encoded `open` event; `resume`: the last event id, if something may have happened since."""
        super().__init__()
        self._database: Database = parts.database
        self._hub: Hub = parts.hub
        self._subscriber = subscriber
        self._opening = opening
        self._resume_from = resume

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes or the stream ends."""
        subscriber = self._subscriber
        watcher = asyncio.create_task(_end_when_gone(receive, subscriber))
        try:
            # A client that takes nothing any more is left; a database that is lost in the middle ends the stream.
            with contextlib.suppress(TimeoutError, OSError):
                with contextlib.suppress(SQLAlchemyError):
                    await self._stream(subscriber, send)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watcher.cancel()
            self._hub.unsubscribe(subscriber)

    async def _stream(self, subscriber: Subscriber, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _write(send, self._opening)
        if self._resume_from is not None:
            await self._resume(self._resume_from, subscriber, send)
        while not subscriber.over:
            chunk, notifications = await subscriber.next()
            if chunk:
                await _write(send, chunk)
                if notifications:
                    self._hub.written(notifications)
        if subscriber.reason is not None:
            await _write(send, event("end", f'{{"reason":"{subscriber.reason}"}}'))

    async def _resume(self, since: int, subscriber: Subscriber, send: Send) -> None:
        """Every alarm that changed from `since` to the subscription, page by page, so that no history is too long."""
        while not subscriber.over:
            async with self._database.transaction() as conn:
                await enter(conn, subscriber.principal.scope, subscriber.principal.id)
                between = {"since": since, "until": subscriber.since, "page": _RESUME_PAGE}
                last_of: dict[UUID, int] = {row[0]: row[1] for row in await conn.execute(_CHANGED, between)}
                alarms = await read_views(conn, last_of)
            alarms.sort(key=lambda alarm: last_of[alarm.id])
            await _write(send, b"".join(event("alarm", alarm.json, last_of[alarm.id]) for alarm in alarms))
            if len(last_of) < _RESUME_PAGE:
                return
            since = max(last_of.values())


async def _open_list(conn: AsyncConnection, principal: Principal, number: int) -> bytes:
    await enter(conn, principal.scope, principal.id)
    alarms = await open_alarms(conn)
    now = (await conn.execute(_TIME)).scalar_one()
    items = ",".join(alarm.json for alarm in alarms)
    return event("open", f'{{"items":[{items}],"server_time":"{now}"}}', number)


async def _write(send: Send, chunk: bytes) -> None:
    async with asyncio.timeout(_SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _end_when_gone(receive: Receive, subscriber: Subscriber) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    subscriber.end(None)
