"""The deadline handler of alarms: takes back what expired, takes the next steps, and re-arms for what is due next."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, ladder, people
from alerts.book import LIVE_ONLY
from alerts.case import Case
from alerts.lag import OVERDUE_S, raise_lag
from carebed.clock import waited_s
from carebed.deadline import Deadline, end


class AlarmHandler:
    """Fires due alarms. `channels`: through which channels people are told."""

    def __init__(self, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._channels = channels

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One transaction for all claimed alarms; saving the cases re-arms their deadlines."""
        ids = {row.alarm_id: row for row in deadlines if row.alarm_id is not None}
        cases = await book.load(conn, ids)
        for case in cases.values():
            await advance(conn, case, now)
        # An alarm that was closed while we waited for its lock has no deadline any more; nothing is left to do.
        await end(conn, [row for alarm_id, row in ids.items() if alarm_id not in cases])
        late = await waited_s(conn, min(row.due_at for row in deadlines))
        own_trouble = all(case.kind == "lag" for case in cases.values())
        lag = await raise_lag(conn, now, "deadlines", late) if late > OVERDUE_S and not own_trouble else []
        await book.finish(conn, now, {case.id: case for case in [*lag, *cases.values()]}.values(), self._channels)


async def advance(conn: AsyncConnection, case: Case, now: datetime) -> None:
    """Everything that is due by now: expired answers, then the steps; a round at the most, so that it ends."""
    if not case.open:
        return
    ladder.expire(case, now)
    for _ in case.policy.steps:
        if case.next_step_at is None or case.next_step_at > now:
            return
        targets = ladder.next_step(case).call
        ladder.take_step(case, now, await people.answering(conn, case.station_id, targets, now))
