"""Waking: which homes the detectors must look at soon, because of what a batch has brought.

A lane only ever adds rows to `wake`, so it waits for nobody: the home's deadline may be in the hands of the engine, or
of the other lane. A home that was woken is looked at when the lane's watermark has passed that moment. Until then every
further batch of the group is committed before the look, so it need not wake the home again: in a backlog each home is
woken once, and a look sees all of it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant
from carebed.database import metadata, text_array
from carebed.deadline import Deadline, rearm
from ingest.mqtt import Session
from ingest.watermark import Stamp
from ingest.who import Sender

#: How often the engine looks who was woken, as long as a look costs little.
_PERIOD = timedelta(milliseconds=500)
#: Homes that are armed at a time.
_AT_ONCE = 20_000
#: Senders kept as woken; with more of them all are forgotten, which costs rows and loses nothing.
_KEPT = 200_000

wake = Table(
    "wake",
    metadata,
    Column("lane", Text, CheckConstraint("lane IN ('alarm', 'reading')", name="lane"), nullable=False),
    Column(
        "shard_group",
        SmallInteger,
        comment="looked at when the lane's watermark of this group has passed; null: at once",
    ),
    Column("home_id", Uuid, nullable=False),
    instant("woken_at", required=True),
    comment="homes that detectors must look at; only added to, and emptied by the engine",
)

_WAKE = text("""
    INSERT INTO wake (lane, shard_group, home_id, woken_at)
    SELECT 'reading', woken.shard_group, woken.home_id, :now
    FROM unnest(CAST(:groups AS smallint[]), CAST(:homes AS uuid[])) AS woken (shard_group, home_id)
""")

_WAKE_AT_ONCE = text("""
    INSERT INTO wake (lane, home_id, woken_at) SELECT 'alarm', unnest(CAST(:homes AS uuid[])), :now
""")

# Takes the homes whose watermark has come so far, and arms each of them now. Whoever is being looked at is waited for:
# that look may not have seen what woke it.
_ARM_WOKEN = text("""
    WITH ready AS (
        SELECT wake.ctid FROM wake LEFT JOIN watermark USING (lane, shard_group)
        WHERE wake.shard_group IS NULL OR watermark.stamp >= wake.woken_at LIMIT :at_once
    ), taken AS (
        DELETE FROM wake WHERE ctid = ANY(ARRAY(SELECT ctid FROM ready)) RETURNING home_id
    ), armed AS (
        INSERT INTO deadline (kind, subject, due_at)
        SELECT DISTINCT 'detect', home_id::text, CAST(:now AS timestamptz) FROM taken ORDER BY 2
        ON CONFLICT (kind, subject) DO UPDATE SET due_at = EXCLUDED.due_at, attempts = 0, retry_at = NULL
        WHERE EXCLUDED.due_at < deadline.due_at
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM taken), CASE WHEN EXISTS (SELECT FROM armed) THEN pg_notify('carebed_deadline', '') END
""")


async def wake_at_once(conn: AsyncConnection, now: datetime, homes: Collection[UUID]) -> None:
    """Have these homes looked at, whatever the watermarks: what woke them is committed with this transaction."""
    if homes:
        await conn.execute(_WAKE_AT_ONCE, {"homes": text_array(map(str, homes)), "now": now})


Brought = dict[Sender, Session]
"""Who said something that detectors must see, and on which session."""


class Waking:
    """The homes that a process has woken on the reading lane, as long as they are sure to be looked at still."""

    def __init__(self) -> None:
        self._woken: dict[Sender, Session] = {}
        self._groups: dict[str, list[tuple[Sender, datetime]]] = {}

    async def wake(self, conn: AsyncConnection, now: datetime, brought: Brought) -> list[Sender]:
        """Wake the homes of these senders, whose messages came on these sessions, within the batch's transaction and in
        its turn. Returns whom to give to `committed`."""
        new = [one for one, session in brought.items() if self._woken.get(one) is not session]
        homes: dict[str, int] = {}
        for sender in new:
            home = None if sender.device is None else sender.device.place.home_text
            if home is not None:
                homes[home] = int(sender.topic.group, 16)
        if homes:
            asked = {"groups": text_array(map(str, homes.values())), "homes": text_array(homes), "now": now}
            await conn.execute(_WAKE, asked)
        return new

    def committed(
        self, now: datetime, brought: Brought, new: Iterable[Sender], stamps: Iterable[tuple[str, Stamp]]
    ) -> None:
        """The rows are there, and the watermarks have moved."""
        if len(self._woken) > _KEPT:
            self._woken, self._groups = {}, {}
        for sender in new:
            self._woken[sender] = brought[sender]
            self._groups.setdefault(sender.topic.group, []).append((sender, now))
        for group, stamp in stamps:
            waiting = self._groups.get(group)
            if waiting:
                self._groups[group] = [one for one in waiting if one[1] > stamp.stamp]
                for sender, at in waiting:
                    if at <= stamp.stamp:
                        self._woken.pop(sender, None)


class WakeHandler:
    """One deadline that is always armed: arms the detectors of the homes that were woken."""

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One look at who was woken."""
        taken, _ = (await conn.execute(_ARM_WOKEN, {"at_once": _AT_ONCE, "now": now})).one()
        again_at = now if taken >= _AT_ONCE else now + _PERIOD
        await rearm(conn, [(row, again_at, None) for row in deadlines])
