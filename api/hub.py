"""The live stream's hub: follows the event log once per process and fans each change out to the open streams.

Event ids are in commit order (`alerts.journal`), so one cursor is enough. NOTIFY wakes the hub, a tick of 1 s stands in
for one that got lost. When the database cannot be read every stream ends at once: a board must never look current when
it is not.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram
from psycopg import Error as DatabaseError
from psycopg import OperationalError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.event import CHANNEL as ALARM_CHANNEL
from alerts.notification import CHANNEL as NOTIFICATION_CHANNEL
from alerts.view import AlarmView, read_views
from api.principal import SIGN_OUT_CHANNEL, Principal, enter, still_signed_in
from api.problem import as_json
from api.subscriber import Subscriber, event, may_see
from carebed.database import Database
from carebed.logs import get_logger
from carebed.wake import woken_within

log = get_logger()

TICK_S = 1.0
#: Longer than any healthy read; afterwards the database counts as lost.
READ_TIMEOUT_S = 5.0
RECHECK_S = 30.0
#: So often it is written down who is there (`alerts.attendance`).
ATTENDANCE_S = 5.0
_RETRY_S = 0.5
_OPENING_AT_ONCE = 4
_BATCH = 500

SUBSCRIBERS = Gauge("carebed_live_subscribers", "Open live streams")
EVENTS = Counter("carebed_live_events", "Alarm changes read from the event log")
DELAY = Histogram(
    "carebed_live_delay_seconds", "From an event's time to its fan-out, by the database clock",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
ENDED = Counter("carebed_live_ended", "Streams ended by us", ["reason"])

_SEEN = text("SELECT staff_seen(CAST(:tokens AS bytea[]))")

_LAST = text("SELECT coalesce(max(seq), 0) FROM alarm_event")

# What has happened since the cursor, in commit order.
_SINCE = text("""
    SELECT seq, alarm_id, at, carebed_now() AS now FROM alarm_event WHERE seq > :cursor ORDER BY seq LIMIT :batch
""")

# Messages for people who have a stream open here: of alarms still open, or closed a moment ago.
_CALLS = text("""
    SELECT notification.id, alarm_id, staff_id, notification.kind, notification.step
    FROM notification JOIN alarm ON alarm.id = notification.alarm_id
    WHERE channel = 'live' AND notification.state = 'pending' AND staff_id = ANY(:staff)
      AND (alarm.closed_at IS NULL OR alarm.closed_at > carebed_now() - interval '10 minutes')
    ORDER BY life_critical DESC, notification.drill, notification.created_at
""")

_DELIVERED = text("""
    UPDATE notification SET state = 'delivered', attempts = attempts + 1, handed_over_at = carebed_now(),
        delivered_at = carebed_now()
    WHERE id = ANY(:ids) AND state = 'pending'
""")

# Whoever had no stream open until well after the alarm's end need not be called to it any more.
_EXPIRED = text("""
    UPDATE notification SET state = 'expired' FROM alarm
    WHERE alarm.id = notification.alarm_id AND channel = 'live' AND notification.state = 'pending'
      AND alarm.closed_at <= carebed_now() - interval '10 minutes'
""")


class Hub:
    """All open streams of this process, and the cursor they share."""

    def __init__(self, database: Database) -> None:
        """Nothing is read before `run`. `database`: a pool of its own, which no crowd of requests stands before."""
        self._database = database
        # When a thousand boards reconnect at once they queue here, and the streams that are open go on.
        self.admission = asyncio.Semaphore(_OPENING_AT_ONCE)
        self._subscribers: set[Subscriber] = set()
        self._wake = asyncio.Event()
        self._cursor = 0
        self._following = False
        self._closed = False
        self._cycled_at = 0.0
        self._calls_under_way: dict[UUID, UUID] = {}  # notification -> staff; pushed and not yet marked
        self._written: set[UUID] = set()
        self._seen: set[bytes] = set()  # tokens of requests since attendance was last written down

    def ready(self) -> str | None:
        """Readiness check: is the event log being followed?"""
        return None if self._following else "the event log is not being followed"

    def subscribe(self, principal: Principal) -> Subscriber:
        """A new stream. What commits from now on is pushed to it, so a list read after this leaves no gap."""
        subscriber = Subscriber(principal, self._cursor)
        if not self._following:
            subscriber.end(None)
        self._subscribers.add(subscriber)
        SUBSCRIBERS.set(len(self._subscribers))
        self._wake.set()  # calls may be waiting for this person
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The stream is gone; calls that it has not written are for the person's next one."""
        subscriber.end(None)
        self._subscribers.discard(subscriber)
        SUBSCRIBERS.set(len(self._subscribers))
        lost = [
            notification for notification, staff in self._calls_under_way.items()
            if staff == subscriber.principal.id and notification not in self._written
        ]  # fmt: skip
        for notification in lost:
            del self._calls_under_way[notification]

    def saw(self, principal: Principal) -> None:
        """This person has made a request."""
        self._seen.add(principal.token)

    def written(self, notifications: Iterable[UUID]) -> None:
        """These calls have been written to a stream of their person."""
        self._written.update(notifications)
        self._wake.set()

    def close(self) -> None:
        """End every stream, now and from now on: the process stops."""
        self._closed = True
        self._following = False
        self._end_all("stopping")

    async def run(self) -> None:
        """Follow the log until cancelled; a lost database is tried again and again."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    listening = asyncio.Event()
                    group.create_task(self._listen(listening))
                    group.create_task(self._follow(listening))
                    group.create_task(self._watch())
            except* (SQLAlchemyError, DatabaseError, OSError, TimeoutError) as lost:
                log.warning("live_lost_database", error=type(lost.exceptions[0]).__name__)
            finally:
                self._lose()
            await asyncio.sleep(_RETRY_S)

    async def _listen(self, listening: asyncio.Event) -> None:
        channels = (ALARM_CHANNEL, NOTIFICATION_CHANNEL, SIGN_OUT_CHANNEL)
        async for channel, payload in self._database.listen(*channels, ready=listening.set):
            if channel == SIGN_OUT_CHANNEL:
                self._signed_out(payload)
            else:
                self._wake.set()
        raise OperationalError("the listening connection ended")

    async def _follow(self, listening: asyncio.Event) -> None:
        async with asyncio.timeout(READ_TIMEOUT_S):
            await listening.wait()
        self._cursor = await self._last()
        loop = asyncio.get_running_loop()
        checked_at = attended_at = loop.time()
        while True:
            self._wake.clear()
            more = await self._cycle()
            self._cycled_at = loop.time()
            self._following = not self._closed
            if loop.time() - attended_at >= ATTENDANCE_S:
                await self._attend()
                attended_at = loop.time()
            if loop.time() - checked_at >= RECHECK_S:
                await self._recheck()
                checked_at = loop.time()
            if not more:
                await woken_within(self._wake, TICK_S)

    async def _watch(self) -> None:
        """A database that hangs does not even let a read be cancelled: end the streams without waiting for it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(READ_TIMEOUT_S / 10)
            if self._following and loop.time() - self._cycled_at > READ_TIMEOUT_S + TICK_S:
                self._lose()

    async def _last(self) -> int:
        async with asyncio.timeout(READ_TIMEOUT_S), self._database.transaction() as conn:
            await enter(conn, "/", None)
            last: int = (await conn.execute(_LAST)).scalar_one()
            return last

    async def _cycle(self) -> bool:
        """Read what is new in one transaction and hand it out; True when there is more."""
        settled = set(self._written)
        alone = not self._subscribers
        async with asyncio.timeout(READ_TIMEOUT_S), self._database.transaction() as conn:
            await enter(conn, "/", None)
            if settled:
                await conn.execute(_DELIVERED, {"ids": list(settled)})
            rows = (await conn.execute(_SINCE, {"cursor": self._cursor, "batch": _BATCH})).all()
            last_of = {row.alarm_id: row.seq for row in rows}
            alarms = await read_views(conn, last_of) if rows and not alone else []
            calls = await self._read_calls(conn)
        self._written -= settled
        for notification in settled:
            self._calls_under_way.pop(notification, None)
        if rows and alone and self._subscribers:
            return True  # whoever came while we read goes on from the old cursor: once more, for him
        if rows:
            self._cursor = rows[-1].seq
            self._fan_out(sorted(alarms, key=lambda alarm: last_of[alarm.id]), last_of)
            _observe(rows[0].at, rows[-1].now, len(rows))
        self._call(calls)
        return len(rows) == _BATCH

    def _fan_out(self, alarms: list[AlarmView], last_of: dict[UUID, int]) -> None:
        """Each change is encoded once; by the alarms' last events, so that any id is safe to resume from."""
        for alarm in alarms:
            encoded = event("alarm", alarm.json, last_of[alarm.id])
            for subscriber in self._subscribers:
                if may_see(subscriber.principal, alarm):
                    subscriber.push(encoded)

    async def _read_calls(self, conn: AsyncConnection) -> list[tuple[UUID, UUID, UUID, str, int]]:
        staff = {subscriber.principal.id for subscriber in self._subscribers}
        if not staff:
            return []
        return [tuple(row) for row in await conn.execute(_CALLS, {"staff": list(staff)})]

    def _call(self, calls: list[tuple[UUID, UUID, UUID, str, int]]) -> None:
        """Page people on every stream they have open; what no stream took stays pending."""
        for notification, alarm, staff, kind, step in calls:
            if notification in self._calls_under_way:
                continue
            content = {"notification": str(notification), "alarm": str(alarm), "step": step, "kind": kind}
            encoded = event("call", as_json(content).decode())
            streams = [one for one in self._subscribers if one.principal.id == staff]
            if any([one.push(encoded, notification) for one in streams]):  # noqa: C419 - every stream, not just the first
                self._calls_under_way[notification] = staff

    async def _recheck(self) -> None:
        """End the streams of those who may no longer see what they see; give up calls nobody can be given."""
        async with asyncio.timeout(READ_TIMEOUT_S), self._database.transaction() as conn:
            tokens = {subscriber.principal.token for subscriber in self._subscribers}
            present = await still_signed_in(conn, list(tokens)) if tokens else {}
            await enter(conn, "/", None)
            await conn.execute(_EXPIRED)
        for subscriber in list(self._subscribers):
            now = present.get(subscriber.principal.token)
            if subscriber.principal.token in tokens and now is None:
                self._end(subscriber, "expired")
            elif now is not None and not now.same_rights(subscriber.principal):
                self._end(subscriber, "rights")

    async def _attend(self) -> None:
        """Write down who is there: everybody with an open stream, and who has made a request."""
        seen, self._seen = self._seen, set()
        seen |= {subscriber.principal.token for subscriber in self._subscribers if not subscriber.over}
        if not seen:
            return
        async with asyncio.timeout(READ_TIMEOUT_S), self._database.transaction() as conn:
            await conn.execute(_SEEN, {"tokens": sorted(seen)})

    def _signed_out(self, token: str) -> None:
        for subscriber in list(self._subscribers):
            if subscriber.principal.token.hex() == token:
                self._end(subscriber, "signed_out")

    def _end(self, subscriber: Subscriber, reason: str) -> None:
        ENDED.labels(reason).inc()
        subscriber.end(reason)

    def _lose(self) -> None:
        """What the streams show can no longer be vouched for."""
        self._following = False
        self._end_all("database")

    def _end_all(self, why: str) -> None:
        """Without a word to the clients: their boards must turn red until they are connected again."""
        for subscriber in list(self._subscribers):
            ENDED.labels(why).inc()
            subscriber.end(None)


def _observe(oldest: datetime, now: datetime, events: int) -> None:
    EVENTS.inc(events)
    DELAY.observe(max(0.0, (now - oldest).total_seconds()))
