"""The web application's files: the page itself is asked for anew each time, hashed assets are kept for ever."""

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

_NOT_BUILT = (
    "The web application is not built yet: run `make setup`. The API is at /api/v1, described by /openapi.json.\n"
)


class _Assets(StaticFiles):
    """Files whose names carry their contents' hash."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def web_routes(directory: Path) -> list[BaseRoute]:
    """`/`, the files beside it, and `/assets`. Looked up at each request, so that a build shows without a restart."""

    async def page(_request: Request) -> Response:
        index = directory / "index.html"
        if not index.is_file():
            return PlainTextResponse(_NOT_BUILT, status_code=503)
        return FileResponse(index, headers={"cache-control": "no-cache"})

    async def beside(request: Request) -> Response:
        name: str = request.path_params["name"]
        file = directory / name
        # One path segment; only what really lies in the directory itself, no dot files.
        if name.startswith(".") or "\\" in name or "\0" in name or file.parent != directory or not file.is_file():
            raise HTTPException(404)
        return FileResponse(file, headers={"cache-control": "no-cache"})

    return [
        Route("/", page, include_in_schema=False),
        Mount("/assets", _Assets(directory=directory / "assets", check_dir=False)),
        Route("/{name}", beside, include_in_schema=False),
    ]
