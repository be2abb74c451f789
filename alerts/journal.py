"""The last statements of every transaction that changes an alarm: the event log in commit order, and the wake-ups.

The advisory lock is the one NOTIFY takes anyway; taken just before the numbers are drawn and held to the commit, it
makes `seq` appear in commit order, so a reader's cursor never skips a number that commits later.
"""

import json
from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.case import Case

_LOCK = text("SELECT pg_advisory_xact_lock(7270143)")

# Numbers and writes the events in the order they were logged, and wakes the live streams.
_WRITE = text("""
    WITH line AS (
        SELECT * FROM unnest(
            CAST(:alarms AS uuid[]), CAST(:versions AS int[]), CAST(:ats AS timestamptz[]),
            CAST(:device_times AS timestamptz[]), CAST(:types AS text[]), CAST(:actor_types AS text[]),
            CAST(:actor_ids AS text[]), CAST(:channels AS text[]), CAST(:data AS jsonb[])
        ) WITH ORDINALITY AS given
            (alarm_id, version, at, device_time, type, actor_type, actor_id, channel, data, position)
        ORDER BY position
    ), written AS (
        INSERT INTO alarm_event
            (seq, alarm_id, version, at, device_time, type, actor_type, actor_id, channel, data)
        SELECT nextval('alarm_event_seq'),
            alarm_id, version, at, device_time, type, actor_type, actor_id, channel, data
        FROM line
    )
    SELECT pg_notify('carebed_alarm', ''), CASE WHEN :told THEN pg_notify('carebed_notification', '') END
""")


async def write(conn: AsyncConnection, cases: Iterable[Case]) -> None:
    """Write the cases' events. Must be the last statement before the commit."""
    lines = [(case, event) for case in cases for event in case.events]
    if not lines:
        return
    await conn.execute(_LOCK)
    await conn.execute(
        _WRITE,
        {
            "alarms": [case.id for case, _ in lines],
            "versions": [case.version for case, _ in lines],
            "ats": [event.at for _, event in lines],
            "device_times": [event.device_time for _, event in lines],
            "types": [event.type for _, event in lines],
            "actor_types": [event.actor.type for _, event in lines],
            "actor_ids": [event.actor.id for _, event in lines],
            "channels": [event.actor.channel for _, event in lines],
            "data": [json.dumps(event.data, ensure_ascii=False) for _, event in lines],
            "told": any(case.told for case, _ in lines),
        },
    )
