"""Publishes what homes are told (`alerts.command`), again and again until a device answers or it has expired.

One process of all that run `carebed alerts` does it, elected, for the broker knows one session of `carebed-command`.
It holds no row while it publishes: a row's next attempt is moved first, so who dies in between has it published again
(devices know a repeat by its id), and a broker or a home that is away costs nobody else's command a moment.

Answers (`command_result`) come in on the health lane like any reading, and are looked up here among the few commands
that are out; ingest knows nothing of them.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.case import ENGINE, Actor
from alerts.command import CHANNEL
from alerts.home_line import AT_ONCE, HomeLine
from carebed.clock import now as clock_now
from carebed.database import OUTAGE, Database
from carebed.election import Election
from carebed.logs import get_logger
from carebed.settings import Settings
from carebed.wake import woken_within
from gateway.command import Phrase, say
from gateway.topics import command_topic

log = get_logger()

_ELECTION = 7270151
_TICK_S = 1.0

COMMANDS = Counter("carebed_commands", "What homes are told, by what became of it", ["outcome"])
for _outcome in ("published", "failed", "heard", "refused", "expired", "withdrawn"):
    COMMANDS.labels(_outcome)

# Nobody may hear a promise that has lapsed: too old, or nobody has the alarm any more.
_END = text("""
    UPDATE command SET state = 'expired', error = CASE WHEN expires_at <= carebed_now() THEN 'late' ELSE 'withdrawn' END
    FROM alarm WHERE command.state IN ('pending', 'handed_over') AND alarm.id = command.alarm_id
        AND (expires_at <= carebed_now() OR (phrase = 'help_is_coming'
             AND (alarm.closed_at IS NOT NULL OR alarm.owner_staff_id IS NULL)))
    RETURNING command.id, alarm_id, phrase, command.created_at, error
""")

# Leases what is due, longest waiting first: after 2, 4, 8 and then every 15 s again, within the two minutes it lives.
_LEASE = text("""
    UPDATE command SET attempts = attempts + 1,
        next_attempt_at = clock_timestamp() + make_interval(secs => least(15, 2 * 2 ^ attempts))
    WHERE id IN (
        SELECT id FROM command
        WHERE state IN ('pending', 'handed_over') AND next_attempt_at <= clock_timestamp()
            AND expires_at > carebed_now()
        ORDER BY next_attempt_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id, gateway_id, device, phrase, expires_at,
        extract(epoch FROM expires_at - carebed_now())::float8 AS lives_s
""")

_HANDED_OVER = text("""
    UPDATE command SET handed_over_at = coalesce(handed_over_at, carebed_now()), error = NULL,
        state = CASE WHEN state = 'pending' THEN 'handed_over' ELSE state END
    WHERE id = ANY(:ids)
""")

# What devices have answered to the commands that are out. By their clocks, which may be slow by a time zone, and cannot
# be fast by more than ten minutes (`gateway.limits`). A day of the chattiest device is looked through in its index.
_ANSWERS = text("""
    SELECT command.id, command.alarm_id, command.device, command.gateway_id, command.phrase, answer.value, answer.time
    FROM command CROSS JOIN LATERAL (
        SELECT value, time FROM reading
        WHERE device_id = CASE command.device WHEN '_' THEN command.gateway_id ELSE command.device END
            AND time BETWEEN command.created_at - interval '1 day' AND command.expires_at + interval '10 minutes'
            AND message_id = CAST(command.id AS text) AND type = 'command_result'
        ORDER BY received_at LIMIT 1) AS answer
    WHERE command.state = 'handed_over' ORDER BY command.created_at, command.id
""")

_ANSWERED = text("""
    UPDATE command SET state = :state, error = NULL,
        delivered_at = CASE WHEN :state = 'delivered' THEN carebed_now() END
    WHERE id = :id AND state IN ('pending', 'handed_over') RETURNING id
""")

# Is any line of the same call left that may still say it, or has said it?
_OTHER_LINE = text("""
    SELECT EXISTS (SELECT FROM command WHERE alarm_id = :alarm_id AND phrase = :phrase AND created_at = :created_at
        AND state IN ('pending', 'handed_over', 'delivered'))
""")


class _News(NamedTuple):
    """A line for an alarm's log."""

    alarm_id: UUID
    event: str
    actor: Actor
    device_time: datetime | None
    phrase: str


class Homeward:
    """The publisher of one process. `channels`: through which people are told of what is logged."""

    def __init__(self, database: Database, settings: Settings, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._database = database
        self._channels = channels
        self._election = Election(database.url, _ELECTION, "homeward")
        self._wake = asyncio.Event()
        self._line = HomeLine(settings, self._election, self._wake.set)

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named tasks for `run_tasks`."""
        return {
            "homeward-election": self._election.run(),
            "homeward-line": self._line.run(),
            "homeward-wake": self._database.wake_on(CHANNEL, lambda _: self._wake.set()),
            "homeward": self._work(),
        }

    async def _work(self) -> None:
        """While elected: a look every second, and at once when something is to be said."""
        while True:
            await self._election.won()
            self._wake.clear()
            try:
                await self.cycle()
            except OUTAGE as error:
                log.warning("homeward_look_failed", error=type(error).__name__)
            await woken_within(self._wake, _TICK_S)

    async def cycle(self) -> int:
        """Publish what is due, record what was answered, end what has lapsed; how many were published."""
        published = await self._publish() if self._line.stands else 0
        async with self._database.transaction() as conn:
            await self._log(conn, [*await _answered(conn), *await _lapsed(conn)])
        return published

    async def _publish(self) -> int:
        async with self._database.transaction() as conn:
            rows = (await conn.execute(_LEASE, {"batch": AT_ONCE})).all()
        if not rows:
            return 0
        taken = await asyncio.gather(*(self._send(row) for row in rows))
        ids = [row.id for row, done in zip(rows, taken, strict=True) if done]
        COMMANDS.labels("published").inc(len(ids))
        COMMANDS.labels("failed").inc(len(rows) - len(ids))
        if ids:
            async with self._database.transaction() as conn:
                await conn.execute(_HANDED_OVER, {"ids": ids})
        return len(ids)

    async def _send(self, row: Row[Any]) -> bool:
        order = say(str(row.id), Phrase(row.phrase), expires_at=row.expires_at)
        return await self._line.send(command_topic(row.gateway_id, row.device), order.encode(), row.lives_s)

    async def _log(self, conn: AsyncConnection, news: Sequence[_News]) -> None:
        """Put it into the alarms' logs: the last thing of the transaction."""
        if not news:
            return
        cases = await book.load(conn, {one.alarm_id for one in news})
        now = await clock_now(conn)
        for one in news:
            cases[one.alarm_id].log(one.event, now, one.actor, device_time=one.device_time, phrase=one.phrase)
        await book.finish(conn, now, cases.values(), self._channels)


async def _answered(conn: AsyncConnection) -> list[_News]:
    """Record what devices have answered: that it was said, or that they cannot."""
    news = []
    for row in (await conn.execute(_ANSWERS)).all():
        heard = row.value is None or row.value != 0
        state = {"id": row.id, "state": "delivered" if heard else "failed"}
        if (await conn.execute(_ANSWERED, state)).one_or_none() is None:
            continue
        COMMANDS.labels("heard" if heard else "refused").inc()
        device = Actor("device", f"{row.gateway_id}/{row.device}", "mqtt")
        news.append(_News(row.alarm_id, "home_heard" if heard else "home_refused", device, row.time, row.phrase))
    return news


async def _lapsed(conn: AsyncConnection) -> list[_News]:
    """End what nobody may hear any more; whoever has the alarm learns that the home does not know."""
    rows = (await conn.execute(_END)).all()
    news: dict[UUID, _News] = {}
    for row in rows:
        COMMANDS.labels("expired" if row.error == "late" else "withdrawn").inc()
        if row.error != "late" or row.phrase != Phrase.HELP_IS_COMING:
            continue
        told = {"alarm_id": row.alarm_id, "phrase": row.phrase, "created_at": row.created_at}
        if not (await conn.execute(_OTHER_LINE, told)).scalar_one():
            news[row.alarm_id] = _News(row.alarm_id, "home_not_reached", ENGINE, None, row.phrase)
    return list(news.values())
