"""Delivers the outbox: every channel that is set up, but the live stream (the API delivers that, it holds the streams).

A row is leased by moving its next attempt into the future, sent outside any transaction, and settled afterwards
(`alerts.delivery`); a process that dies in between leaves a row that is sent again: a duplicate rather than a miss.

Each channel has its own slots, and of these each class (`Class`) has its own: every slot takes its next message as soon
as it is free, so a provider that hangs costs the slots that wait for it, and never those of another channel, nor those
of life-critical messages for the sake of others, nor those of what is meant in earnest for the sake of drills.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from prometheus_client import Counter, Histogram
from sqlalchemy import Row, text

from alerts import delivery
from alerts.channel import SEND_S, Channel, Handover, NotTaken, Outgoing, Undeliverable
from alerts.notification import CHANNEL
from alerts.outgoing import Composer
from alerts.settling import AWAY, Settler
from alerts.telling import FAMILY
from alerts.view import read_alarms
from carebed.database import OUTAGE, Database
from carebed.logs import get_logger
from carebed.wake import woken_within

log = get_logger()

_TICK_S = 1.0


class Class(NamedTuple):
    """Messages that wait for no others but their like."""

    life_critical: bool
    drill: bool = False
    family: bool = False


#: Of each channel. More for what may not wait: one alarm calls several people, and a storm many. With a provider
#: that takes 50 ms for a message, 64 were what a thousand alarms waited for; 128 are as many as the processor can fill.
#: Relatives are told beside, and take no slot from those who go.
_SLOTS = {
    Class(life_critical=True): 128, Class(life_critical=False): 8, Class(life_critical=False, drill=True): 4,
    Class(life_critical=True, family=True): 16, Class(life_critical=False, family=True): 4,
}  # fmt: skip
#: Work orders that go out with others, at most so many to one address.
_ALONG = 500
#: Longer than a send may take; this long a message that a dying process had in hand is delayed.
_LEASE_S = 15

SENT = Counter("carebed_notifications_sent", "Attempts to hand a notification over", ["channel", "outcome"])
HANDOVER = Histogram(
    "carebed_notification_handover_seconds",
    "From the moment a message is due to its first hand-over, by the database clock", ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)  # fmt: skip

# Leases what is due, of each channel and class as much as it has free slots, longest waiting first; another worker
# skips these rows until the lease ends. Work orders to the same address that are due as well come along, however many
# people's are due together: they are one message.
_LEASE = text("""
    WITH slot AS (
        SELECT * FROM unnest(CAST(:channels AS text[]), CAST(:critical AS boolean[]), CAST(:drills AS boolean[]),
            CAST(:families AS boolean[]), CAST(:free AS int[])) AS slot (channel, life_critical, drill, family, free)
    ), due AS MATERIALIZED (
        SELECT picked.id FROM slot CROSS JOIN LATERAL (
            SELECT id FROM notification
            WHERE channel = slot.channel AND life_critical = slot.life_critical AND drill = slot.drill
                AND (kind = ANY (:family) AND NOT drill) = slot.family AND state IN ('pending', 'handed_over')
                AND next_attempt_at <= clock_timestamp() AND due_at <= carebed_now()
            ORDER BY next_attempt_at LIMIT slot.free FOR UPDATE SKIP LOCKED) AS picked
    ), along AS MATERIALIZED (
        SELECT other.id FROM (
            SELECT DISTINCT contact_method_id, channel, drill FROM notification
            WHERE id = ANY (ARRAY(SELECT id FROM due)) AND may_wait) AS way
        CROSS JOIN LATERAL (
            SELECT id FROM notification
            WHERE contact_method_id = way.contact_method_id AND may_wait AND channel = way.channel
                AND NOT life_critical AND drill = way.drill AND state IN ('pending', 'handed_over')
                AND next_attempt_at <= clock_timestamp() AND due_at <= carebed_now()
                AND id <> ALL (ARRAY(SELECT id FROM due))
            LIMIT :along FOR UPDATE SKIP LOCKED) AS other
    ), leased AS (
        UPDATE notification SET next_attempt_at = clock_timestamp() + make_interval(secs => :lease),
            attempts = attempts + 1
        WHERE id = ANY (ARRAY(SELECT id FROM due UNION ALL SELECT id FROM along)) RETURNING *
    )
    SELECT leased.*, contact_method.address, staff.role, staff.language, CASE
        WHEN contact_method.removed_at IS NOT NULL THEN 'method removed'
        WHEN contact_method.id IS NOT NULL AND NOT staff.active THEN 'person has left' END AS gone
    FROM leased LEFT JOIN contact_method ON contact_method.id = leased.contact_method_id
    LEFT JOIN staff ON staff.id = leased.staff_id
    ORDER BY leased.created_at
""")


@dataclass(frozen=True, slots=True)
class Leased:
    """A row in hand, the alarm object that goes with it, and the work orders that go out with it."""

    row: Row[Any]
    alarm: dict[str, Any] | None
    others: tuple[Row[Any], ...] = ()

    @property
    def rows(self) -> tuple[Row[Any], ...]:
        """Everything that this one message carries."""
        return (self.row, *self.others)


class Outbox:
    """The delivery worker of one process. `channels`: those that are set up; it does not close them."""

    def __init__(self, database: Database, channels: Iterable[Channel], composer: Composer | None = None) -> None:
        self._database = database
        self._channels = {channel.name: channel for channel in channels}
        self._composer = composer or Composer()
        self._settlers = {one: Settler(database) for one in _SLOTS}
        self._wake = asyncio.Event()
        self._busy: dict[tuple[str, Class], set[asyncio.Task[None]]] = {
            (name, one): set() for name in self._channels for one in _SLOTS
        }
        for name in self._channels:
            for outcome in ("delivered", "handed_over", "failed", "undeliverable"):
                SENT.labels(name, outcome)  # 0 from the start, or the first failure would be no increase

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named tasks for `run_tasks`."""
        if not self._channels:
            return {}
        return {"outbox": self._run(), "outbox-wake": self._database.wake_on(CHANNEL, lambda _: self._wake.set())}

    async def _run(self) -> None:
        """Keep all slots busy; one that gets free wakes the loop, like a new message does."""
        try:
            while True:
                self._wake.clear()
                for leased in await self._lease(
                    {slot: _SLOTS[slot[1]] - len(busy) for slot, busy in self._busy.items()}
                ):
                    self._start(leased)
                await woken_within(self._wake, _TICK_S)
        finally:
            for busy in self._busy.values():
                for task in busy:
                    task.cancel()

    def _start(self, leased: Leased) -> None:
        busy = self._busy[leased.row.channel, _class_of(leased.row)]

        def free(task: asyncio.Task[None]) -> None:
            busy.discard(task)
            self._wake.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                # Its lease runs out, and it is sent again.
                log.error("outbox_delivery_died", error=type(error).__name__)

        task = asyncio.create_task(self._deliver(leased))
        busy.add(task)
        task.add_done_callback(free)

    async def cycle(self) -> int:
        """Lease and send one round of each class and wait for its end; how many were leased."""
        leased = await self._lease({slot: _SLOTS[slot[1]] for slot in self._busy})
        await asyncio.gather(*(self._deliver(one) for one in leased))
        return sum(len(one.rows) for one in leased)

    async def _lease(self, free: dict[tuple[str, Class], int]) -> list[Leased]:
        """As many messages as there are free slots, with their alarms as they are now; none while the database is
        away."""
        slots = [(channel, *one, room) for (channel, one), room in free.items() if room > 0]
        if not slots:
            return []
        channels, critical, drills, families, room = zip(*slots, strict=True)
        asked = {
            "channels": list(channels), "critical": list(critical), "drills": list(drills), "families": list(families),
            "free": list(room), "family": sorted(FAMILY), "lease": _LEASE_S, "along": _ALONG,
        }  # fmt: skip
        try:
            async with self._database.transaction() as conn:
                rows = (await conn.execute(_LEASE, asked)).all()
                alarms = await read_alarms(conn, {row.alarm_id for row in rows if row.alarm_id}) if rows else []
        except OUTAGE as error:
            log.warning("outbox_lease_failed", error=type(error).__name__)
            return []
        return _bundled(rows, {alarm["id"]: alarm for alarm in alarms})

    async def _deliver(self, leased: Leased) -> None:
        """Send one message and settle it. Where settling fails the lease runs out and it is sent again."""
        row = leased.row
        outcome = await self._hand_over(leased) if row.gone is None else Undeliverable(row.gone)
        SENT.labels(row.channel, _label(outcome)).inc()
        try:
            await self._settle(leased, outcome)
        except OUTAGE as lost:
            log.warning("outbox_settle_failed", notification=str(row.id), error=type(lost).__name__)

    async def _hand_over(self, leased: Leased) -> Handover | Exception:
        """What became of it. A message that cannot be composed is one that was not taken: it gets its pauses, and the
        person's next method comes forward."""
        try:
            outgoing = self._composer.compose(leased.row, leased.alarm, more=len(leased.others))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a row; its name alone, for it holds names
            return NotTaken(f"not composed: {type(error).__name__}")
        return await _send(self._channels[leased.row.channel], outgoing)

    async def _settle(self, leased: Leased, outcome: "Handover | Exception") -> None:
        if isinstance(outcome, Handover):
            try:
                waits = await self._settlers[_class_of(leased.row)].settle((leased.rows, outcome))
            except AWAY:
                raise
            except Exception as refused:  # noqa: BLE001 - what cannot be written is not sent every 15 s for ever
                outcome = NotTaken(f"not settled: {type(refused).__name__}")
            else:
                for channel, waited_s in waits:
                    HANDOVER.labels(channel).observe(waited_s)
                return
        error = _reason(outcome)
        log.warning(
            "notification_not_taken", channel=leased.row.channel, notification=str(leased.row.id),
            attempts=leased.row.attempts, error=error,
        )  # fmt: skip
        async with self._database.transaction() as conn:
            await delivery.not_taken(
                conn, leased.rows, error, permanent=isinstance(outcome, Undeliverable), channels=self._channels
            )


def _class_of(row: Row[Any]) -> Class:
    return Class(row.life_critical, row.drill, row.kind in FAMILY and not row.drill)


def _bundled(rows: Iterable[Row[Any]], alarms: dict[str, dict[str, Any]]) -> list[Leased]:
    """One message for each row, but one for all work orders that go to one address."""
    together: dict[Any, list[Row[Any]]] = {}
    for row in rows:
        together.setdefault(row.contact_method_id if row.may_wait else row.id, []).append(row)
    return [_message(bundle, alarms) for bundle in together.values()]


def _message(bundle: Sequence[Row[Any]], alarms: Mapping[str, dict[str, Any]]) -> Leased:
    """About the alarm that has waited longest, the newest that there is to say: not that a signal came again of what
    has been closed since."""
    newest = [row for row in bundle if row.alarm_id == bundle[0].alarm_id][-1]
    others = tuple(row for row in bundle if row is not newest)
    return Leased(newest, alarms.get(str(newest.alarm_id)), others)


async def _send(channel: Channel, outgoing: Outgoing) -> Handover | Exception:
    """What became of it: taken, or why not."""
    try:
        async with asyncio.timeout(SEND_S):
            return await channel.send(outgoing)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a channel, the message is tried again
        return error


def _reason(error: Exception) -> str:
    """Short, and without personal data: only our own exceptions say more than their name."""
    return (str(error) if isinstance(error, Undeliverable | NotTaken) else "")[:200] or type(error).__name__


def _label(outcome: Handover | Exception) -> str:
    if isinstance(outcome, Handover):
        return "delivered" if outcome.delivered else "handed_over"
    return "undeliverable" if isinstance(outcome, Undeliverable) else "failed"
