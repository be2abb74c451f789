"""Escalation policies: a ladder of steps in seconds, and how long each answer holds before the ladder goes on.

Kept per station, or per branch of the area tree where a station has none of its own; the most specific one counts. An
alarm keeps a snapshot of its policy, so a policy changed at night changes no alarm that is under way.
"""

from typing import Annotated

import msgspec
from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import label, recorded, refers, uuid_key
from carebed.database import metadata

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
