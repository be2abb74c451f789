"""Lists as every list of ours looks: `{"items": [...], "next": cursor or null}`."""

import json
from collections.abc import Iterable

from starlette.responses import Response


def json_page(items: Iterable[str], following: str | None) -> Response:
    """A page of objects that are JSON text already."""
    body = f'{{"items":[{",".join(items)}],"next":{json.dumps(following)}}}'
    return Response(body, media_type="application/json")
