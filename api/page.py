"""Lists as every list of ours looks: `{"items": [...], "next": cursor or null}`."""

import json
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

_BY_ID: Callable[[Row[Any]], object] = attrgetter("id")


def json_page(items: Iterable[str], following: str | None) -> Response:
    """A page of objects that are JSON text already."""
    body = f'{{"items":[{",".join(items)}],"next":{json.dumps(following)}}}'
    return Response(body, media_type="application/json")


def page_of(rows: Sequence[Row[Any]], limit: int, place_of: Callable[[Row[Any]], object] = _BY_ID) -> Response:
    """A page of at most `limit` of `rows`, whose `body` is JSON text. Ask for one row more than `limit`: it says that a
    page follows. `place_of` gives the place in the list that the following page comes after, as text."""
    following = str(place_of(rows[limit - 1])) if len(rows) > limit else None
    return json_page([row.body for row in rows[:limit]], following)
