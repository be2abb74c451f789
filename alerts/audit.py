"""What must not be among open alarms: calls that wait for nothing that will come. One bounded, indexed statement.

The ladder cannot report itself, nor can the outbox: this looks at what they leave behind. `alerts.auditor` says it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.telling import FAMILY, NEWS, OVER

#: The audit's own alarm, which is left out of what it raises itself for.
KEY = "platform:audit"

#: In real seconds; `LagWatch` has said so since the fifth.
OVERDUE_S = 30.0
#: A message that nothing took for so long although it was tried, or that nobody has tried.
STUCK_S = 120.0
#: Sent again and again, and no delivery known: after the first three attempts (60, 120, 240 s) and some.
UNDELIVERED_S = 300.0

#: Open alarms that are looked at; a city in an outage has fewer.
_ALARMS = 20_000
#: Alarms that are named for each trouble.
_NAMED = 10


class Trouble(StrEnum):
    """What can be wrong with an open alarm."""

    UNARMED = "unarmed"
    OVERDUE = "overdue"
    MESSAGE_STUCK = "message_stuck"
    MESSAGE_UNDELIVERED = "message_undelivered"
    NOBODY_CALLED = "nobody_called"
    NO_OWNER = "no_owner"


@dataclass(frozen=True, slots=True)
class Found:
    """Alarms in one trouble, without the audit's own. `own`: that is in it too. `ids`: some of them."""

    alarms: int
    own: bool
    ids: Sequence[UUID]


# Open alarms by their own index, everything else by theirs. Spans are real time: a shift of the clock makes nobody
# late. The live stream is left out, for its messages wait for whoever signs in. Of drills only what shows that
# escalation itself stands still: whom a drill does not reach is its result, and no alarm.
_LOOK = text("""
    WITH open AS MATERIALIZED (
        SELECT id, merge_key, step, station_id, owner_staff_id, incident_id, drill FROM alarm
        WHERE closed_at IS NULL LIMIT :most
    ), message AS MATERIALIZED (
        SELECT n.alarm_id, n.state, n.due_at, n.handed_over_at, n.provider_id, n.kind
        FROM open JOIN notification n ON n.alarm_id = open.id AND NOT open.drill
        WHERE n.state IN ('pending', 'handed_over') AND n.channel <> 'live' AND n.due_at < 'infinity'
    ), desk AS MATERIALIZED (
        SELECT id, EXISTS (SELECT FROM on_call(id, 'desk', carebed_now())) AS there
        FROM (SELECT DISTINCT station_id AS id FROM open WHERE owner_staff_id IS NULL AND NOT drill) AS needed
    ), found AS (
        SELECT 'unarmed' AS trouble, id FROM open
        WHERE NOT EXISTS (SELECT FROM deadline WHERE alarm_id = open.id)
        UNION ALL
        SELECT 'overdue', open.id FROM open JOIN deadline ON deadline.alarm_id = open.id
        WHERE due_at <= carebed_now() AND extract(epoch FROM waited_since(due_at)) > :overdue
        UNION ALL
        SELECT DISTINCT 'message_stuck', alarm_id FROM message
        WHERE state = 'pending' AND due_at <= carebed_now() AND extract(epoch FROM waited_since(due_at)) > :stuck
        UNION ALL
        SELECT DISTINCT 'message_undelivered', alarm_id FROM message
        WHERE state = 'handed_over' AND provider_id IS NOT NULL AND kind <> ALL (:not_calls)
            AND extract(epoch FROM waited_since(handed_over_at)) > :undelivered
        UNION ALL
        SELECT 'nobody_called', id FROM open
        WHERE step > 0 AND incident_id IS NULL AND owner_staff_id IS NULL AND NOT drill
            AND NOT EXISTS (SELECT FROM notification n JOIN staff ON staff.id = n.staff_id AND staff.active
                            WHERE n.alarm_id = open.id AND n.kind <> ALL (:family))
            AND NOT EXISTS (SELECT FROM response r JOIN staff ON staff.id = r.staff_id AND staff.active
                            WHERE r.alarm_id = open.id)
        UNION ALL
        SELECT 'no_owner', open.id FROM open LEFT JOIN staff ON staff.id = open.owner_staff_id
            LEFT JOIN desk ON desk.id = open.station_id
        WHERE NOT drill AND CASE WHEN owner_staff_id IS NULL THEN NOT desk.there ELSE NOT staff.active END
    )
    SELECT trouble, count(*) FILTER (WHERE merge_key <> :own) AS alarms, bool_or(merge_key = :own) AS own,
        (array_agg(id ORDER BY id) FILTER (WHERE merge_key <> :own))[1:CAST(:named AS int)] AS ids
    FROM found JOIN open USING (id) GROUP BY trouble
""")


async def find_troubles(conn: AsyncConnection) -> Mapping[Trouble, Found]:
    """What is wrong at this moment; troubles in which nothing is are left out."""
    asked = {
        "most": _ALARMS, "overdue": OVERDUE_S, "stuck": STUCK_S, "undelivered": UNDELIVERED_S, "own": KEY,
        "named": _NAMED, "not_calls": sorted(NEWS | OVER), "family": sorted(FAMILY),
    }  # fmt: skip
    return {Trouble(row.trouble): Found(row.alarms, row.own, row.ids or ()) for row in await conn.execute(_LOOK, asked)}
