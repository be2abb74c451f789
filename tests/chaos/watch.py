"""Looks at the invariants while everything goes wrong, on a line of its own to the database."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from carebed.embedded.postgres import EmbeddedPostgres
from gateway.wire import shard_of
from tests.chaos.ledger import Call, Ledger

_LOOK_S = 0.5
_RECEIPTS_S = 0.02
#: Readings looked up behind the watermark each time: of the last so many that were published, some.
_RECENT = 1_000
_LOOKED_UP = 100

_WITHOUT_DEADLINE = """
    SELECT id::text FROM alarm WHERE closed_at IS NULL
        AND (SELECT count(*) FROM deadline WHERE deadline.alarm_id = alarm.id) <> 1
"""

# Every time that may only go forward: (what, which, lane, time).
_FORWARD = """
    SELECT 'seen', device_id, lane, seen_at FROM device_state
    UNION ALL SELECT 'activity', home_id::text, lane, activity_at FROM home_state
    UNION ALL SELECT 'watermark', shard_group::text, lane, stamp FROM watermark
"""

_WATERMARKS = "SELECT lane, count(*), extract(epoch FROM min(stamp))::float8 FROM watermark GROUP BY lane"

_MARKS = """
    SELECT shard_group, extract(epoch FROM stamp)::float8 FROM watermark WHERE lane = 'reading'
"""

_STORED = """
    SELECT device_id, message_id FROM unnest(%s::text[], %s::text[]) AS key (device_id, message_id)
    WHERE EXISTS (SELECT FROM reading WHERE reading.device_id = key.device_id AND reading.message_id = key.message_id
        AND reading.time >= now() - interval '1 hour')
"""

_IN_INBOX = """
    SELECT gateway_id, device_id, message_id FROM inbox
    JOIN unnest(%s::text[], %s::text[], %s::text[]) AS key (gateway_id, device_id, message_id)
        USING (gateway_id, device_id, message_id)
"""


@dataclass(slots=True)
class Sample:
    """The oldest watermark of each lane (epoch seconds) at a time."""

    at: float
    marks: dict[str, float]


@dataclass(slots=True)
class Watch:
    """Looks until cancelled. `broken`: what was seen that must never be."""

    database: EmbeddedPostgres
    ledger: Ledger
    broken: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    looks: int = 0
    receipts_checked: int = 0
    looked_up: int = 0
    _newest: dict[tuple[str, str, str], datetime] = field(default_factory=dict)

    async def invariants(self) -> None:
        """A named task: look twice a second, as often as the database answers."""
        while True:
            try:
                async with await self._connect() as conn:
                    while True:
                        await self._look(conn)
                        await asyncio.sleep(_LOOK_S)
            except (psycopg.Error, OSError):
                await asyncio.sleep(_LOOK_S)

    async def receipts(self) -> None:
        """A named task: whatever was receipted must be in the database in this moment."""
        waiting: list[Call] = []
        while True:
            try:
                async with await self._connect() as conn:
                    while True:
                        waiting += self.ledger.fresh_receipts
                        self.ledger.fresh_receipts.clear()
                        if waiting:
                            await self._check(conn, waiting)
                            waiting.clear()
                        await asyncio.sleep(_RECEIPTS_S)
            except (psycopg.Error, OSError):
                await asyncio.sleep(_RECEIPTS_S)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self.database.urls().admin, autocommit=True, connect_timeout=5)

    async def _look(self, conn: psycopg.AsyncConnection[Any]) -> None:
        for (alarm,) in await (await conn.execute(_WITHOUT_DEADLINE)).fetchall():
            self._say(f"open alarm {alarm} has not exactly one armed deadline")
        for what, which, lane, at in await (await conn.execute(_FORWARD)).fetchall():
            newest = self._newest.get((what, which, lane))
            if newest is not None and at < newest:
                self._say(f"{what} of {which} ({lane}) went back from {newest} to {at}")
            self._newest[what, which, lane] = at
        await self._behind_the_watermark(conn)
        marks = {lane: at for lane, groups, at in await (await conn.execute(_WATERMARKS)).fetchall() if groups == 16}
        self.samples.append(Sample(time.time(), marks))
        self.looks += 1

    async def _behind_the_watermark(self, conn: psycopg.AsyncConnection[Any]) -> None:
        """What the broker that still runs had acknowledged before the watermark's sentinel was published is stored."""
        marks = dict(await (await conn.execute(_MARKS)).fetchall())
        broker = len(self.ledger.ends)
        passed = {
            letter.messages[0]: letter for letter in self.ledger.letters[-_RECENT:]
            if letter.messages and not letter.old and letter.first_acked_at is not None
            and letter.ack_broker == letter.first_broker == broker and letter.ack_code == 0
            and letter.first_acked_at < marks.get(int(shard_of(letter.gateway)[0], 16), 0.0)
        }  # fmt: skip
        keys = random.sample(sorted(passed), min(_LOOKED_UP, len(passed)))
        if not keys:
            return
        stored = set(
            await (await conn.execute(_STORED, [list(column) for column in zip(*keys, strict=True)])).fetchall()
        )
        self.looked_up += len(keys)
        if len(self.ledger.ends) != broker:
            return
        for key in keys:
            if key not in stored:
                self._say(f"the watermark of {passed[key].gateway} has passed {'/'.join(key)}, which is not stored")

    async def _check(self, conn: psycopg.AsyncConnection[Any], calls: list[Call]) -> None:
        keys = [(call.gateway, call.device, call.id) for call in calls]
        there = set(
            await (await conn.execute(_IN_INBOX, [list(column) for column in zip(*keys, strict=True)])).fetchall()
        )
        for key in keys:
            if key not in there:
                self._say(f"receipt for {'/'.join(key)} before its commit")
        self.receipts_checked += len(keys)

    def _say(self, sentence: str) -> None:
        if sentence not in self.broken:
            self.broken.append(sentence)
