"""Escalation policies: a ladder of steps in seconds, and how long each answer holds before the ladder goes on.

Which one an alarm gets is `alerts.choosing`'s. It keeps a snapshot of it, so a policy changed at night changes no alarm
that is under way; people are looked up when a step comes.
"""

import re
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, Column, SmallInteger, Table, Time, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata

Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]


#: What a step can name: `rota:1`, `rota:2`, ... (who is on that tier of the station's rota now), `desk` (the operators)
#: and `manager`, of the station or of a branch above it, `district` (the operators of the highest station above it),
#: `assigned`, `neighbours`, `volunteers` and `family` of the home, and `person:ID`.
TARGET = re.compile(
    r"rota:[1-9]|desk|manager|district|assigned|neighbours|volunteers|family"
    r"|person:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)

_PERSON = "person:"


def person_of(target: str) -> UUID | None:
    """Whom a target names; None: whoever answers to it when the step comes."""
    return UUID(target.removeprefix(_PERSON)) if target.startswith(_PERSON) else None


#: They answer by telephone and screen, and go to no door.
DESKS = frozenset({"desk", "district"})


class Step(msgspec.Struct, frozen=True):
    """Whom to call (`TARGET`), and how many seconds after the step before it (the first: after the raise)."""

    delay_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    call: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Policy(msgspec.Struct, frozen=True):
    """The ladder of one alarm. 97.5 % within 60 s and 99 % within 180 s (TSA code of practice) set the first steps."""

    name: str
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=20)]
    #: After the last step the ladder starts again this many seconds later, for as long as nobody answers.
    loop_s: Seconds = 120
    #: So many further rounds before the alarm counts as exhausted.
    repeat: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    #: The last step of an exhausted round was taken and nobody has answered: the last-resort list is called, at once
    #: where the step had nobody to call. None: never.
    last_resort_s: Seconds | None = 60
    #: The desk took charge and nobody is on the way: the ladder goes on.
    acknowledged_s: Seconds = 120
    #: Accepted and not on the way.
    accepted_s: Seconds = 180
    #: On the way and not arrived.
    en_route_s: Seconds = 1_800
    #: On scene and not closed.
    on_scene_s: Seconds = 3_600
    #: For so long a closed alarm can be opened again; afterwards a new one is raised by hand.
    reopen_s: Annotated[int, msgspec.Meta(ge=0, le=2_592_000)] = 86_400


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
    last_resort_s=None,
)

#: Incidents: the desk and the managers know at once, and have to see to many homes.
INCIDENT_POLICY = Policy(
    name="incident",
    steps=(Step(delay_s=0, call=("desk", "manager")),),
    loop_s=1_800,
    acknowledged_s=3_600,
    last_resort_s=None,
)

#: Alarms about the platform itself: the desk and the managers know at once.
PLATFORM_POLICY = Policy(
    name="platform",
    steps=(Step(delay_s=0, call=("desk", "manager")),),
    loop_s=900,
    acknowledged_s=3_600,
    last_resort_s=300,
)

#: Hours ahead in which nobody can be reached: the managers have until then. Where there is none, or none who answers,
#: the desk and the district; where there is nobody at all, or a working day has gone by, the last resort.
READINESS_POLICY = Policy(
    name="readiness",
    steps=(Step(delay_s=0, call=("manager",)), Step(delay_s=1_800, call=("desk", "district"))),
    loop_s=14_400,
    acknowledged_s=28_800,
    accepted_s=28_800,
    en_route_s=28_800,
    on_scene_s=28_800,
    last_resort_s=28_800,
)

#: Homes whose test call is overdue: the manager hears of them once a day.
TEST_CALLS_POLICY = Policy(
    name="test calls",
    steps=(Step(delay_s=0, call=("manager",)), Step(delay_s=14_400, call=("manager", "desk"))),
    loop_s=72_000,
    acknowledged_s=86_400,
    accepted_s=86_400,
    en_route_s=86_400,
    on_scene_s=86_400,
    last_resort_s=None,
)

policy = Table(
    "policy",
    metadata,
    uuid_key(),
    refers("station_id", "station.id", required=False),
    refers("area_code", "area.code", required=False),
    refers("home_id", "home.id", required=False),
    label("kind", required=False),
    Column("priority", SmallInteger, CheckConstraint("priority BETWEEN 0 AND 2", name="priority")),
    Column("from_time", Time, comment="local time of the station's area; until to_time, over midnight if that is less"),
    Column("to_time", Time),
    Column(
        "days", ARRAY(SmallInteger),
        CheckConstraint("cardinality(days) BETWEEN 1 AND 7 AND days <@ '{1,2,3,4,5,6,7}'::smallint[]", name="days"),
        comment="ISO weekdays on which it begins, in order; null: every day",
    ),
    Column("ladder", JSONB, nullable=False),
    recorded(),
    refers("set_by", "staff.id", required=False),
    instant("set_at"),
    UniqueConstraint(
        "home_id", "station_id", "area_code", "kind", "priority", "from_time", "to_time", "days",
        name="uq_policy_match", postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint("num_nonnulls(home_id, station_id, area_code) <= 1", name="one_place"),
    CheckConstraint(
        "num_nonnulls(from_time, to_time) <> 1 AND from_time IS DISTINCT FROM to_time"
        " OR from_time IS NULL AND to_time IS NULL",
        name="span",
    ),
    comment="escalation policies; null: whatever has none that is more specific",
)  # fmt: skip


def policy_json(ladder: Policy) -> str:
    """The snapshot that an alarm keeps."""
    return msgspec.json.encode(ladder).decode()


def policy_from(value: object) -> Policy:
    """Read a policy row; raises msgspec.ValidationError for anything that is no ladder."""
    return msgspec.convert(value, Policy)


def snapshot_from(value: object) -> Policy:
    """The same of what an alarm keeps, which a newer release may have written: what is not known here is passed over,
    and what cannot be read has its default. Raises msgspec.ValidationError where no step can be read.

    So an older process that is still running takes the steps that were set, and not the built-in ladder.
    """
    try:
        return policy_from(value)
    except msgspec.ValidationError:
        if not isinstance(value, dict) or not isinstance(value.get("steps"), list):
            raise
        steps = tuple(step for one in value["steps"] for step in _readable(one, Step))
        if not steps:
            raise
        types = {one.name: one.type for one in msgspec.structs.fields(Policy)}
        known = {name: read for name in types.keys() & value.keys() - {"name", "steps"}
                 for read in _readable(value[name], types[name])}  # fmt: skip
        return Policy(name=str(value.get("name", "")), steps=steps, **known)


def _readable(value: object, kind: Any) -> list[Any]:
    """The value, or nothing."""
    try:
        return [msgspec.convert(value, kind)]
    except msgspec.ValidationError:
        return []
