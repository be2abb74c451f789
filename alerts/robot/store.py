"""What stands in the database of robot groups: every statement of the one who posts to them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import PRIORITY_RANK, Priority
from alerts.robot.group import EVENTS, Shows
from alerts.robot.pace import Pace
from alerts.robot.post import Line

_OVER = EVENTS[Shows.OVER]
_BEFORE = [event for what, events in EVENTS.items() if what is not Shows.OVER for event in events]

# Every group, without its address and secret; a group that rests is tested all the same, unless its provider blocks it.
_GROUPS = text("""
    SELECT robot_group.id, robot_group.name, channel, robot_group.area_code, station_id,
        language, shows, work_orders, shown_seq, failures, test_wanted, area.time_zone AS zone, carebed_now() AS now,
        coalesce(paused_until > clock_timestamp(), false)
            AND NOT (test_wanted AND coalesce(last_error, '') NOT LIKE 'too_fast%') AS paused,
        ARRAY(SELECT extract(epoch FROM clock_timestamp() - at)::float8 FROM unnest(posts) AS at) AS ages_s
    FROM robot_group LEFT JOIN station ON station.id = robot_group.station_id
    JOIN area ON area.code = coalesce(robot_group.area_code, station.area_code)
    ORDER BY robot_group.id
""")

_NEWEST = text("SELECT newest_event()")

# What has happened to the alarms of a group since it was shown last, in the log's order. An alarm that ends without
# ever having been anybody's business (a fall that was only suspected) is left out.
_NEWS = text("""
    SELECT event.seq, event.type, event.at, area.time_zone AS zone, staff.name AS who, alarm.id, alarm.kind,
        alarm.drill, home.address, coalesce(home.name, station.name) AS place
    FROM alarm_event AS event
    JOIN alarm ON alarm.id = event.alarm_id
    JOIN area ON area.code = alarm.area_code
    JOIN station ON station.id = alarm.station_id
    LEFT JOIN home ON home.id = alarm.home_id
    LEFT JOIN staff ON staff.id = CASE
        WHEN event.data ? 'responder' THEN CAST(event.data ->> 'responder' AS uuid)
        WHEN event.actor_type = 'staff' THEN CAST(event.actor_id AS uuid) END
    WHERE event.seq > :after AND event.type = ANY (CAST(:types AS text[]))
        AND (alarm.station_id = CAST(:station AS uuid) OR alarm.area_code ^@ area_prefix(CAST(:area AS text)))
        AND (CAST(:work_orders AS boolean) OR alarm.priority <> :work_order)
        AND (event.type <> ALL (:over) OR EXISTS (
            SELECT FROM alarm_event AS before
            WHERE before.alarm_id = alarm.id AND before.seq < event.seq AND before.type = ANY (:before)))
    ORDER BY event.seq LIMIT :limit
""")

# Books a post before it is sent, unless there have been too many; gives the way there.
_BOOK = text("""
    UPDATE robot_group SET posts = lately.posts || clock_timestamp()
    FROM (SELECT id, ARRAY(
            SELECT at FROM unnest(posts) AS at
            WHERE at > clock_timestamp() - make_interval(secs => :window) ORDER BY at) AS posts
        FROM robot_group WHERE id = :id FOR NO KEY UPDATE) AS lately
    WHERE robot_group.id = lately.id AND cardinality(lately.posts) < :most
    RETURNING webhook_url, secret
""")

_POSTED = text("""
    UPDATE robot_group SET shown_seq = greatest(shown_seq, :seq), posted_at = carebed_now(), last_error = NULL,
        failures = 0, paused_until = NULL,
        tested_at = CASE WHEN CAST(:seq AS bigint) IS NULL THEN carebed_now() ELSE tested_at END,
        test_wanted = test_wanted AND CAST(:seq AS bigint) IS NOT NULL
    WHERE id = :id
""")

# A test that was not taken has been made all the same: what came of it stands in the row.
_NOT_POSTED = text("""
    UPDATE robot_group SET failed_at = carebed_now(), last_error = :error, failures = failures + 1, test_wanted = false,
        paused_until = clock_timestamp() + make_interval(secs => :pause)
    WHERE id = :id
""")

_KEEP_PLACES = text("""
    UPDATE robot_group SET shown_seq = read_to.seq
    FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS bigint[])) AS read_to (id, seq)
    WHERE robot_group.id = read_to.id AND shown_seq < read_to.seq
""")


async def groups(conn: AsyncConnection) -> tuple[int, list[Row[Any]]]:
    """The newest event's number, and all groups. The number is read first: what comes in meanwhile is read again."""
    newest: int = (await conn.execute(_NEWEST)).scalar_one()
    return newest, list((await conn.execute(_GROUPS)).all())


async def news(conn: AsyncConnection, group: Row[Any], after: int, limit: int) -> list[Line]:
    """What this group is to show, oldest first."""
    asked = {
        "after": after, "types": [event for what in group.shows for event in EVENTS[Shows(what)]],
        "station": group.station_id, "area": group.area_code, "work_orders": group.work_orders,
        "work_order": PRIORITY_RANK[Priority.WORK_ORDER], "over": list(_OVER), "before": _BEFORE, "limit": limit,
    }  # fmt: skip
    return [_line(row) for row in await conn.execute(_NEWS, asked)]


def _line(row: Row[Any]) -> Line:
    place = {"address": row.address, "name": row.place}
    alarm = {"id": row.id, "kind": row.kind, "drill": row.drill, "place": place}
    return Line(row.seq, row.type, row.at, row.zone, alarm, row.who)


async def book(conn: AsyncConnection, group_id: UUID, pace: Pace) -> Row[Any] | None:
    """Book a post; its address and secret. None where there have been too many, or the group is gone."""
    asked = {"id": group_id, "window": pace.window_s, "most": pace.most}
    return (await conn.execute(_BOOK, asked)).one_or_none()


async def posted(conn: AsyncConnection, group_id: UUID, seq: int | None) -> None:
    """It was taken. `seq`: the last event that is in it; None: it was a test."""
    await conn.execute(_POSTED, {"id": group_id, "seq": seq})


async def not_posted(conn: AsyncConnection, group_id: UUID, error: str, pause_s: float) -> None:
    """It was not taken: nothing for so long."""
    await conn.execute(_NOT_POSTED, {"id": group_id, "error": error, "pause": pause_s})


async def keep_places(conn: AsyncConnection, read_to: Mapping[UUID, int]) -> None:
    """Write down how far these groups' logs have been read."""
    if read_to:
        await conn.execute(_KEEP_PLACES, {"ids": list(read_to), "seqs": list(read_to.values())})
