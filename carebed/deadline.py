"""Deadlines are rows: one table for everything that must happen by a certain time, compared with the database clock.

A row is armed when a thing begins to be due and stays until its handler ends it. A message never postpones one: when it
falls due its handler looks, and re-arms or fires. `carebed.engine` runs the handlers.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant, label
from carebed.database import metadata, text_array

CHANNEL = "carebed_deadline"

#: Whoever holds locks on deadlines or alarms and stops in the middle (a paused process, a vanished host) loses them
#: after this: every engine skips what is locked, so it must not stay so. Longer than a healthy process ever pauses.
KEEP_MOVING = text("SET LOCAL idle_in_transaction_session_timeout = '10s'")

deadline = Table(
    "deadline",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    label("kind"),
    Column("subject", Text, nullable=False, comment="alarm, home or device id; empty where there is only one"),
    Column("alarm_id", ForeignKey("alarm.id", ondelete="CASCADE")),
    Column("life_critical", Boolean, nullable=False, server_default=text("false")),
    instant("due_at", required=True),
    Column("data", JSONB, nullable=False, server_default=text("'{}'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("retry_at"),
    UniqueConstraint("kind", "subject"),
    CheckConstraint("(kind = 'alarm') = (alarm_id IS NOT NULL)", name="alarm_has_its_alarm"),
    CheckConstraint("isfinite(due_at) AND isfinite(retry_at)", name="comes"),
    Index("ix_deadline_due", "life_critical", "kind", "due_at"),
    Index("ix_deadline_retry", "retry_at", postgresql_where=text("attempts > 0")),
    Index("uq_deadline_alarm_id", "alarm_id", unique=True, postgresql_where=text("alarm_id IS NOT NULL")),
    comment="everything that must happen by a certain time",
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A claimed row, locked for the handler's transaction."""

    id: int
    kind: str
    subject: str
    alarm_id: UUID | None
    due_at: datetime
    data: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Arm:
    """What is to be armed: one row per (kind, subject)."""

    kind: str
    subject: str
    due_at: datetime
    life_critical: bool = False
    alarm_id: UUID | None = None
    data: dict[str, Any] | None = None


_COLUMNS = """
    unnest(CAST(:kinds AS text[])), unnest(CAST(:subjects AS text[])), unnest(CAST(:alarms AS uuid[])),
    unnest(CAST(:critical AS boolean[])), unnest(CAST(:due AS timestamptz[])), unnest(CAST(:data AS jsonb[]))
"""

# Arms new deadlines; one that stands already is left alone (a message never postpones a deadline).
_ARM_NEW = text(f"""
    INSERT INTO deadline (kind, subject, alarm_id, life_critical, due_at, data) SELECT {_COLUMNS}
    ON CONFLICT (kind, subject) DO NOTHING
""")

# Arms new deadlines; one that stands already is only ever made earlier.
_ARM_EARLIER = text(f"""
    INSERT INTO deadline (kind, subject, alarm_id, life_critical, due_at, data) SELECT {_COLUMNS}
    ON CONFLICT (kind, subject) DO UPDATE SET due_at = EXCLUDED.due_at, attempts = 0, retry_at = NULL
    WHERE EXCLUDED.due_at < deadline.due_at
""")

# Moves claimed deadlines to their next time; the claim's transaction holds their locks. Most keep their data.
_REARM = text("""
    UPDATE deadline SET due_at = next.due_at, attempts = 0, retry_at = NULL
    FROM (SELECT unnest(CAST(:ids AS bigint[])) AS id, unnest(CAST(:due AS timestamptz[])) AS due_at) AS next
    WHERE deadline.id = next.id
""")
_REARM_WITH = text("""
    UPDATE deadline SET due_at = next.due_at, data = next.data, attempts = 0, retry_at = NULL
    FROM (SELECT unnest(CAST(:ids AS bigint[])) AS id, unnest(CAST(:due AS timestamptz[])) AS due_at,
                 unnest(CAST(:data AS jsonb[])) AS data) AS next
    WHERE deadline.id = next.id
""")

_END = text("DELETE FROM deadline WHERE id = ANY(:ids)")

# Wakes every engine at once instead of at its next tick.
_WAKE = text("SELECT pg_notify('carebed_deadline', '')")


async def arm(conn: AsyncConnection, arms: Iterable[Arm], *, earlier: bool = False, wake: bool = False) -> None:
    """Arm deadlines. `earlier`: bring an armed one forward (never back). `wake`: NOTIFY at commit; reading batches
    leave it out and are found by the tick."""
    rows = sorted(arms, key=lambda item: (item.kind, item.subject))
    if not rows:
        return
    await conn.execute(
        _ARM_EARLIER if earlier else _ARM_NEW,
        {
            "kinds": [row.kind for row in rows],
            "subjects": [row.subject for row in rows],
            "alarms": [row.alarm_id for row in rows],
            "critical": [row.life_critical for row in rows],
            "due": [row.due_at for row in rows],
            "data": [as_json(row.data or {}) for row in rows],
        },
    )
    if wake:
        await conn.execute(_WAKE)


async def rearm(conn: AsyncConnection, moves: Iterable[tuple[Deadline, datetime, dict[str, Any] | None]]) -> None:
    """Move claimed deadlines: (deadline, next due time, new data or None to keep it)."""
    rows = list(moves)
    changed = [(row, due, data) for row, due, data in rows if data is not None and data != row.data]
    if changed:
        await conn.execute(_REARM_WITH, {**_times(changed), "data": [as_json(data) for _, _, data in changed]})
    same = [(row, due, data) for row, due, data in rows if data is None or data == row.data]
    if same:
        await conn.execute(_REARM, _times(same))


def _times(moves: Sequence[tuple[Deadline, datetime, dict[str, Any] | None]]) -> dict[str, str]:
    ids, due = (row.id for row, _, _ in moves), (due for _, due, _ in moves)
    return {"ids": text_array(map(str, ids)), "due": text_array(one.isoformat() for one in due)}


async def end(conn: AsyncConnection, deadlines: Iterable[Deadline]) -> None:
    """End claimed deadlines for good."""
    ids = [row.id for row in deadlines]
    if ids:
        await conn.execute(_END, {"ids": ids})


def as_json(value: dict[str, Any]) -> str:
    """JSON text for a `jsonb[]` parameter."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
