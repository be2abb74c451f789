"""What relatives are told of an alarm: in parallel with those who go, never as a step that somebody waits for.

Of an SOS, a confirmed fall, smoke and gas as soon as people are called. Of what was only inferred (somebody lies too
long, a figure is out of range) when somebody has taken it or found it real, or when the first step goes unanswered:
most of it is nothing, and who was frightened three times stops listening. Then, who is on the way, and that it is over.

What becomes of an alarm is told by its new events, whatever door they came through. What a relative was told last says
what he may be told next, so nobody hears an end without a beginning, nor the same twice. Each chooses (`Tells`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import Outcome, Priority
from alerts.case import ENGINE, Case, Event
from alerts.local_span import LocalSpan
from carebed.logs import get_logger
from registry.area import zone_of

log = get_logger()

#: Of these in parallel, as soon as people are called; the others are inferred, or no emergency by themselves.
PARALLEL = frozenset({"sos", "fall", "smoke", "gas"})

RAISED, COMING, OVER = "family_raised", "family_coming", "family_over"

_REAL = frozenset({str(Outcome.EMERGENCY), str(Outcome.HELP_GIVEN), str(Outcome.HANDED_TO_120)})
_NOTHING = frozenset({str(Outcome.FALSE_ALARM), str(Outcome.TEST)})
_ENDS = frozenset({"resolved", "cancelled", "cleared", "movement_after_fall"})
_NOT_COMING = frozenset({"handed_back", "acceptance_expired", "arrival_overdue"})
#: Who goes says it once as a rule; who was overdue may say so again.
_COMES = frozenset({"accepted", "en_route"})

Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Tells(msgspec.Struct, frozen=True, omit_defaults=True, rename={"since": "from"}):
    """What a relative wants to be told. `when`: all of it, only that it is over, or nothing.

    `kinds`: of which kinds of alarms; None for all. `since`, `until`: between which times of the day, where the home
    is, over midnight where `until` is not later. An end is told at any hour to who was told of the beginning.
    """

    when: Literal["always", "over", "never"] = "always"
    kinds: tuple[str, ...] | None = None
    since: Clock | None = None
    until: Clock | None = None

    def wants(self, kind: str, at: time) -> bool:
        """Whether this kind, at this time of the day."""
        if self.when == "never" or (self.kinds is not None and kind not in self.kinds):
            return False
        since = time.fromisoformat(self.since) if self.since else time.min
        until = time.fromisoformat(self.until) if self.until else time.min
        return LocalSpan(since, until).at_clock(at)


class Relative(NamedTuple):
    """One relative of an alarm's home. `last`: what he was told of it last."""

    staff_id: UUID
    tells: Tells
    zone: ZoneInfo
    last: str | None


# The relatives of these alarms' homes, whoever asks (migration 0025).
_RELATIVES = text("SELECT alarm_id, staff_id, tells, time_zone, last FROM family_of(CAST(:alarms AS uuid[]))")


async def tell(conn: AsyncConnection, now: datetime, changed: Iterable[Case]) -> None:
    """Add to the cases what their new events mean for relatives. A look that fails costs nobody his page."""
    found = {case.id: (case, what) for case in changed if (what := occasions(case, _new(case)))}
    if not found:
        return
    look = await conn.begin_nested()
    try:
        rows = (await conn.execute(_RELATIVES, {"alarms": list(found)})).all()
        await look.commit()
    except SQLAlchemyError as error:
        await look.rollback()
        log.error("family_not_told", alarms=len(found), error=type(error).__name__)
        return
    for alarm_id, (case, what) in found.items():
        relatives = [
            Relative(row.staff_id, read_tells(row.tells), zone_of(row.time_zone), row.last)
            for row in rows if row.alarm_id == alarm_id
        ]  # fmt: skip
        for kind, people in news(case, what, relatives, now).items():
            case.tell(kind, people)
            case.log("family_told", now, ENGINE, news=kind, people=len(people))
    for case, _ in found.values():
        case.family_events = len(case.events)


def _new(case: Case) -> Sequence[Event]:
    new = case.events[case.family_events :]
    case.family_events = len(case.events)
    return new


def occasions(case: Case, new: Sequence[Event]) -> list[str]:
    """What these events are for relatives, in order; nothing of a drill, which would only frighten them."""
    if case.home_id is None or case.priority is Priority.WORK_ORDER or case.drill:
        return []
    found: list[str] = []
    for event in new:
        unanswered = event.type == "paged" and (case.kind in PARALLEL or case.step >= 2)
        alone = event.type in _NOT_COMING and not case.answered
        if unanswered or alone or event.type == "acknowledged":
            found.append(RAISED)
        elif event.type in _COMES:
            found.append(COMING)
        elif event.type in _ENDS:
            found.append(OVER)
    return list(dict.fromkeys(found))


def news(case: Case, what: Sequence[str], relatives: Sequence[Relative], now: datetime) -> dict[str, list[UUID]]:
    """What is told to whom. Of several things at once the last: who comes says that there is something."""
    told: dict[str, list[UUID]] = {}
    for one in relatives:
        due = [kind for kind in what if _due(case, kind, one, now)]
        if due:
            told.setdefault(due[-1], []).append(one.staff_id)
    return told


def _due(case: Case, kind: str, one: Relative, now: datetime) -> bool:
    begun = one.last in (RAISED, COMING)
    wanted = one.tells.wants(case.kind, now.astimezone(one.zone).time())
    if kind == RAISED:
        # He relies on somebody who is not coming any more: told at any hour, and of the next one again.
        abandoned = one.last == COMING and not case.answered
        return abandoned or (not begun and wanted and one.tells.when == "always")
    if kind == COMING:
        return one.last == RAISED or (not begun and wanted and one.tells.when == "always")
    if begun:
        return True
    # Not told before: somebody who wants ends only, or an alarm that nobody had taken and that was real all the same.
    if one.last == OVER or not wanted or case.outcome in _NOTHING:
        return False
    called = case.step > 0 and case.kind in PARALLEL
    return case.outcome in _REAL or (one.tells.when == "over" and (case.taken or called))


def read_tells(value: Any) -> Tells:
    """A relative's choice; one that cannot be read is no reason to keep silent."""
    try:
        return msgspec.convert(value, Tells)
    except msgspec.ValidationError as error:
        log.error("tells_unreadable", error=str(error))
        return Tells()
