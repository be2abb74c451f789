"""From when to when figures are asked for, and of which branch of the area tree."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncConnection

from api import example
from api.places import the_area
from api.problem import Problem, invalid
from api.scope import Call
from carebed.clock import now as clock_now
from registry.area import AREA_CODE

#: A year and a day: more than a chart can show.
_LONGEST = timedelta(days=367)

_FOUR_WEEKS = timedelta(days=28)

#: `to` of a request.
To = Annotated[AwareDatetime | None, Query(description="by default now; at most 367 days after `from`")]


async def span_of(
    conn: AsyncConnection, from_: datetime | None, to: datetime | None, usual: timedelta
) -> tuple[datetime, datetime]:
    """(from, to) as they are asked for: by default `usual` until now. `Problem` 422 for a span that cannot be."""
    try:
        until = to or await clock_now(conn)
        since = from_ or until - usual
    except OverflowError:
        raise _bad_span() from None
    if not timedelta(0) < until - since <= _LONGEST:
        raise _bad_span()
    return since, until


def _bad_span() -> Problem:
    return invalid("to", "Must be after `from`, and by no more than 367 days")


@dataclass(frozen=True, slots=True)
class BranchSpan:
    """A branch of the caller's areas, and from when to before when."""

    area: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _Asked:
    """As the request has it. Resolved by the route, which first says who may ask."""

    from_: Annotated[
        AwareDatetime | None,
        Query(alias="from", description="by default four weeks before `to`", examples=[example.SINCE]),
    ] = None
    to: To = None
    area: Annotated[
        str | None, Query(pattern=AREA_CODE, description="by default the caller's", examples=["350102001000"])
    ] = None

    async def of(self, call: Call) -> BranchSpan:
        """`Problem` 404 for a branch that is not the caller's, 422 for a span that cannot be."""
        area = self.area or call.principal.area_code
        await the_area(call, area)
        return BranchSpan(area, *await span_of(call.conn, self.from_, self.to, _FOUR_WEEKS))


#: Parameters `from`, `to` and `area` of a request.
BranchSpanAsked = Annotated[_Asked, Depends()]
