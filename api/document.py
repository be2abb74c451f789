"""The OpenAPI document: every status an operation can answer, with an example of each."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import example
from api.problem import MEDIA_TYPE

_DESCRIPTION = """Alarms of home-care beds: who called, who answers, and what was found.

Sign in with `POST /api/v1/auth/token`, then send the access token as a bearer token. Everybody sees the alarms of their
own areas, and those they were called to. Times are RFC 3339 in UTC by the server's clock. Errors are problem documents
(RFC 9457). Send an `Idempotency-Key` with every write, and a write can be repeated safely."""

_PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Names the kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person."},
        "error": {"type": "string", "description": "At the token endpoint: the error code of RFC 6749."},
        "errors": {
            "type": "array",
            "description": "The parts of the request that are wrong.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body (RFC 6901)."},
                    "parameter": {"type": "string", "description": "Query, path or header parameter."},
                    "detail": {"type": "string"},
                },
            },
        },
        "alarm": {
            "description": "Of a refused move: the alarm as it is now.",
            "allOf": [{"$ref": "#/components/schemas/Alarm"}],
        },
    },
}

_EXAMPLES: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("bad-request", "The body is not JSON.", {}),
    401: ("unauthorised", "The sign-in has ended: sign in again or refresh the token.", {}),
    403: ("forbidden", "Your role (supervisor) may not acknowledge alarms.", {}),
    404: ("not-found", "There is no such alarm in your areas.", {}),
    409: ("move-refused", "The alarm is already resolved.", {"alarm": {**example.ALARM, "state": "resolved"}}),
    413: ("too-large", "The body is larger than 64 KiB.", {}),
    415: ("unsupported-media-type", "Send the body as JSON, with Content-Type: application/json.", {}),
    422: (
        "invalid",
        "/outcome: Field required.",
        {"errors": [{"pointer": "/outcome", "detail": "Field required"}]},
    ),
    429: ("too-many-attempts", "Too many failed sign-ins for this login: wait 240 s.", {}),
    500: ("internal", "Something went wrong on our side; it has been recorded.", {}),
    503: ("unavailable", "The database does not answer: try again in a moment.", {}),
}


def answers(*statuses: int, ok: Mapping[int, tuple[str, str, Any]]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route. `ok`: status -> (description, media type, example); `statuses`: the problems besides."""
    documented: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {media: {"example": _kept(shown)}}}
        for status, (text, media, shown) in ok.items()
    }
    for status in sorted({*statuses, 500, 503}):
        documented[status] = _problem(status)
    return documented


def _problem(status: int) -> dict[str, Any]:
    kind, detail, extensions = _EXAMPLES[status]
    title = HTTPStatus(status).phrase
    shown = {"type": f"urn:carebed:problem:{kind}", "title": title, "status": status, "detail": detail, **extensions}
    headers: dict[str, Any] = {}
    if status in (429, 503):
        headers = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    elif status == 401:
        headers = {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}}}
    return {
        "description": title,
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _kept(shown)}},
    }


# The framework drops every null from what it is given, and an example without its nulls is none of its schema.
# So examples travel under a name and are put in at the end.
_KEPT: dict[str, Any] = {}


def _kept(shown: Any) -> str:
    name = f"example {len(_KEPT)}"
    _KEPT[name] = shown
    return name


def install(app: FastAPI) -> None:
    """Make `app.openapi()` complete: problem documents instead of the framework's own error shape."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, summary="Open backend for home-care beds",
                description=_DESCRIPTION, routes=app.routes, tags=app.openapi_tags,
                license_info=app.license_info,
            )  # fmt: skip
            for operations in document["paths"].values():
                for operation in operations.values():
                    _finish(operation["responses"])
            schemas = document["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["Problem"] = _PROBLEM_SCHEMA
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _finish(responses: dict[str, Any]) -> None:
    """Put the examples in; take out the framework's own 422 where an operation has none."""
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    for answer in responses.values():
        for content in answer.get("content", {}).values():
            content["example"] = _KEPT[content["example"]]
