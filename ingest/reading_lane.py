"""The reading lane: readings and health messages. One batch, one transaction: stored once each, state updated."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.lanes import Lane
from gateway.message import Value
from ingest import watermark
from ingest.detect.activity import Last, is_compared, judge_change, may_be_activity
from ingest.detect.catalogue import wakes as all_wakes
from ingest.flood import FloodGuard, Verdict
from ingest.flood_store import FloodLog, put_floods_aside
from ingest.item import Item, sort_batch, stranger, too_old
from ingest.mqtt import Incoming
from ingest.outcome import Answer, Outcome
from ingest.quarantine import Rejected, put_aside
from ingest.reading_store import ReadingStore, Row
from ingest.store import Lately, Signs
from ingest.turn import Turn
from ingest.waking import Brought, Waking
from ingest.who import Sender, Who

# The newest values of states and counters, asked once per device after a start.
_LAST_VALUES = text("""
    SELECT key.device_id, key.type, last.time, last.value
    FROM unnest(CAST(:devices AS text[]), CAST(:types AS text[])) AS key (device_id, type)
    CROSS JOIN LATERAL (SELECT time, value FROM reading WHERE reading.device_id = key.device_id
        AND reading.type = key.type AND reading.time >= :since AND reading.value IS NOT NULL
        ORDER BY time DESC LIMIT 1) AS last
""")

#: States are repeated at least this often, or nobody would wait for the next one.
_STATE_KNOWN = timedelta(days=1)
_LASTS_KEPT = 100_000
_EVER = datetime.min.replace(tzinfo=UTC)

#: (device, type) -> what it said last; None: nothing is known.
Lasts = dict[tuple[str, str], Last | None]


class ReadingLane:
    """Processes batches of the reading lane."""

    lane = Lane.READING

    def __init__(
        self, who: Who, kept: timedelta | None = None, guard: FloodGuard | None = None, *, alive: bool = True,
        wakes: frozenset[str] | None = None,
    ) -> None:  # fmt: skip
        """`kept`: how long readings are kept; older ones are put aside. None: for ever. `guard`: cuts off what a
        gateway sends too much. `alive`: False where what comes tells nothing of today (a replay). `wakes`: what
        detectors must see within seconds; None: as they say."""
        self._alive = alive
        self._reading = asyncio.Lock()  # what a device said last is judged in the order of the batches
        self._who = who
        self._kept = kept
        self._guard = guard
        self._lasts: Lasts = {}
        self._lately = Lately()
        self._waking = Waking()
        self._wakes = all_wakes() if wakes is None else wakes
        self._readings = ReadingStore()
        self._floods = FloodLog()

    async def process(
        self, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], turn: Turn | None = None
    ) -> Outcome:
        """Take in these messages within the caller's transaction; nobody waits for an answer. Before its `turn` it only
        reads: what the batch before it writes does not concern it."""
        async with self._reading:
            verdict = Verdict(messages) if self._guard is None else await self._guard.judge(conn, messages)
            batch = await sort_batch(conn, self._who, Lane.READING, now, verdict.messages)
            lasts = await self._learn_values(conn, now, batch.items)
            rows, unstorable, signs, brought = self._read(batch.items, now, lasts)
        rejected = [*batch.rejected, *unstorable]
        if turn is not None:
            await turn.to_store()
        stored = await self._readings.store(conn, now, rows)
        if turn is not None:
            turn.stored()
            await turn.to_write()
        await put_aside(conn, now, rejected)
        new: list[Sender] = []
        if self._alive:
            await signs.keep(conn, "reading", now)
            new = await self._waking.wake(conn, now, brought)
        not_kept = await put_floods_aside(conn, now, verdict.floods)
        await watermark.move(conn, "reading", batch.stamps)
        remember: list[Callable[[], None]] = [
            signs.committed,
            partial(self._waking.committed, now, brought, new, batch.stamps),
            partial(self._floods.committed, now, verdict.floods, not_kept),
        ]
        if self._guard is not None:
            remember.append(partial(self._guard.settle, verdict, batch.stamps))
        return Outcome(stored=stored, duplicates=len(rows) - stored, rejected=rejected, remember=remember)

    def start_over(self) -> None:
        """Look the senders and their last values up again; a batch that is being worked on keeps what it has."""
        self._who.forget()
        self._lasts = {}

    def refusals(self, _rejected: Rejected) -> list[Answer]:
        """Nobody waits for an answer."""
        return []

    def _read(
        self, items: Sequence[Item], now: datetime, lasts: Lasts
    ) -> tuple[list[Row], list[Rejected], Signs, Brought]:
        """Rows to store, what to put aside (unknown senders, older than what is kept), who is alive, and who said
        something that detectors must see. With `sort_batch` the hot path: each line of the loop is run for every
        message of a backlog."""
        rows: list[Row] = []
        brought: Brought = {}
        wakes = self._wakes
        unstorable: list[Rejected] = []
        oldest = _EVER if self._kept is None else now - self._kept
        lately = self._lately.at(now)
        signs, heard = Signs(lately, self._who.watched("reading")), lately.heard
        for item in items:
            sender, message = item.sender, item.message
            kind = message.type
            if sender not in heard:
                signs.heard(sender, kind)
            device = sender.device
            if device is None:
                unstorable.append(stranger(item))
                continue
            value, time = message.value, message.time
            if time is not None and time < oldest:
                unstorable.append(too_old(item))
                continue
            if kind in wakes:
                brought[sender] = item.incoming.session
            if _is_activity(lasts, device.id, kind, value, time or now):
                signs.active(device, time or now, now)
            number, words = (None, value) if isinstance(value, str) else (value, None)
            rows.append((time, device.id, message.id, kind, number, words, message.unit, message.data or None, now))
        return rows, unstorable, signs, brought

    async def _learn_values(self, conn: AsyncConnection, now: datetime, items: Sequence[Item]) -> Lasts:
        """What states and counters said last, looked up where it is not known yet."""
        if len(self._lasts) > _LASTS_KEPT:
            self._lasts = {}
        lasts = self._lasts
        keys = {
            (item.sender.device_id, item.message.type)
            for item in items if is_compared(item.message.type, item.message.value) and item.sender.device is not None
        }  # fmt: skip
        unknown = [key for key in keys if key not in lasts]
        if not unknown:
            return lasts
        lasts.update(dict.fromkeys(unknown))
        devices, types = zip(*unknown, strict=True)
        asked = {"devices": list(devices), "types": list(types), "since": now - _STATE_KNOWN}
        for device, kind, time, value in await conn.execute(_LAST_VALUES, asked):
            lasts[device, kind] = Last(time, value, changed=True)
        return lasts


def _is_activity(lasts: Lasts, device_id: str, kind: str, value: Value, time: datetime) -> bool:
    if not is_compared(kind, value):
        return may_be_activity(kind, value)
    key = device_id, kind
    last = lasts.get(key)
    judged = judge_change(last, time, value)
    if last is None or time >= last.at:
        lasts[key] = judged
    return judged.changed and may_be_activity(kind, value)
