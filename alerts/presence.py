"""Who has a page open: a live stream, or a request made lately, on any device.

That is told by the sessions (`staff_session.seen_at`, which the API writes), in real time: a shifted demo clock sends
nobody home.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Nobody looks at a page of whose person nothing has been seen for so long.
SILENT = timedelta(seconds=60)

_PRESENT = text("""
    SELECT DISTINCT staff_id FROM staff_session
    WHERE staff_id = ANY (CAST(:people AS uuid[])) AND seen_at > clock_timestamp() - :silent
""")


async def present(conn: AsyncConnection, people: Iterable[UUID]) -> frozenset[UUID]:
    """Who of them has one open."""
    return frozenset((await conn.execute(_PRESENT, {"people": list(people), "silent": SILENT})).scalars())
