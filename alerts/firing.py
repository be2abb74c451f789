"""The deadline handler of alarms: takes back what expired, takes the next steps, and re-arms for what is due next.

A suspected fall is due twice: at the end of its stillness window, and when its cancel window is over and people are
paged. Both times movement ends it. What cannot be known in time (ingest is behind, the look fails) is no movement.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, contact_method, ladder, lifecycle, people
from alerts.book import LIVE_ONLY
from alerts.case import ENGINE, Case
from alerts.suspicion import Movement
from carebed.clock import waited_s
from carebed.deadline import Deadline, rearm
from carebed.logs import get_logger

log = get_logger()

#: Who has moved after a suspected fall, by alarm: reads, never writes.
Movements = Callable[[AsyncConnection, Sequence[Case]], Awaitable[Mapping[UUID, Movement]]]

FALLS = Counter("carebed_fall_suspicions", "Suspected falls whose windows are over", ["end"])

# A look at readings waits for nobody (an old partition is being dropped): people are waiting for the page.
_LOOK_IS_SHORT = text("SELECT set_config('lock_timeout', '500ms', true), set_config('statement_timeout', '3s', true)")


class OnCall:
    """Who answers to what at one moment, asked once for all alarms that fall due together."""

    def __init__(self, conn: AsyncConnection, now: datetime, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._conn = conn
        self._now = now
        self._channels = channels
        self._known: dict[tuple[UUID, str, UUID | None], list[UUID]] = {}
        self._unreachable: dict[UUID, bool] = {}

    async def answering(
        self, station_id: UUID, targets: Sequence[str], home_id: UUID | None = None
    ) -> dict[str, list[UUID]]:
        """As `people.answering`. What is the same for all homes of a station is asked once for them."""
        keys = {target: (station_id, target, home_id if target in people.OF_THE_HOME else None) for target in targets}
        missing = [target for target, key in keys.items() if key not in self._known]
        if missing:
            found = await people.answering(self._conn, station_id, missing, self._now, home_id)
            self._known |= {keys[target]: staff for target, staff in found.items()}
        return {target: self._known[key] for target, key in keys.items()}

    async def unreachable(self, called: Mapping[str, Sequence[UUID]]) -> frozenset[UUID]:
        """Who of them hears nothing of a call."""
        everybody = {one for some in called.values() for one in some}
        if missing := everybody - self._unreachable.keys():
            found = await contact_method.unreachable(self._conn, missing, self._channels, self._now)
            self._unreachable |= {one: one in found for one in missing}
        return frozenset(one for one in everybody if self._unreachable[one])


class AlarmHandler:
    """Fires due alarms. `channels`: through which channels people are told.

    `handled`: is given the seconds by which the most overdue one was late (see `alerts.lag.LagWatch`).
    `movements`: knows of movement after falls; without it none is ever known, and every fall pages.
    """

    def __init__(
        self, channels: Sequence[str] = LIVE_ONLY, handled: Callable[[float], None] | None = None,
        movements: Movements | None = None,
    ) -> None:  # fmt: skip
        self._channels = channels
        self._handled = handled
        self._movements = movements

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One transaction for all claimed alarms; saving the cases re-arms their deadlines.

        An alarm that somebody else has locked without its deadline stays due and comes again with the next tick.
        """
        if self._handled is not None:
            self._handled(await waited_s(conn, min(row.due_at for row in deadlines)))
        rows = {row.alarm_id: row for row in deadlines if row.alarm_id is not None}
        cases = await book.load(conn, rows, skip_locked=True)
        now = book.no_earlier(now, cases.values())
        on_call = OnCall(conn, now, self._channels)
        moved = await self._moved(conn, now, cases.values())
        for case in cases.values():
            await advance(case, now, on_call, moved.get(case.id))
        # Nothing was due after all (the row says otherwise than the alarm): it must not be claimed again and again.
        quiet = [(rows[case.id], case.due_at, None) for case in cases.values() if not case.events]
        await rearm(conn, [(row, due_at, data) for row, due_at, data in quiet if due_at is not None])
        await book.finish(conn, now, cases.values(), self._channels)

    async def _moved(self, conn: AsyncConnection, now: datetime, cases: Iterable[Case]) -> Mapping[UUID, Movement]:
        """Movement after those falls of which something is due. A look that fails ends no suspicion and stops no
        page: it has a savepoint of its own."""
        falls = [case for case in cases if case.open and case.suspected and case.suspicion is not None
                 and case.due_at is not None and case.due_at <= now]  # fmt: skip
        if not falls or self._movements is None:
            return {}
        look = await conn.begin_nested()
        try:
            await conn.execute(_LOOK_IS_SHORT)
            return await self._movements(conn, falls)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the look, people are paged
            log.error("movement_unknown", falls=len(falls), error=type(error).__name__)
            return {}
        finally:
            await look.rollback()  # it has only read; what it set is forgotten


async def advance(case: Case, now: datetime, on_call: OnCall, movement: Movement | None = None) -> None:
    """Everything that is due by now: expired answers, then the steps; a round at the most, so that it ends."""
    if not case.open:
        return
    if case.suspected and movement is not None:
        lifecycle.moved(case, now, ENGINE, movement)
        FALLS.labels("movement").inc()
        return
    if case.watched and case.suspicion is not None and case.suspicion.still_until <= now:
        lifecycle.stayed_still(case, now, ENGINE)
    ladder.expire(case, now)
    ladder.call_last_resort(case, now)
    for _ in case.policy.steps:
        if case.next_step_at is None or case.next_step_at > now:
            break
        if case.suspected:
            FALLS.labels("paged").inc()
        called = await on_call.answering(case.station_id, ladder.next_step(case).call, case.home_id)
        ladder.take_step(case, now, called, unreachable=await on_call.unreachable(called))
    ladder.call_last_resort(case, now)  # a round that ended just now, with nobody to call
