"""Accounts for who was called: every alarm's first step was paged, no step skipped or taken twice, nobody left out."""

from collections.abc import Iterable

import psycopg

# What moves the ladder, in the order of the log.
_STEPS = """
    SELECT alarm_id::text, CASE type WHEN 'paged' THEN (data ->> 'step')::int ELSE 0 END FROM alarm_event
    WHERE type IN ('paged', 'reopened') ORDER BY seq
"""

# Open, nobody holds it, and what was due ten seconds ago has not been done.
_WAITING = """
    SELECT id::text, kind, step FROM alarm
    WHERE state = 'raised' AND next_step_at < carebed_now() - interval '10 seconds'
"""

# Called by the log, and no message in the outbox for it.
_UNTOLD = """
    SELECT alarm_id::text, data ->> 'step', staff
    FROM alarm_event, jsonb_array_elements_text(data -> 'called') AS staff
    WHERE type = 'paged' AND NOT EXISTS (
        SELECT FROM notification WHERE notification.alarm_id = alarm_event.alarm_id AND kind = 'called'
            AND notification.step = (data ->> 'step')::int AND staff_id = staff::uuid AND channel = 'live')
"""

# A step of one alarm in the outbox more than once for one person.
_DOUBLED = """
    SELECT alarm_id::text, step, staff_id::text FROM notification
    WHERE kind = 'called' AND channel = 'live' AND NOT EXISTS (
        SELECT FROM alarm_event WHERE alarm_event.alarm_id = notification.alarm_id AND type = 'reopened')
    GROUP BY alarm_id, step, staff_id HAVING count(*) > 1
"""


def unaccounted(url: str) -> list[str]:
    """Every promise to call somebody that was not kept."""
    with psycopg.connect(url) as conn:
        found = out_of_order(conn.execute(_STEPS).fetchall())
        found += [f"{kind} {alarm} waits for step {step + 1}" for alarm, kind, step in conn.execute(_WAITING)]
        found += [f"{alarm}: {who} called at step {step} and not told" for alarm, step, who in conn.execute(_UNTOLD)]
        found += [f"{alarm}: {who} told of step {step} twice" for alarm, step, who in conn.execute(_DOUBLED)]
    return found


def out_of_order(steps: Iterable[tuple[str, int]]) -> list[str]:
    """Steps that do not follow the one before. `steps`: (alarm, step taken, or 0 where it was opened again)."""
    reached: dict[str, int] = {}
    wrong = []
    for alarm, step in steps:
        if step not in (0, reached.get(alarm, 0) + 1):
            wrong.append(f"{alarm}: step {step} after step {reached.get(alarm, 0)}")
        reached[alarm] = step
    return wrong
