"""The outermost layer: counts every request, sets the security headers, and lets no exception reach the client."""

import time
import traceback
from pathlib import Path

from prometheus_client import Counter, Histogram
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem import Problem, unavailable
from carebed.logs import get_logger

log = get_logger()

REQUESTS = Counter("carebed_http_requests", "Answered requests", ["route", "method", "status"])
SECONDS = Histogram("carebed_http_seconds", "From the request to its answer's start", ["route"])

#: The largest request body, in bytes: a move with the longest note is a sixth of it.
BODY_BYTES = 64 * 1024

API_PREFIX = "/api/v1"

_ROOT_PATHS = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json"})

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

#: Nothing but our own files, no framing, no referrer.
_SECURITY = {
    "content-security-policy": (
        "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        """`app`: what answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status: int | None = None

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                _count(scope, status, time.perf_counter() - began)
            await send(message)

        try:
            if _announced_bytes(scope) > BODY_BYTES:
                raise _too_large()
            await self._app(scope, _bounded(receive), counted)
        except Problem as problem:
            await problem.response()(scope, receive, counted)
        except Exception as error:  # whatever went wrong, the client gets a problem document
            if status is not None:
                raise
            await _answer(error).response()(scope, receive, counted)


def _too_large() -> Problem:
    return Problem(413, "too-large", "The body is larger than 64 KiB.")


def _bounded(receive: Receive) -> Receive:
    """For a body that did not announce its size."""
    read = 0

    async def receive_bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > BODY_BYTES:
            # The framework lets its own exceptions through while it reads a body, and turns others into a 400.
            raise HTTPException(413)
        return message

    return receive_bounded


def _announced_bytes(scope: Scope) -> int:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(length) if length.isdigit() else 0


def _count(scope: Scope, status: int, seconds: float) -> None:
    """By the route's pattern, never by the path: labels must stay few."""
    route = _pattern(scope)
    method = scope["method"] if scope["method"] in _METHODS else "other"
    REQUESTS.labels(route, method, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


def _where(error: BaseException) -> list[str]:
    """The way through our code. Messages stay out of the log: the database's quote rows and parameters."""
    ours = Path(__file__).parent.parent
    frames = traceback.extract_tb(error.__traceback__)
    rooms = [(Path(frame.filename), frame.lineno) for frame in frames if "site-packages" not in frame.filename]
    return [f"{path.relative_to(ours)}:{line}" for path, line in rooms if path.is_relative_to(ours)]


def _pattern(scope: Scope) -> str:
    """The route's pattern. The framework names it without the prefix of the router around it."""
    path: str = scope["path"]
    pattern: str | None = getattr(scope.get("route"), "path", None)
    if pattern is not None and path.startswith(API_PREFIX):
        return pattern if pattern.startswith(API_PREFIX) else API_PREFIX + pattern
    return pattern or (path if path in _ROOT_PATHS else "other")


def _answer(error: Exception) -> Problem:
    """503 while the database is away or busy (worth repeating), 500 for whatever is our fault."""
    if isinstance(error, OperationalError | PoolTimeout) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        log.warning("request_unavailable", error=type(error).__name__)
        return unavailable("The database does not answer: try again in a moment.")
    log.error("request_failed", error=type(error).__name__, where=_where(error))
    return Problem(500, "internal", "Something went wrong on our side; it has been recorded.")
