"""Errors as RFC 9457 problem documents: one shape for everything that goes wrong, with no internals in it."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alerts.by_hand import PlaceUnknown
from alerts.moves import AlarmUnknown
from alerts.rota_swap import SwapRefused, SwapUnknown
from alerts.view import BadCursor
from carebed.errors import CarebedError

MEDIA_TYPE = "application/problem+json"

#: Stable identifiers: `urn:carebed:problem:` + one of these.
_URN = "urn:carebed:problem:"


class Problem(CarebedError):
    """An answer of status 4xx or 5xx. `kind` ends the type's URN; `extensions` become members of the document."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **extensions: Any
    ) -> None:
        """`detail`: a sentence for a person that says what to do."""
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self.extensions = extensions

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        title = HTTPStatus(self.status).phrase
        return {"type": _URN + self.kind, "title": title, "status": self.status, "detail": str(self), **self.extensions}

    def response(self) -> Response:
        """The answer to send."""
        return Response(as_json(self.document()), self.status, self.headers, MEDIA_TYPE)


def as_json(value: object) -> bytes:
    """Compact JSON, UTF-8. What cannot be encoded (a lone surrogate echoed from a request) is replaced."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def unauthorised(detail: str, error: str | None = "invalid_token") -> Problem:
    """401 with the challenge of RFC 6750."""
    challenge = 'Bearer realm="carebed"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthorised", detail, headers={"WWW-Authenticate": challenge})


def forbidden(detail: str) -> Problem:
    """403: signed in, and not allowed to."""
    return Problem(403, "forbidden", detail)


def not_found(detail: str) -> Problem:
    """404: not there, or not in the caller's areas; the two cannot be told apart from outside."""
    return Problem(404, "not-found", detail)


def invalid(where: str, detail: str) -> Problem:
    """422: one part of the request is wrong. `where`: a JSON pointer into the body, or a parameter's name; `detail`: a
    sentence without its full stop."""
    return invalid_parts([{"pointer" if where.startswith("/") else "parameter": where, "detail": detail}])


def invalid_parts(errors: Sequence[Mapping[str, str]]) -> Problem:
    """422: parts of the request are wrong, each a `detail` with the `pointer` into the body or the `parameter`."""
    first = errors[0]
    where = first.get("pointer") or first.get("parameter") or "body"
    return Problem(422, "invalid", f"{where}: {first['detail']}.".replace("..", "."), errors=errors)


def unavailable(detail: str) -> Problem:
    """503: try again in a moment; a write may be repeated under the same Idempotency-Key."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": "1"})


_KINDS = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method; the Allow header names those it takes.",
    413: "The body is larger than 64 KiB.",
}


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(AlarmUnknown)
    @app.exception_handler(PlaceUnknown)
    @app.exception_handler(SwapUnknown)
    async def _unknown(_request: Request, error: CarebedError) -> Response:
        return not_found(str(error)).response()

    @app.exception_handler(SwapRefused)
    async def _swap_refused(_request: Request, error: SwapRefused) -> Response:
        return Problem(409, "swap-refused", str(error)).response()

    @app.exception_handler(BadCursor)
    async def _cursor(_request: Request, error: BadCursor) -> Response:
        return invalid("cursor", str(error)).response()

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        return _of_validation(request, error).response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        status = error.status_code
        detail = _DETAILS.get(status, "The request could not be read.")
        headers = dict(error.headers or {})
        return Problem(status, _KINDS.get(status, "bad-request"), detail, headers=headers).response()


def _of_validation(request: Request, error: RequestValidationError) -> Problem:
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return Problem(400, "bad-request", "The body is not JSON.")
    content_type = request.headers.get("content-type", "")
    if errors[0]["loc"] == ("body",) and errors[0]["type"] != "missing" and "json" not in content_type:
        return Problem(415, "unsupported-media-type", "Send the body as JSON, with Content-Type: application/json.")
    return invalid_parts([_invalid_part(one["loc"], one["msg"]) for one in errors])


def _invalid_part(where: tuple[int | str, ...], message: str) -> dict[str, str]:
    """Which part of the request is wrong: a JSON pointer into the body, or a parameter's name. No value is echoed."""
    detail = message.removeprefix("Value error, ")
    if where[0] == "body":
        return {"pointer": "".join(f"/{_escaped(part)}" for part in where[1:]), "detail": detail}
    return {"parameter": str(where[-1]), "detail": detail}


def _escaped(part: int | str) -> str:
    return str(part).encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")[:100]
