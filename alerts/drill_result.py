"""What came of a drill, for each home and person: the evidence that a call goes all the way.

Read from the alarms, their messages and the event log whenever it is asked for; none of these is ever deleted.
"""

import json
from collections.abc import Sequence
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.drill import REASONS
from alerts.view import utc
from carebed.deadline import as_json

_REASONS = as_json({reason: {"en": en, "zh": zh} for reason, (en, zh) in REASONS.items()})

_DRILL = f"""
    SELECT drill.id, json_build_object(
        'id', drill.id, 'area', drill.area_code, 'area_name', area.name, 'station', drill.station_id,
        'kind', drill.kind, 'most', drill.most, 'lasts_s', drill.lasts_s, 'note', drill.note, 'state', drill.state,
        'reason', drill.reason, 'reason_text', CAST(:reasons AS jsonb) -> drill.reason,
        'starts_at', {utc("drill.starts_at")}, 'started_at', {utc("drill.started_at")},
        'ended_at', {utc("drill.ended_at")}, 'ordered_by', drill.ordered_by,
        'ordered_by_name', name_of_staff(drill.ordered_by), 'ordered_at', {utc("drill.ordered_at")},
        'stopped_by', drill.stopped_by, 'stopped_by_name', name_of_staff(drill.stopped_by))::text AS body
    FROM drill JOIN area ON area.code = drill.area_code
"""

_ONE = text(f"{_DRILL} WHERE drill.id = :id")

# The newest first.
_LIST = text(f"""{_DRILL}
    WHERE drill.area_code ^@ :branch AND (CAST(:after AS uuid) IS NULL OR drill.id < CAST(:after AS uuid))
    ORDER BY drill.id DESC LIMIT :limit
""")

# Each home with how soon somebody took it (seconds from the first call), and everybody who was called: when, by which
# methods and how far each message came, and what he said. The live stream counts as a method: it is the open page.
_HOMES = text(f"""
    WITH home_of AS MATERIALIZED (
        SELECT drill_home.*, home.name, home.station_id, alarm.raised_at, alarm.closed_at, alarm.state, alarm.outcome
        FROM drill_home JOIN home ON home.id = drill_home.home_id LEFT JOIN alarm ON alarm.id = drill_home.alarm_id
        WHERE drill_home.drill_id = :id
    ), said AS MATERIALIZED (
        SELECT alarm_id, CAST(coalesce(data ->> 'responder', actor_id) AS uuid) AS staff_id, channel,
            min(at) FILTER (WHERE type = 'acknowledged') AS acknowledged_at,
            min(at) FILTER (WHERE type = 'accepted') AS accepted_at,
            min(at) FILTER (WHERE type = 'declined') AS declined_at
        FROM alarm_event WHERE alarm_id IN (SELECT alarm_id FROM home_of) AND actor_type = 'staff'
            AND type IN ('acknowledged', 'accepted', 'declined')
        GROUP BY 1, 2, 3
    ), method AS MATERIALIZED (
        SELECT alarm_id, staff_id, channel, min(step) AS step, min(created_at) AS called_at,
            min(handed_over_at) AS handed_over_at, min(delivered_at) AS delivered_at, min(read_at) AS read_at,
            max(error) FILTER (WHERE state IN ('failed', 'expired') OR handed_over_at IS NULL) AS error
        FROM notification WHERE alarm_id IN (SELECT alarm_id FROM home_of) AND staff_id IS NOT NULL
            AND channel <> 'webhook' AND kind = 'called'
        GROUP BY alarm_id, staff_id, channel
    ), person AS (
        SELECT alarm_id, staff_id, min(step) AS step, min(called_at) AS called_at, json_agg(json_build_object(
            'channel', channel, 'handed_over_at', {utc("handed_over_at")}, 'delivered_at', {utc("delivered_at")},
            'read_at', {utc("read_at")}, 'error', error) ORDER BY handed_over_at NULLS LAST, channel) AS methods
        FROM method GROUP BY alarm_id, staff_id
    ), everybody AS (
        SELECT coalesce(person.alarm_id, said.alarm_id) AS alarm_id, person.step, json_build_object(
            'staff', coalesce(person.staff_id, said.staff_id),
            'name', name_of_staff(coalesce(person.staff_id, said.staff_id)), 'step', person.step,
            'called_at', {utc("person.called_at")}, 'methods', coalesce(person.methods, '[]'),
            'answered_by', said.channel, 'acknowledged_at', {utc("said.acknowledged_at")},
            'accepted_at', {utc("said.accepted_at")}, 'declined_at', {utc("said.declined_at")}) AS one
        FROM person FULL JOIN said ON said.alarm_id = person.alarm_id AND said.staff_id = person.staff_id
    )
    SELECT json_build_object(
        'home', home_id, 'name', name, 'station', station_id, 'station_name', name_of_station(station_id),
        'alarm', alarm_id, 'left_out', left_out, 'state', state, 'outcome', outcome, 'called_at', {utc("raised_at")},
        'closed_at', {utc("closed_at")},
        'answered_s', (SELECT round(extract(epoch FROM min(least(acknowledged_at, accepted_at)) - raised_at), 1)
                       FROM said WHERE said.alarm_id = home_of.alarm_id),
        'accepted_s', (SELECT round(extract(epoch FROM min(accepted_at) - raised_at), 1)
                       FROM said WHERE said.alarm_id = home_of.alarm_id),
        'people', coalesce((SELECT json_agg(one ORDER BY step NULLS LAST, one ->> 'called_at')
                            FROM everybody WHERE everybody.alarm_id = home_of.alarm_id), '[]'))::text AS body
    FROM home_of ORDER BY left_out NULLS FIRST, name, home_id
""")


async def read_drill(conn: AsyncConnection, drill_id: UUID) -> dict[str, Any] | None:
    """A drill with its homes, as far as the caller sees it; None where he does not."""
    row = (await conn.execute(_ONE, {"id": drill_id, "reasons": _REASONS})).one_or_none()
    if row is None:
        return None
    homes = [json.loads(body) for body in (await conn.execute(_HOMES, {"id": drill_id})).scalars()]
    return {**json.loads(row.body), "result": _figures(homes), "homes": homes}


async def list_drills(conn: AsyncConnection, branch: str, limit: int, after: UUID | None = None) -> Sequence[Row[Any]]:
    """Up to `limit` drills of a branch (a prefix of area codes) without their homes, the newest first: `id`, and `body`
    as JSON. `after`: the last one of the page before."""
    asked = {"branch": branch, "after": after, "limit": limit, "reasons": _REASONS}
    return (await conn.execute(_LIST, asked)).all()


def _figures(homes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts of homes and people, and how soon somebody took it."""
    called = [one for one in homes if one["alarm"]]
    waits = sorted(one["answered_s"] for one in called if one["answered_s"] is not None)
    people = {person["staff"]: person for one in called for person in one["people"]}
    reached = {
        person["staff"] for one in called for person in one["people"]
        if any(method["delivered_at"] for method in person["methods"]) or person["answered_by"]
    }  # fmt: skip
    return {
        "homes": len(called), "left_out": len(homes) - len(called), "answered": len(waits),
        "not_answered": sum(one["outcome"] == "not_answered" for one in called),
        "median_answered_s": median(waits) if waits else None, "slowest_answered_s": waits[-1] if waits else None,
        "people": len(people), "people_reached": len(reached),
    }  # fmt: skip
