"""What a home is told of its alarm: rows that are written in the alarm's own transaction and published afterwards.

A person who lies on the floor hears that help is coming as soon as somebody has the alarm, and who has cancelled hears
that it was understood. A row is one phrase on one line: the device that has signalled, else the home's gateway. It
lives `LIVES`, for a home that comes back after an hour must not be promised help that has come and gone.
`alerts.homeward` publishes them and records what devices answer.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant, label, refers, uuid_key
from carebed.database import metadata

CHANNEL = "carebed_command"

#: As long as an acknowledgement holds where nobody has set another (`alerts.policy.Policy.acknowledged_s`): after that
#: the promise is not kept by anybody in particular any more.
LIVES = timedelta(minutes=2)

_STATES = "'pending', 'handed_over', 'delivered', 'failed', 'expired'"

command = Table(
    "command",
    metadata,
    uuid_key(),
    refers("alarm_id", "alarm.id", index=True),
    refers("gateway_id", "gateway.id"),
    Column("device", Text, nullable=False, comment="as topics call it: _ is the gateway itself"),
    Column("phrase", Text, nullable=False, comment="what it is to say (gateway.command.Phrase)"),
    Column("state", Text, CheckConstraint(f"state IN ({_STATES})", name="state"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("created_at", required=True),
    instant("expires_at", required=True, comment="not published after it, and not said either"),
    instant("next_attempt_at", required=True, comment="real time: back-off is not shifted"),
    instant("handed_over_at", comment="the broker has it"),
    instant("delivered_at", comment="the device has answered that it has said it"),
    label("error", required=False),
    Index("ix_command_open", "next_attempt_at", postgresql_where=text("state IN ('pending', 'handed_over')")),
    comment="what homes are told, down their own line",
)

# `lines_to` (migration 0021) knows every line of an alarm, whatever the caller may see.
_PUT = text("""
    INSERT INTO command (id, alarm_id, gateway_id, device, phrase, state, created_at, expires_at, next_attempt_at)
    SELECT gen_random_uuid(), said.alarm_id, line.gateway_id, line.device, said.phrase, 'pending', :now, :expires_at,
        clock_timestamp()
    FROM unnest(CAST(:alarms AS uuid[]), CAST(:phrases AS text[])) AS said (alarm_id, phrase),
        lines_to(said.alarm_id) AS line
""")

_WAKE = text("SELECT pg_notify('carebed_command', '')")


async def put_commands(conn: AsyncConnection, now: datetime, said: Iterable[tuple[UUID, str]]) -> None:
    """Have the homes of these (alarm, phrase) told once this transaction has committed; who has no line is not."""
    listed: Sequence[tuple[UUID, str]] = list(said)
    if not listed:
        return
    rows: dict[str, Any] = {
        "alarms": [alarm_id for alarm_id, _ in listed], "phrases": [phrase for _, phrase in listed],
        "now": now, "expires_at": now + LIVES,
    }  # fmt: skip
    await conn.execute(_PUT, rows)
    await conn.execute(_WAKE)
