"""Drills: the homes of an area are called for as if somebody had pressed there, and everybody knows that nobody has.

A manager orders one, for now or for later (`order`); the engine starts and ends it (`alerts.drilling`), and what came
of it stands in the alarms, messages and logs of its homes (`alerts.drill_result`). A drill proves the route from the
ladder to a person's answer, by the same ladder, outbox, methods and answers. It starts and goes on only while nobody is
kept from a call for help (`why_not`).
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID as SQL_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.policy import Policy, Step, person_of
from carebed.columns import instant, label, refers, uuid_key
from carebed.database import metadata


class DrillState(StrEnum):
    """Planned and running ones go on by themselves."""

    PLANNED = "planned"
    RUNNING = "running"
    OVER = "over"
    STOPPED = "stopped"
    """By a manager."""
    CALLED_OFF = "called_off"
    """By the engine, for a `Reason`."""


class Reason(StrEnum):
    """Why a drill does not start, or gives way."""

    PLATFORM = "platform"
    UNANSWERED = "unanswered"
    FLOOD = "flood"
    INCIDENT = "incident"
    DRILL = "drill"
    NO_HOMES = "no_homes"


#: In plain words, English and Chinese.
REASONS: dict[Reason, tuple[str, str]] = {
    Reason.PLATFORM: ("the platform itself is in trouble", "平台自身异常"),
    Reason.UNANSWERED: ("a call for help has not been answered yet", "有真实呼叫尚未响应"),
    Reason.FLOOD: ("there are too many calls for help just now", "当前真实呼叫过多"),
    Reason.INCIDENT: ("many homes are cut off there", "该处有多户同时断线"),
    Reason.DRILL: ("another drill is under way there", "该处正在进行另一场演练"),
    Reason.NO_HOMES: ("there is no home that could be called for", "没有可演练的住户"),
}

#: More at once would be a flood for who is called, and their messages a burden.
MOST_HOMES = 200
SHORTEST, USUAL, LONGEST = timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1)

#: As many calls for help at one station within `FLOOD_SPAN` are a flood.
FLOOD = 10
FLOOD_SPAN = timedelta(minutes=10)

_STATES = ", ".join(f"'{one}'" for one in DrillState)

drill = Table(
    "drill",
    metadata,
    uuid_key(),
    refers("area_code", "area.code", index=True),
    refers("station_id", "station.id", required=False),
    label("kind"),
    Column("homes", ARRAY(SQL_UUID(as_uuid=True)), comment="these only; null: those of the area or station"),
    Column("most", Integer, nullable=False, comment="as many homes at most, those whose last drill is longest ago"),
    Column("lasts_s", Integer, nullable=False),
    label("note", required=False),
    Column("state", Text, CheckConstraint(f"state IN ({_STATES})", name="state"), nullable=False),
    instant("starts_at", required=True, comment="when it was to start"),
    instant("started_at"),
    instant("ended_at"),
    refers("ordered_by", "staff.id"),
    instant("ordered_at", required=True),
    refers("stopped_by", "staff.id", required=False),
    Column("reason", Text, comment="why it waits, or was called off (alerts.drill.Reason)"),
    CheckConstraint("(state IN ('planned', 'running')) = (ended_at IS NULL)", name="ended_has_its_time"),
    comment="drills that managers have ordered",
)

drill_home = Table(
    "drill_home",
    metadata,
    Column("drill_id", ForeignKey("drill.id"), primary_key=True),
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    Column("alarm_id", ForeignKey("alarm.id")),
    Column("left_out", Text, comment="why it was not called for"),
    CheckConstraint("(alarm_id IS NULL) = (left_out IS NOT NULL)", name="called_or_left_out"),
    Index("ix_drill_home_home_id", "home_id"),
    comment="the homes of a drill that was started, each with its alarm",
)

# The engine's deadline of a drill is armed by a trigger of the table (migration 0036).
_ORDER = text("""
    INSERT INTO drill (id, area_code, station_id, kind, homes, most, lasts_s, note, state, starts_at, ordered_by,
        ordered_at)
    VALUES (:id, :area, CAST(:station AS uuid), :kind, CAST(:homes AS uuid[]), :most, :lasts_s, :note, 'planned',
        :starts_at, :by, :now)
""")

# The homes that a drill may call for, one station after the other, those first whose last drill is longest ago. With
# somebody there who has called in earnest, a home is left out.
HOMES = text("""
    SELECT id, station_id, area_code, in_need FROM (
        SELECT home.id, home.station_id, home.area_code, EXISTS (
                SELECT FROM alarm WHERE alarm.home_id = home.id AND closed_at IS NULL AND NOT drill AND priority < 2
            ) AS in_need, row_number() OVER (PARTITION BY home.station_id ORDER BY (
                SELECT max(drill.started_at) FROM drill_home JOIN drill ON drill.id = drill_home.drill_id
                WHERE drill_home.home_id = home.id) NULLS FIRST, home.id) AS turn
        FROM home
        WHERE NOT home.probe AND (CAST(:station AS uuid) IS NULL OR home.station_id = CAST(:station AS uuid))
            AND home.area_code ^@ area_prefix(:area)
            AND (CAST(:homes AS uuid[]) IS NULL OR home.id = ANY (CAST(:homes AS uuid[])))
    ) AS home ORDER BY in_need, turn, id LIMIT :most
""")

# The first thing in the way of a drill at these stations. `:before`: unanswered since before that.
_WHY_NOT = text("""
    SELECT CASE
        WHEN EXISTS (SELECT FROM alarm WHERE closed_at IS NULL AND kind IN ('lag', 'audit')) THEN 'platform'
        WHEN EXISTS (SELECT FROM alarm WHERE closed_at IS NULL AND NOT drill AND priority < 2 AND home_id IS NOT NULL
                AND owner_staff_id IS NULL AND station_id = ANY (CAST(:stations AS uuid[]))
                AND raised_at <= CAST(:before AS timestamptz)) THEN 'unanswered'
        WHEN EXISTS (SELECT FROM alarm WHERE closed_at IS NULL AND kind = 'outage'
                AND station_id = ANY (CAST(:stations AS uuid[]))) THEN 'incident'
        WHEN EXISTS (
            SELECT FROM alarm_event JOIN alarm ON alarm.id = alarm_event.alarm_id
            WHERE alarm_event.type IN ('raised', 'suspected', 'reopened') AND alarm_event.at > :lately
                AND NOT drill AND priority < 2 AND home_id IS NOT NULL
                AND station_id = ANY (CAST(:stations AS uuid[]))
            GROUP BY station_id HAVING count(*) >= :flood) THEN 'flood'
        WHEN EXISTS (
            SELECT FROM drill_home JOIN drill ON drill.id = drill_home.drill_id
            JOIN home ON home.id = drill_home.home_id
            WHERE drill.state = 'running' AND drill.id <> :id AND home.station_id = ANY (CAST(:stations AS uuid[]))
        ) THEN 'drill'
    END
""")


async def order(conn: AsyncConnection, drill_id: UUID, by: UUID, now: datetime, wanted: dict[str, Any]) -> None:
    """Write it down; the engine starts it at `starts_at`, in this very moment if that has passed. `wanted`: the columns
    that the manager chooses."""
    await conn.execute(_ORDER, wanted | {"id": drill_id, "by": by, "now": now})


async def why_not(
    conn: AsyncConnection, drill_id: UUID, stations: Collection[UUID], now: datetime, patience: timedelta = timedelta(0)
) -> Reason | None:
    """What is in the way of a drill at these stations. `patience`: for so long a call for help may be unanswered. Asks
    beyond the caller's areas, so the caller sees to it that it may."""
    asked = {
        "id": drill_id, "stations": list(stations), "before": now - patience, "lately": now - FLOOD_SPAN,
        "flood": FLOOD,
    }  # fmt: skip
    found = (await conn.execute(_WHY_NOT, asked)).scalar_one()
    return None if found is None else Reason(found)


def ladder_of_drill(ladder: Policy, relatives: Collection[UUID] = ()) -> Policy | None:
    """The ladder that a drill climbs: the home's own, once, without its family and without a last resort, at the same
    times. None where nobody is left to call. `relatives`: people of the role family among those whom it names."""
    never = {"family", *(f"person:{one}" for one in relatives)}
    steps: list[Step] = []
    waited_s = 0
    for step in ladder.steps:
        waited_s += step.delay_s
        call = tuple(one for one in step.call if one not in never)
        if call:
            steps.append(Step(min(waited_s, 86_400), call))
            waited_s = 0
    if not steps:
        return None
    return Policy(
        name=ladder.name, steps=tuple(steps), loop_s=86_400, repeat=20, last_resort_s=None,
        acknowledged_s=ladder.acknowledged_s, accepted_s=ladder.accepted_s, reopen_s=0,
    )  # fmt: skip


def people_named(ladders: Sequence[Policy]) -> list[UUID]:
    """Everybody whom these ladders call by name."""
    return [one for ladder in ladders for step in ladder.steps for target in step.call
            if (one := person_of(target)) is not None]  # fmt: skip
