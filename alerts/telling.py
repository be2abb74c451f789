"""What a change of an alarm tells people: the rows that its transaction writes into the outbox.

Each message has a row for the live stream and one for the webhook. Besides, it goes through the person's own contact
methods: a call through all of them, one after the other, until he answers, so that the next method comes by itself,
from a row, whatever crashes; other news through as many as it needs. An answer withdraws what has not gone out yet.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import family
from alerts.alarm import Priority, State
from alerts.case import Case, Event, Message
from alerts.channel import NAMELESS, PER_MESSAGE, routes
from alerts.contact_method import Way, ways_to
from alerts.reply import ASKS_HIM_WHO_GOES
from alerts.waiting import when_work_orders_go
from carebed.ids import new_id

FAMILY = frozenset({family.RAISED, family.COMING, family.OVER})
"""For relatives (`alerts.family`), who are to know and not to go: through one method after the other until one has
delivered; that it is over, through that one."""
NEWS = FAMILY | {"repeated", "expired", "sent", "taken_over", "cancel_remark", "cleared_remark"}
"""For those who know of the alarm: once, through the first method, unless they are called anyway."""
OVER = frozenset({"handled", "resolved", "cancelled", "cleared"})
"""For those who were called: through the methods by which they were."""
NOT_CALLS = NEWS | OVER | {"answer", "verify", "test", "readiness", "drill_over"}
"""Any other kind wants somebody to move: a call too many is better than one too few."""
UNANSWERABLE = NOT_CALLS - ASKS_HIM_WHO_GOES
"""Nothing is to be said to these."""

#: The same news of one alarm (somebody presses again and again) goes to a person's telephone once in so long. The live
#: stream has every one of them.
_NEWS_AGAIN = timedelta(seconds=30)

#: Channels whose messages can be answered by a code (`alerts.answers`).
ANSWERED_BY_CODE = frozenset({"sms"})

#: What a responder does about an alarm answers the calls to everybody; the desk's word those to the desk.
_ANSWERS_ALL = frozenset({"accepted", "en_route", "arrived"})
_ANSWERS_OWN = frozenset({"declined", "acknowledged"})

_SAVE = text("""
    INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step, life_critical, drill,
        may_wait, payload, state, created_at, due_at, next_attempt_at, answer_code)
    VALUES (:id, :alarm_id, :channel, :staff_id, :contact_method_id, :kind, :step, :life_critical, :drill,
        :may_wait, '{}', 'pending', :created_at, :due_at, clock_timestamp(), :answer_code)
""")

# Calls that an answer makes needless: what has not gone out stays where it is, what has is not sent again.
_WITHDRAW = text("""
    UPDATE notification SET due_at = 'infinity', next_attempt_at = 'infinity',
        state = CASE state WHEN 'pending' THEN 'expired' ELSE state END,
        error = CASE state WHEN 'pending' THEN 'answered' ELSE error END
    WHERE alarm_id = :alarm AND contact_method_id IS NOT NULL AND state IN ('pending', 'handed_over')
        AND due_at < 'infinity' AND kind <> ALL (:not_calls)
        AND (CAST(:people AS uuid[]) IS NULL OR staff_id = ANY (:people)) AND staff_id <> ALL (:but)
""")

# A new call takes the place of those before it; where one was due earlier, the new one is too.
_SUPERSEDE = text("""
    UPDATE notification SET due_at = 'infinity', next_attempt_at = 'infinity',
        state = CASE before.state WHEN 'pending' THEN 'expired' ELSE before.state END,
        error = CASE before.state WHEN 'pending' THEN 'called again' ELSE error END
    FROM (
        SELECT id, due_at, state FROM notification
        WHERE alarm_id = :alarm AND staff_id = ANY (:people) AND contact_method_id IS NOT NULL
            AND state IN ('pending', 'handed_over') AND due_at < 'infinity' AND kind <> ALL (:not_calls)
        FOR UPDATE) AS before
    WHERE notification.id = before.id
    RETURNING notification.contact_method_id, before.due_at, before.state
""")

# Further methods of relatives who are told something newer; what is due already goes out: no end without a beginning.
_SUPERSEDE_FAMILY = text("""
    UPDATE notification SET due_at = 'infinity', next_attempt_at = 'infinity', state = 'expired', error = 'told anew'
    WHERE alarm_id = :alarm AND staff_id = ANY (:people) AND kind = ANY (:family) AND state = 'pending'
        AND attempts = 0 AND due_at > :now AND due_at < 'infinity'
""")

# Of what, and through which methods, these people were told of the alarm so far, when last, and which are known to have
# delivered.
_TOLD = text("""
    SELECT staff_id, contact_method_id, channel, kind, max(created_at) AS last_at, sum(attempts) AS attempts,
        bool_or(state IN ('delivered', 'read')) AS worked
    FROM notification WHERE alarm_id = :alarm AND staff_id = ANY (:people) AND contact_method_id IS NOT NULL
    GROUP BY staff_id, contact_method_id, channel, kind
""")

# Who was called through a method of his own and has not been told since that it is handled or over.
_UNTOLD = text("""
    SELECT staff_id FROM notification
    WHERE alarm_id = :alarm AND contact_method_id IS NOT NULL AND attempts > 0
    GROUP BY staff_id
    HAVING max(created_at) FILTER (WHERE kind <> ALL (:not_calls))
        > coalesce(max(created_at) FILTER (WHERE kind = ANY (:over)), '-infinity')
    ORDER BY staff_id
""")

# Codes that these people have on their telephones from the last day.
_CODES = text("""
    SELECT staff_id, answer_code FROM notification
    WHERE contact_method_id IN (SELECT id FROM contact_methods_of(CAST(:people AS uuid[]), CAST(:channels AS text[]),
            interval '1 day', carebed_now()))
        AND answer_code IS NOT NULL AND created_at > CAST(:now AS timestamptz) - interval '1 day'
""")


async def write(conn: AsyncConnection, now: datetime, changed: Iterable[Case], channels: Sequence[str]) -> None:
    """Put the cases' messages into the outbox, in the transaction that changed them, and withdraw answered calls.

    `channels`: those of this installation (`alerts.channels`).
    """
    through = routes(channels)
    telling = [case for case in changed if case.messages or case.last_resort_messages or through]
    besides = {case.id: await _withdraw_answered(conn, case) for case in telling} if through else {}
    people = {message.staff_id for case in telling for message in (*case.messages, *besides.get(case.id, ()))}
    ways = await ways_to(conn, people, through, now) if through and people else {}
    codes = await codes_in_use(conn, now, ways) if ways else {}
    rows: list[dict[str, Any]] = []
    for case in telling:
        for message in case.messages:
            rows += [_row(case, message, now, one) for one in channels if one in PER_MESSAGE]
        rows += [
            _row(case, kind, now, one) for kind in case.last_resort_messages for one in channels if one in NAMELESS
        ]
        messages = [one for one in (*case.messages, *besides.get(case.id, ())) if one.staff_id in ways]
        if messages:
            rows += await _OfCase(conn, case, now, messages, ways, codes).rows()
        case.told = case.told or bool(case.messages or messages or case.last_resort_messages)
        case.messages.clear()
        case.last_resort_messages.clear()
    if rows:
        await conn.execute(_SAVE, rows)


def _row(
    case: Case, message: Message | str, now: datetime, channel: str, *, way: UUID | None = None,
    due_at: datetime | None = None, code: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """`message`: to a person, or the kind of one to nobody by name."""
    kind, staff_id = (message.kind, message.staff_id) if isinstance(message, Message) else (message, None)
    return {
        "id": new_id(), "alarm_id": case.id, "channel": channel, "staff_id": staff_id,
        "contact_method_id": way, "kind": kind, "step": case.step,
        "life_critical": case.priority is Priority.LIFE_CRITICAL and not case.drill, "drill": case.drill,
        "may_wait": way is not None and case.priority is Priority.WORK_ORDER,
        "created_at": now, "due_at": due_at or now, "answer_code": code,
    }  # fmt: skip


async def _withdraw_answered(conn: AsyncConnection, case: Case) -> list[Message]:
    """Nobody is called any more to what is over or answered. Told by the events, not by the state: a call that somebody
    makes while another one holds the alarm is meant. What those are to be told who were called and hear of it in no
    other way: the desk, which has no response rows."""
    new = case.events[case.told_events :]
    case.told_events = len(case.events)
    about: dict[str, Any] = {"alarm": case.id, "not_calls": sorted(NOT_CALLS), "people": None, "but": []}
    if (not case.open and new) or any(event.type in _ANSWERS_ALL for event in new):
        await conn.execute(_WITHDRAW, about)
        return await _untold(conn, case, {_who(event) for event in new})
    own = [UUID(who) for event in new if event.type in _ANSWERS_OWN and (who := _who(event))]
    if own:
        await conn.execute(_WITHDRAW, about | {"people": own})
    if any(event.type == "acknowledged" for event in new):
        await conn.execute(_WITHDRAW, about | {"but": list(case.answers)})
    return []


def _who(event: Event) -> str | None:
    """Whose answer an event is."""
    return event.data.get("responder") or event.actor.id


async def _untold(conn: AsyncConnection, case: Case, actors: set[str | None]) -> list[Message]:
    kind = "handled" if case.open else "resolved" if case.closed_state is State.RESOLVED else "cancelled"
    over = sorted(OVER if case.open else OVER - {"handled"})
    asked = {"alarm": case.id, "not_calls": sorted(NOT_CALLS), "over": over}
    told = {message.staff_id for message in case.messages if message.kind in over}
    if case.open:
        told |= case.going
    untold = (await conn.execute(_UNTOLD, asked)).scalars()
    return [Message(kind, one, case.step) for one in untold if one not in told and str(one) not in actors]


async def codes_in_use(conn: AsyncConnection, now: datetime, ways: dict[UUID, list[Way]]) -> dict[UUID, set[str]]:
    """Of those who have a method that is answered by codes: what they were given within a day."""
    by_code = [one for one, some in ways.items() if any(way.channel in ANSWERED_BY_CODE for way in some)]
    found: dict[UUID, set[str]] = {one: set() for one in by_code}
    if by_code:
        asked = {"people": by_code, "channels": sorted(ANSWERED_BY_CODE), "now": now}
        for staff_id, code in await conn.execute(_CODES, asked):
            found.setdefault(staff_id, set()).add(code)
    return found


def new_code(in_use: set[str]) -> str:
    """Three digits that this person has not been given within a day; four where he was called that often."""
    for digits in (3, 3, 3, 3, 4, 4, 5):
        first = 10 ** (digits - 1)
        for _ in range(10):
            code = str(first + secrets.randbelow(9 * first))
            if code not in in_use:
                in_use.add(code)
                return code
    return str(secrets.randbelow(900_000) + 100_000)


@dataclass(slots=True)
class _OfCase:
    """The rows of one case for people's own methods."""

    conn: AsyncConnection
    case: Case
    now: datetime
    messages: list[Message]
    ways: dict[UUID, list[Way]]
    codes: dict[UUID, set[str]]

    async def rows(self) -> list[dict[str, Any]]:
        """All of them, in order."""
        messages = self.messages
        called = [one.staff_id for one in messages if one.kind not in NOT_CALLS]
        others = [one.staff_id for one in messages if one.kind in NOT_CALLS]
        before = await self._before(called) if called else {}
        told = (await self.conn.execute(_TOLD, {"alarm": self.case.id, "people": others})).all() if others else []
        relatives = [one.staff_id for one in messages if one.kind in FAMILY]
        if relatives:
            asked = {"alarm": self.case.id, "people": relatives, "family": sorted(FAMILY), "now": self.now}
            await self.conn.execute(_SUPERSEDE_FAMILY, asked)
        waits = self.case.priority is Priority.WORK_ORDER
        goes = await when_work_orders_go(self.conn, self.now, {one.staff_id for one in messages}) if waits else {}
        rows: list[dict[str, Any]] = []
        for message in messages:
            start = goes.get(message.staff_id, self.now)
            if message.kind in OVER:
                used = {row.contact_method_id for row in told if row.staff_id == message.staff_id and row.attempts}
                rows += [self._row(message, way, start) for way in _through(self.ways[message.staff_id], used)]
            elif message.kind in FAMILY:
                rows += self._family(message, start, [row for row in told if row.staff_id == message.staff_id])
            elif message.kind in NEWS:
                heard = [row.last_at for row in told if row.staff_id == message.staff_id and _says(row.kind, message)]
                fresh = not heard or max(heard) <= self.now - _NEWS_AGAIN
                if fresh and message.staff_id not in called:
                    rows.append(self._row(message, self.ways[message.staff_id][0], start))
            else:
                rows += self._one_after_the_other(message, self.ways[message.staff_id], start, before)
        return rows

    async def _before(self, called: list[UUID]) -> dict[UUID, datetime]:
        """Methods that had a call to come, and when."""
        asked = {"alarm": self.case.id, "people": called, "not_calls": sorted(NOT_CALLS)}
        rows = (await self.conn.execute(_SUPERSEDE, asked)).all()
        return {row.contact_method_id: row.due_at for row in rows if row.state == "pending"}

    def _family(self, message: Message, start: datetime, told: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        """Through what has worked for this alarm first. That it is over through nothing else, unless that fails."""
        ways = self.ways[message.staff_id]
        worked = {row.contact_method_id for row in told if row.worked}
        if message.kind == family.OVER:
            tried = {row.contact_method_id for row in told if row.attempts}
            through = _quietest(ways, worked) or _quietest(ways, tried) or ways
            return [self._row(message, through[0], start)]
        return self._one_after_the_other(message, sorted(ways, key=lambda way: way.id not in worked), start, {})

    def _one_after_the_other(
        self, message: Message, ways: Sequence[Way], start: datetime, before: dict[UUID, datetime]
    ) -> list[dict[str, Any]]:
        """A row for each method, the next one after the wait that its owner wants."""
        rows = []
        at = start
        for position, way in enumerate(ways):
            at += timedelta(seconds=way.wait_s if position else 0)
            rows.append(self._row(message, way, min(at, before.get(way.id, at))))
        return rows

    def _row(self, message: Message, way: Way, due_at: datetime) -> dict[str, Any]:
        by_code = way.channel in ANSWERED_BY_CODE and message.kind not in UNANSWERABLE
        code = new_code(self.codes.setdefault(way.staff_id, set())) if by_code else None
        return _row(self.case, message, self.now, way.channel, way=way.id, due_at=due_at, code=code)


def _says(kind: str, message: Message) -> bool:
    """Whoever hears a message of this kind has heard the news: that a signal came again is in anything about its alarm;
    that his own answer has run out, or that the resident cancels, is in nothing else."""
    return kind == message.kind or message.kind == "repeated"


def _through(ways: list[Way], used: set[UUID]) -> list[Way]:
    """Where it is said that it is over: by another method where those by which somebody was called are gone."""
    every = {way.id for way in ways} if used else set()
    return _quietest(ways, used) or _quietest(ways, every)[:1]


def _quietest(ways: list[Way], used: set[UUID]) -> list[Way]:
    """Of the methods by which somebody was called, those that say that it is over; nobody is telephoned for that who
    can read it."""
    through = [way for way in ways if way.id in used]
    return [way for way in through if way.channel != "voice"] or through
