"""The engine's part in drills: starts them when their time has come, gives way to calls for help, and ends them.

Handler of the deadline kind `drill`, whose subjects are drills; one is armed with its row, and looked at every
`LOOK_EVERY` while it runs. What is not answered by its end is closed and says so; the manager who ordered it is told.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.alarm import DRILL_KEY, kind_of
from alerts.book import LIVE_ONLY
from alerts.case import ENGINE, Actor, Case
from alerts.channel import routes
from alerts.choosing import Spot, read_rules
from alerts.contact_method import ways_to
from alerts.drill import HOMES, DrillState, Reason, ladder_of_drill, people_named, why_not
from alerts.notification import wake_outbox
from alerts.raising import Place, Raise, raise_alarms
from alerts.why import why_drill
from carebed.deadline import Deadline, as_json, end, rearm
from carebed.ids import new_id
from carebed.logs import get_logger

log = get_logger()

LOOK_EVERY = timedelta(seconds=15)
#: What is in the way of a planned drill is given so long to pass; then it is called off.
WAITS = timedelta(minutes=30)
_TRY_EVERY = timedelta(minutes=1)
#: While a drill runs a call for help may be unanswered for so long, as the first step of most ladders may.
PATIENCE = timedelta(minutes=1)

ENDED = Counter("carebed_drills", "Drills that have ended", ["end"])
for _end in (DrillState.OVER, DrillState.STOPPED, DrillState.CALLED_OFF):
    ENDED.labels(_end)

_DRILL = text("SELECT * FROM drill WHERE id = :id AND ended_at IS NULL FOR UPDATE")

_BEGIN = text("UPDATE drill SET state = 'running', started_at = :now, reason = NULL WHERE id = :id")
_WAIT = text("UPDATE drill SET reason = :reason WHERE id = :id")
_END = text("""
    UPDATE drill SET state = :state, ended_at = :now, reason = :reason, stopped_by = CAST(:by AS uuid) WHERE id = :id
""")

_CALLED_FOR = text("""
    INSERT INTO drill_home (drill_id, home_id, alarm_id, left_out)
    SELECT :id, * FROM unnest(CAST(:homes AS uuid[]), CAST(:alarms AS uuid[]), CAST(:left_out AS text[]))
""")

_OPEN = text("""
    SELECT alarm.id, alarm.station_id FROM drill_home JOIN alarm ON alarm.id = drill_home.alarm_id
    WHERE drill_home.drill_id = :id AND alarm.closed_at IS NULL
""")

_RELATIVES = text("SELECT id FROM staff WHERE id = ANY (CAST(:people AS uuid[])) AND role = 'family'")

_RESULT = text("""
    SELECT count(alarm.id) AS homes, count(alarm.id) FILTER (WHERE alarm.outcome = 'test') AS answered
    FROM drill_home LEFT JOIN alarm ON alarm.id = drill_home.alarm_id WHERE drill_home.drill_id = :id
""")

_TELL = text("""
    INSERT INTO notification (id, channel, staff_id, contact_method_id, kind, step, life_critical, drill, payload,
        state, created_at, next_attempt_at)
    VALUES (:id, :channel, :staff, :method, 'drill_over', 0, false, true, CAST(:payload AS jsonb), 'pending', :now,
        clock_timestamp())
""")


class DrillHandler:
    """`channels`: through which people are called."""

    def __init__(self, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._channels = channels

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """Each drill in turn; all that changes is saved together at the end."""
        cases: dict[UUID, Case] = {}
        for row in deadlines:
            drill = (await conn.execute(_DRILL, {"id": UUID(row.subject)})).one_or_none()
            again_at = None if drill is None else await self._look(conn, now, drill, cases)
            if again_at is None:
                await end(conn, [row])
            else:
                await rearm(conn, [(row, again_at, None)])
        await book.finish(conn, now, cases.values(), self._channels)

    async def _look(
        self, conn: AsyncConnection, now: datetime, drill: Row[Any], cases: dict[UUID, Case]
    ) -> datetime | None:
        """When to look again; None: it has ended."""
        if drill.state == DrillState.PLANNED:
            return await self._start(conn, now, drill, cases)
        ends_at: datetime = drill.started_at + timedelta(seconds=drill.lasts_s)
        still = (await conn.execute(_OPEN, {"id": drill.id})).all()
        if not still:
            await self._end(conn, now, drill, DrillState.OVER)
            return None
        if now >= ends_at:
            await close(conn, now, [row.id for row in still], ENGINE, "drill_over", cases)
            await self._end(conn, now, drill, DrillState.OVER, cases=cases)
            return None
        reason = await why_not(conn, drill.id, {row.station_id for row in still}, now, PATIENCE)
        if reason is not None:
            await close(conn, now, [row.id for row in still], ENGINE, "drill_gave_way", cases)
            await self._end(conn, now, drill, DrillState.CALLED_OFF, reason, cases)
            return None
        return min(now + LOOK_EVERY, ends_at)

    async def _start(
        self, conn: AsyncConnection, now: datetime, drill: Row[Any], cases: dict[UUID, Case]
    ) -> datetime | None:
        asked = {"area": drill.area_code, "station": drill.station_id, "homes": drill.homes, "most": drill.most}
        homes = (await conn.execute(HOMES, asked)).all()
        if not homes:
            await self._end(conn, now, drill, DrillState.CALLED_OFF, Reason.NO_HOMES)
            return None
        reason = await why_not(conn, drill.id, {home.station_id for home in homes}, now)
        if reason is not None:
            if now >= drill.starts_at + WAITS:
                await self._end(conn, now, drill, DrillState.CALLED_OFF, reason)
                return None
            await conn.execute(_WAIT, {"id": drill.id, "reason": reason})
            return now + _TRY_EVERY
        signals = await _signals(conn, now, drill, [home for home in homes if not home.in_need])
        if not signals:
            await self._end(conn, now, drill, DrillState.CALLED_OFF, Reason.NO_HOMES)
            return None
        raised = await raise_alarms(conn, now, list(signals.values()), cases=cases)
        alarms = dict(zip(signals, raised.alarm_ids, strict=True))
        await book.save(conn, now, raised.cases.values(), self._channels)  # the rows that the next ones refer to
        listed = {
            "id": drill.id, "homes": [home.id for home in homes], "alarms": [alarms.get(home.id) for home in homes],
            "left_out": [None if home.id in alarms else "in_need" if home.in_need else "nobody_to_call"
                         for home in homes],
        }  # fmt: skip
        await conn.execute(_CALLED_FOR, listed)
        await conn.execute(_BEGIN, {"id": drill.id, "now": now})
        log.info("drill_started", drill=str(drill.id), homes=len(signals))
        return min(now + LOOK_EVERY, now + timedelta(seconds=drill.lasts_s))

    async def _end(
        self, conn: AsyncConnection, now: datetime, drill: Row[Any], state: DrillState, reason: Reason | None = None,
        cases: dict[UUID, Case] | None = None,
    ) -> None:  # fmt: skip
        if cases:
            await book.save(conn, now, cases.values(), self._channels)  # what has just been closed is in the result
        await mark_ended(conn, now, drill.id, state, reason=reason)
        result = (await conn.execute(_RESULT, {"id": drill.id})).one()
        payload = {"figures": {"homes": result.homes, "answered": result.answered, "reason": reason}}
        ways = await ways_to(conn, [drill.ordered_by], routes(self._channels), now)
        for way in ways.get(drill.ordered_by, [])[:1]:
            await conn.execute(
                _TELL,
                {"id": new_id(), "channel": way.channel, "staff": way.staff_id, "method": way.id, "now": now,
                 "payload": as_json(payload)},
            )  # fmt: skip
            await wake_outbox(conn)


async def _signals(
    conn: AsyncConnection, now: datetime, drill: Row[Any], homes: Sequence[Row[Any]]
) -> dict[UUID, Raise]:
    """Home -> what is raised for it; a home whose ladder calls only its family is not in it."""
    priority = kind_of(drill.kind).priority
    spots = {home.id: Spot(home.station_id, home.area_code, home.id) for home in homes}
    rules = await read_rules(conn, spots.values())
    ladders = {home: rules.choose(spot, drill.kind, priority, now).policy for home, spot in spots.items()}
    people = people_named(list(ladders.values()))
    relatives = (await conn.execute(_RELATIVES, {"people": people})).scalars().all() if people else []
    reason = why_drill(drill.kind, minutes=max(1, drill.lasts_s // 60))
    signals = {}
    for home in homes:
        ladder = ladder_of_drill(ladders[home.id], relatives)
        if ladder is not None:
            signals[home.id] = Raise(
                drill.kind, Place(home.station_id, home.area_code, home.id), f"{DRILL_KEY}{drill.id}:{home.id}", now,
                reason, drill=True, policy=ladder,
            )  # fmt: skip
    return signals


async def close(
    conn: AsyncConnection, now: datetime, alarms: Sequence[UUID], actor: Actor, reason: str, cases: dict[UUID, Case]
) -> None:
    """End what is still open of a drill; `cases` gets what was loaded for it."""
    cases |= await book.load(conn, [one for one in alarms if one not in cases])
    for one in alarms:
        if one in cases and cases[one].open:
            lifecycle.end_drill(cases[one], now, actor, reason)


async def stop(conn: AsyncConnection, drill_id: UUID, by: UUID, now: datetime, channels: Sequence[str]) -> bool:
    """A manager ends it, planned or running; False when it has ended already. The last thing of the transaction."""
    if (await conn.execute(_DRILL, {"id": drill_id})).one_or_none() is None:
        return False
    cases: dict[UUID, Case] = {}
    still = (await conn.execute(_OPEN, {"id": drill_id})).all()
    await close(conn, now, [row.id for row in still], Actor("staff", str(by), "api"), "drill_stopped", cases)
    await mark_ended(conn, now, drill_id, DrillState.STOPPED, by=by)
    await book.finish(conn, now, cases.values(), channels)
    return True


async def mark_ended(
    conn: AsyncConnection, now: datetime, drill_id: UUID, state: DrillState, *, reason: Reason | None = None,
    by: UUID | None = None,
) -> None:  # fmt: skip
    """Write its end down."""
    await conn.execute(_END, {"id": drill_id, "state": state, "now": now, "reason": reason, "by": by})
    ENDED.labels(state).inc()
    log.info("drill_ended", drill=str(drill_id), state=str(state), reason=reason)
