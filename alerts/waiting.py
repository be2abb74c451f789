"""When work orders go out: together, not more often than once a span to a person, and not in his quiet hours.

Nothing else waits: life-critical and urgent messages never come here.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.local_span import LocalSpan
from registry.area import zone_of

#: The first of several waits so long for others.
GATHERING = timedelta(minutes=1)
#: A person gets work orders at most once in so long.
SPAN = timedelta(minutes=30)

# Per person: quiet hours and zone, what waits for him already, and when the last ones went out.
_WAITING = text("SELECT * FROM work_orders_of(CAST(:people AS uuid[]), :now)")


async def when_work_orders_go(conn: AsyncConnection, now: datetime, people: Iterable[UUID]) -> dict[UUID, datetime]:
    """Person -> when a work order that comes up now goes out to him."""
    rows = await conn.execute(_WAITING, {"people": list(people), "now": now})
    return {
        row.staff_id: bundle_at(
            now, row.waiting_at, row.sent_at, quiet_from=row.quiet_from, quiet_until=row.quiet_until,
            zone=row.time_zone,
        )
        for row in rows
    }  # fmt: skip


def bundle_at(
    now: datetime, waiting_at: datetime | None, sent_at: datetime | None, *, quiet_from: time | None,
    quiet_until: time | None, zone: str,
) -> datetime:  # fmt: skip
    """With those that wait already, else a span after the last ones; in either case after the quiet hours.

    `waiting_at`: when others that wait will go; `sent_at`: when the last ones went. Quiet hours are local times; one
    that ends before it begins runs over midnight.
    """
    if waiting_at is not None and waiting_at > now:
        return waiting_at
    at = now + GATHERING
    if sent_at is not None:
        at = max(at, sent_at + SPAN)
    return after_quiet(at, quiet_from, quiet_until, zone)


def after_quiet(at: datetime, quiet_from: time | None, quiet_until: time | None, zone: str) -> datetime:
    """`at` itself, or the end of the quiet hours that it lies in."""
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        return at
    local, quiet = at.astimezone(zone_of(zone)), LocalSpan(quiet_from, quiet_until)
    return quiet.end(local).astimezone(at.tzinfo) if quiet.holds(local) else at
