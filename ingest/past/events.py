"""Of a home's past what is stored: its messages in order of time, and the alarms that were raised. Only reads."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import psycopg_of, text_array
from gateway.lanes import HealthType
from ingest.detect.core import Event, Home
from ingest.news import event_of
from ingest.past.comparison import WasRaised

#: Rows that are fetched at a time.
_FETCHED = 5_000
#: Clocks may run ahead by ten minutes.
_AHEAD = timedelta(hours=1)

# What the home's devices said, in the order in which it happened; of gateways also that they live. The bounds on `time`
# are for the planner: it leaves out most partitions.
_MESSAGES = """
    SELECT device_id, time, message_id, type, value, value_text, unit, data, received_at FROM (
        SELECT device_id, time, message_id, type, value, to_jsonb(value_text) AS value_text, unit, data, received_at
        FROM reading WHERE device_id = ANY(%(devices)s::text[]) AND time >= %(begin)s AND time < %(ahead)s
            AND (type = ANY(%(types)s) OR (type = %(beat)s AND device_id = ANY(%(gateways)s::text[])))
        UNION ALL
        SELECT device_id, happened_at, message_id, type, NULL, message -> 'value', message ->> 'unit',
            message -> 'data', received_at
        FROM inbox WHERE device_id = ANY(%(devices)s::text[]) AND happened_at >= %(begin)s
            AND happened_at < %(ahead)s AND type = 'check_in' AND type = ANY(%(types)s)
    ) AS message
    WHERE least(time, received_at) < %(end)s ORDER BY least(time, received_at), message_id
"""

# What these detectors raised in that time; nobody's press, and nothing that was raised by hand.
_RAISED = """
    SELECT home_id, id, raised_at, happened_at, merge_key, kind, device_id, outcome FROM alarm
    WHERE home_id = ANY(%s::uuid[]) AND raised_at >= %s AND raised_at < %s
        AND (why ->> 'detector' = ANY(%s) OR (kind = 'inactivity' AND why ->> 'code' <> 'inactivity_by_hand'))
    ORDER BY raised_at, id
"""


async def messages_of(
    conn: AsyncConnection, home: Home, types: Iterable[str], begin: datetime, end: datetime
) -> AsyncIterator[Event]:
    """Everything from `begin` to before `end`, some thousand rows in memory at a time."""
    if not home.devices:
        return
    raw = await psycopg_of(conn)
    async with raw.cursor(name="past") as cursor:
        cursor.itersize = _FETCHED
        await cursor.execute(
            _MESSAGES,
            {
                "devices": text_array(home.devices),
                "gateways": text_array({one.gateway_id for one in home.devices.values()}),
                "types": list(types), "beat": HealthType.HEARTBEAT.value, "begin": begin, "end": end,
                "ahead": end + _AHEAD,
            },
        )  # fmt: skip
        async for device_id, *row in cursor:
            values: Any = tuple(row)
            if home.devices[device_id].was_here(values[-1]):
                yield event_of(home.devices[device_id], values)


async def raised_in(
    conn: AsyncConnection, homes: Iterable[UUID], detectors: Iterable[str], begin: datetime, end: datetime
) -> dict[UUID, list[WasRaised]]:  # fmt: skip
    """By home, in order."""
    raw = await psycopg_of(conn)
    found: dict[UUID, list[WasRaised]] = {}
    rows = await raw.execute(_RAISED, [text_array(map(str, homes)), begin, end, list(detectors)])
    for home_id, alarm_id, raised_at, happened_at, key, kind, device_id, outcome in await rows.fetchall():
        was = WasRaised(alarm_id, raised_at, happened_at, key, kind, device_id, outcome)
        found.setdefault(home_id, []).append(was)
    return found
