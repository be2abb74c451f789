"""What the platform adds to an alarm of its own while it is open: a remark in the log, and only when it is news."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.case import Actor, Case
from alerts.lifecycle import comment

# The last remark of ours; of an alarm that somebody else logs to at the same time, we have the lock.
_LAST = text("""
    SELECT data ->> 'note' FROM alarm_event WHERE alarm_id = :id AND type = 'comment' AND actor_type = :actor
    ORDER BY seq DESC LIMIT 1
""")


async def remark(
    conn: AsyncConnection, case: Case, now: datetime, actor: Actor, words: Mapping[str, str],
    *, first: Mapping[str, str] | None = None,
) -> bool:  # fmt: skip
    """Write it in both languages, unless it is what was written last; True when it was written. `first`: what stands
    for a remark before there is one."""
    note = _note(words)
    last = (await conn.execute(_LAST, {"id": case.id, "actor": actor.type})).scalar_one_or_none()
    if note == (last if last is not None or first is None else _note(first)):
        return False
    comment(case, now, actor, note)
    return True


def _note(words: Mapping[str, str]) -> str:
    return f"{words['zh']} {words['en']}"
