"""In the morning: was everybody called who should be, nobody twice without need, and everybody told of the end?"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from alerts.channel import LAST_RESORT
from alerts.delivery import UNDELIVERED_S
from alerts.telling import NOT_CALLS, OVER
from tests.nights.providers import Sent
from tests.nights.stage import ROUTES, Stage

# Called by the log, and a way to tell him (the live stream, or a method that he has) without its one message.
_NOT_CALLED = """
    SELECT alarm_event.alarm_id, data ->> 'step' AS step, way.channel, count(message.id) AS messages
    FROM alarm_event JOIN alarm ON alarm.id = alarm_id AND station_id = :station
        CROSS JOIN LATERAL jsonb_array_elements_text(data -> 'called') AS called (who)
        CROSS JOIN LATERAL (
            SELECT 'live' AS channel, CAST(NULL AS uuid) AS id UNION ALL
            SELECT channel, id FROM contact_method WHERE staff_id = who::uuid AND removed_at IS NULL) AS way
        LEFT JOIN notification AS message ON message.alarm_id = alarm.id AND message.kind = 'called'
            AND message.staff_id = who::uuid AND message.created_at = alarm_event.at AND message.channel = way.channel
            AND message.contact_method_id IS NOT DISTINCT FROM way.id
    WHERE type = 'paged' GROUP BY 1, 2, 3, who, way.id, alarm_event.seq HAVING count(message.id) <> 1
"""
# What has not gone out by the morning, and was neither withdrawn nor impossible.
_LEFT = """
    SELECT message.kind, message.channel, message.state, message.error
    FROM notification AS message JOIN alarm ON alarm.id = message.alarm_id AND station_id = :station
    LEFT JOIN contact_method ON contact_method.id = message.contact_method_id
    LEFT JOIN staff ON staff.id = message.staff_id
    WHERE message.channel = ANY (:routes) AND message.kind <> 'answer'
        AND (message.state = 'pending' AND message.next_attempt_at < 'infinity'
            OR message.state = 'expired' AND message.error NOT IN ('answered', 'called again', 'told', 'told anew')
            OR message.state = 'failed' AND contact_method.removed_at IS NULL AND staff.active IS NOT FALSE
                AND contact_method.failed_at IS NULL AND message.id <> ALL (:bounced))
"""
# Taken back as answered without an answer, as called again without another call (by this method, where he still has
# it), as told by another way without one.
_WITHDRAWN = """
    SELECT message.id, message.error FROM notification AS message
    JOIN alarm ON alarm.id = message.alarm_id AND station_id = :station
    WHERE message.state = 'expired' AND CASE message.error
        WHEN 'called again' THEN NOT EXISTS (
            SELECT FROM notification AS again JOIN contact_method AS way ON way.id = message.contact_method_id
            WHERE again.alarm_id = alarm.id AND again.id <> message.id AND again.staff_id = message.staff_id
                AND (again.contact_method_id = way.id OR way.removed_at IS NOT NULL)
                AND again.created_at >= message.created_at - :back)
        WHEN 'answered' THEN NOT EXISTS (
            SELECT FROM alarm_event WHERE alarm_id = alarm.id AND at >= message.created_at - :back
                AND type IN ('acknowledged', 'accepted', 'declined', 'en_route', 'arrived', 'resolved', 'cancelled'))
        WHEN 'told' THEN NOT EXISTS (
            SELECT FROM notification AS other WHERE other.alarm_id = alarm.id AND other.id <> message.id
                AND other.staff_id = message.staff_id AND other.kind = message.kind
                AND other.state IN ('handed_over', 'delivered', 'read'))
        WHEN 'told anew' THEN NOT EXISTS (
            SELECT FROM notification AS other WHERE other.alarm_id = alarm.id AND other.kind <> message.kind
                AND other.staff_id = message.staff_id AND other.created_at >= message.created_at - :back)
        ELSE false END
"""
# The list is called once for each time the log says so, and told of the answer.
_LAST_RESORTS = """
    SELECT alarm.id, count(*) AS called,
        (SELECT count(*) FROM notification
         WHERE alarm_id = alarm.id AND channel = :list AND kind = 'last_resort') AS told
    FROM alarm JOIN alarm_event ON alarm_id = alarm.id AND type = 'last_resort'
    WHERE station_id = :station GROUP BY alarm.id
"""
_CLOSED_BY = "SELECT id, closed_by FROM alarm WHERE station_id = :station"
# Nobody is told of an end by these. Who has left is told nothing more, by whatever method he was called.
_GONE = """
    SELECT address FROM contact_method JOIN staff ON staff.id = staff_id WHERE removed_at IS NOT NULL OR NOT active
"""
_LIFE_CRITICAL = "SELECT id FROM alarm WHERE station_id = :station AND priority = 0"


async def unaccounted(stage: Stage) -> list[str]:
    """Each message that is missing, and each that is too many."""
    station, back = stage.ground.station, timedelta(seconds=stage.back_s)
    found = [
        f"step {row.step}: {row.messages} messages by {row.channel} for one call"
        for row in await stage.rows(_NOT_CALLED, station=station)
    ]
    left = await stage.rows(_LEFT, station=station, routes=list(ROUTES), bounced=list(stage.post.bounced))
    found += [f"in the morning {row.kind} by {row.channel} is {row.state} ({row.error})" for row in left]
    for row in await stage.rows(_WITHDRAWN, station=station, back=back):
        found.append(f"message {row.id} was taken back as {row.error!r}, and was not")
    for row in await stage.rows(_LAST_RESORTS, station=station, list=LAST_RESORT):
        if row.called != row.told:
            found.append(f"last resort {row.called} times by the log, {row.told} times in the outbox")
    critical = {row.id for row in await stage.rows(_LIFE_CRITICAL, station=station)}
    found += needless(stage.post.sent, stage.post.bounced, critical)
    closed_by = {row.id: row.closed_by for row in await stage.rows(_CLOSED_BY, station=station)}
    gone = {row.address for row in await stage.rows(_GONE)}
    found += told_though_gone(stage.post.sent, stage.post.left)
    return found + untold(stage.post.sent, closed_by, gone)


def told_though_gone(sent: Sequence[Sent], left: Mapping[UUID, int]) -> list[str]:
    """Sent to somebody who had left: what he was called with has a resident's address. `left`: how many messages had
    been sent by then."""
    return [
        f"{one.outgoing.kind} by {one.channel} to {one.outgoing.address}, who has left"
        for number, one in enumerate(sent)
        if one.outgoing.staff_id is not None and left.get(one.outgoing.staff_id, len(sent)) <= number
    ]


def needless(sent: Sequence[Sent], bounced: dict[UUID, int], critical: set[UUID]) -> list[str]:
    """Sent again although it had been taken, and nothing said otherwise: no report that it failed, no death of the
    process that had sent it, and not a life-critical call of whose delivery nothing was known for a minute."""
    found = []
    last: dict[UUID, tuple[int, Sent]] = {}
    for number, one in enumerate(sent):
        message = one.outgoing
        before = last.get(message.id)
        last[message.id] = number, one
        if before is None or before[1].fate in ("refused", "hung", "hung though taken"):
            continue
        failed_since = before[0] < bounced.get(message.id, 0) <= number
        unknown = message.alarm_id in critical and message.kind not in NOT_CALLS and before[1].fate == "taken"
        patient = unknown and one.at_s - before[1].at_s >= UNDELIVERED_S
        if not (failed_since or patient or one.deaths > before[1].deaths):
            found.append(f"{message.kind} by {one.channel} sent again after {one.at_s - before[1].at_s:.0f} s, though "
                         f"{before[1].fate}")  # fmt: skip
    for one in sent:
        alarm = one.outgoing.alarm
        over = alarm is not None and alarm["state"] in ("resolved", "cancelled")
        if over and one.outgoing.kind not in NOT_CALLS and one.outgoing.kind != LAST_RESORT:
            found.append(f"called by {one.channel} to what is over")
    return found


def untold(sent: Iterable[Sent], closed_by: dict[UUID, UUID | None], gone: Collection[str] = ()) -> list[str]:
    """Who has got a call through one of his methods, and was not told afterwards that it is over. `gone`: addresses by
    which nobody need be told any more; who was told by one before it went has been told."""
    called: dict[tuple[UUID, UUID], tuple[int, Sent]] = {}
    told: dict[tuple[UUID, UUID], int] = defaultdict(lambda: -1)
    for number, one in enumerate(sent):
        message = one.outgoing
        if message.alarm_id is None or message.staff_id is None or not one.taken:
            continue
        whom = message.alarm_id, message.staff_id
        if message.more:  # several work orders together: one of them in words
            told.update({one: number for one in called if one[1] == message.staff_id})
        if message.kind in OVER:
            told[whom] = number
        elif message.kind not in NOT_CALLS and message.address not in gone:
            called[whom] = number, one
    return [
        f"{one.outgoing.address} was called at step {one.outgoing.step} ({one.fate}) and is not told that it is over"
        for (alarm, who), (number, one) in called.items() if told[alarm, who] < number and closed_by[alarm] != who
    ]  # fmt: skip
