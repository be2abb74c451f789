"""The deadline handler of alarms: takes back what expired, takes the next steps, and re-arms for what is due next."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, ladder, people
from alerts.book import LIVE_ONLY
from alerts.case import Case
from carebed.clock import waited_s
from carebed.deadline import Deadline, rearm


class OnCall:
    """Who answers to what at one moment, asked once for all alarms that fall due together."""

    def __init__(self, conn: AsyncConnection, now: datetime) -> None:
        self._conn = conn
        self._now = now
        self._known: dict[tuple[UUID, str], list[UUID]] = {}

    async def answering(self, station_id: UUID, targets: Sequence[str]) -> dict[str, list[UUID]]:
        """As `people.answering`."""
        missing = [target for target in targets if (station_id, target) not in self._known]
        for target, staff in (await people.answering(self._conn, station_id, missing, self._now)).items():
            self._known[station_id, target] = staff
        return {target: self._known[station_id, target] for target in targets}


class AlarmHandler:
    """Fires due alarms. `channels`: through which channels people are told.

    `handled`: is given the seconds by which the most overdue one was late (see `alerts.lag.LagWatch`).
    """

    def __init__(self, channels: Sequence[str] = LIVE_ONLY, handled: Callable[[float], None] | None = None) -> None:
        self._channels = channels
        self._handled = handled

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One transaction for all claimed alarms; saving the cases re-arms their deadlines.

        An alarm that somebody else has locked without its deadline stays due and comes again with the next tick.
        """
        if self._handled is not None:
            self._handled(await waited_s(conn, min(row.due_at for row in deadlines)))
        rows = {row.alarm_id: row for row in deadlines if row.alarm_id is not None}
        cases = await book.load(conn, rows, skip_locked=True)
        on_call = OnCall(conn, now)
        for case in cases.values():
            await advance(case, now, on_call)
        # Nothing was due after all (the row says otherwise than the alarm): it must not be claimed again and again.
        quiet = [(rows[case.id], case.due_at, None) for case in cases.values() if not case.events]
        await rearm(conn, [(row, due_at, data) for row, due_at, data in quiet if due_at is not None])
        await book.finish(conn, now, cases.values(), self._channels)


async def advance(case: Case, now: datetime, on_call: OnCall) -> None:
    """Everything that is due by now: expired answers, then the steps; a round at the most, so that it ends."""
    if not case.open:
        return
    ladder.expire(case, now)
    for _ in case.policy.steps:
        if case.next_step_at is None or case.next_step_at > now:
            return
        ladder.take_step(case, now, await on_call.answering(case.station_id, ladder.next_step(case).call))
