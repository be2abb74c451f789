"""Escalation policies: a ladder of steps in seconds, and how long each answer holds before the ladder goes on.

Kept per station, or per branch of the area tree where a station has none of its own; the most specific one counts. An
alarm keeps a snapshot of its policy, so a policy changed at night changes no alarm that is under way.
"""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import Column, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import Priority
from carebed.columns import label, recorded, refers, uuid_key
from carebed.database import metadata
from carebed.logs import get_logger

log = get_logger()

Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to call, and how many seconds after the step before it (the first: after the raise).

    Targets: `rota:1`, `rota:2`, ... (who is on that tier of the station's rota now), `desk` (the operators), `manager`.
    """

    delay_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    call: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ladder of one alarm. 97.5 % within 60 s and 99 % within 180 s (TSA code of practice) set the first steps."""

    name: str
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=20)]
    #: After the last step the ladder starts again this many seconds later, and the alarm is marked exhausted.
    loop_s: Seconds = 120
    #: The desk took charge and nobody is on the way: the ladder goes on.
    acknowledged_s: Seconds = 120
    #: Accepted and not on the way.
    accepted_s: Seconds = 180
    #: On the way and not arrived.
    en_route_s: Seconds = 1_800
    #: On scene and not closed.
    on_scene_s: Seconds = 3_600


#: Life-critical and urgent alarms, where nobody has set another.
DEFAULT_POLICY = Policy(
    name="default",
    steps=(
        Step(delay_s=0, call=("rota:1", "desk")),
        Step(delay_s=60, call=("rota:2", "desk")),
        Step(delay_s=60, call=("manager", "rota:1", "rota:2", "desk")),
    ),
)

#: Work orders (offline, battery): hours, not seconds.
WORK_ORDER_POLICY = Policy(
    name="work order",
    steps=(Step(delay_s=0, call=("desk",)), Step(delay_s=14_400, call=("manager", "desk"))),
    loop_s=43_200,
    acknowledged_s=28_800,
    accepted_s=28_800,
    en_route_s=28_800,
    on_scene_s=28_800,
)

#: Incidents: the desk and the managers know at once, and have to see to many homes.
INCIDENT_POLICY = Policy(
    name="incident",
    steps=(Step(delay_s=0, call=("desk", "manager")),),
    loop_s=1_800,
    acknowledged_s=3_600,
)

#: Alarms about the platform itself: the desk and the managers know at once.
PLATFORM_POLICY = Policy(
    name="platform",
    steps=(Step(delay_s=0, call=("desk", "manager")),),
    loop_s=900,
    acknowledged_s=3_600,
)

policy = Table(
    "policy",
    metadata,
    uuid_key(),
    refers("station_id", "station.id", required=False),
    refers("area_code", "area.code", required=False),
    label("kind", required=False),
    Column("ladder", JSONB, nullable=False),
    recorded(),
    UniqueConstraint("station_id", "area_code", "kind", postgresql_nulls_not_distinct=True),
    comment="escalation policies; kind null: every kind that has none of its own",
)


def policy_json(ladder: Policy) -> str:
    """The snapshot that an alarm keeps."""
    return msgspec.json.encode(ladder).decode()


def policy_from(value: object) -> Policy:
    """Read a snapshot or a policy row; raises msgspec.ValidationError for anything that is no ladder."""
    return msgspec.convert(value, Policy)


#: (station, kind or None for every kind) -> its most specific ladder.
Ladders = dict[tuple[UUID, str | None], Policy]

# Every ladder that might apply to these stations: their own, their branch's, everybody's.
_POLICIES = text("""
    SELECT station.id AS for_station, policy.kind, policy.ladder
    FROM station JOIN policy ON (policy.station_id IS NULL OR policy.station_id = station.id)
        AND (policy.area_code IS NULL OR station.area_code ^@ area_prefix(policy.area_code))
    WHERE station.id = ANY(:stations)
    ORDER BY (policy.station_id IS NOT NULL), coalesce(length(area_prefix(policy.area_code)), 0),
        (policy.kind IS NOT NULL)
""")


async def read_ladders(conn: AsyncConnection, stations: Iterable[UUID]) -> Ladders:
    """The ladders set for these stations or their branches; later rows are more specific and win."""
    wanted = sorted(set(stations))
    ladders: Ladders = {}
    if not wanted:
        return ladders
    for station, kind, ladder in await conn.execute(_POLICIES, {"stations": wanted}):
        try:
            ladders[station, kind] = policy_from(ladder)
        except msgspec.ValidationError as error:
            # No call for help may fail because somebody wrote a ladder that is none: the next best one counts.
            log.error("policy_unreadable", station=str(station), kind=kind, error=str(error))
    return ladders


def ladder_for(ladders: Ladders, station_id: UUID, kind: str, priority: Priority) -> Policy:
    """The ladder of a new alarm. Alarms about the platform, incidents and work orders follow only one that names
    their kind."""
    if kind in ("lag", "audit"):
        return ladders.get((station_id, kind), PLATFORM_POLICY)
    if kind == "outage":
        return ladders.get((station_id, kind), INCIDENT_POLICY)
    if priority is Priority.WORK_ORDER:
        return ladders.get((station_id, kind), WORK_ORDER_POLICY)
    return ladders.get((station_id, kind)) or ladders.get((station_id, None)) or DEFAULT_POLICY
