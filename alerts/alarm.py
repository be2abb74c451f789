"""The alarm: one row per call for help, with its state, its owner, its ladder and the policy it was raised under.

Which states are open, what each kind's priority is, and the names of outcomes have their home here. How an alarm moves
is `alerts.lifecycle`; its history is `alerts.event`.
"""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from carebed.columns import instant, label, refers, uuid_key
from carebed.database import metadata


class State(StrEnum):
    """Derived from the responses and the desk's acknowledgement; the last two are closed."""

    SUSPECTED = "suspected"
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """Life-critical is seconds and nothing may hold it up; urgent is minutes; a work order is hours."""

    LIFE_CRITICAL = "life_critical"
    URGENT = "urgent"
    WORK_ORDER = "work_order"


class Outcome(StrEnum):
    """What was found; mandatory at the close, or the rules can never be tuned."""

    EMERGENCY = "emergency"
    HELP_GIVEN = "help_given"
    NO_HELP_NEEDED = "no_help_needed"
    FALSE_ALARM = "false_alarm"
    TEST = "test"
    HANDED_TO_120 = "handed_to_120"
    NOT_ANSWERED = "not_answered"
    """Of a drill that nobody answered (`alerts.drill`); a call for help never ends like this."""


class Closing(StrEnum):
    """How an alarm ends when what it was raised for is over: by itself as long as nobody has taken it, or only by a
    person, who then finds a remark."""

    BY_ITSELF = "by_itself"
    BY_PERSON = "by_person"


class Kind(NamedTuple):
    """What holds for all alarms of a kind."""

    priority: Priority
    closing: Closing
    gathers: bool = False
    """Many at once may be one incident (`alerts.incident`)."""


_PERSON_CRITICAL = Kind(Priority.LIFE_CRITICAL, Closing.BY_PERSON)
_PERSON_URGENT = Kind(Priority.URGENT, Closing.BY_PERSON)
_URGENT = Kind(Priority.URGENT, Closing.BY_ITSELF)
_WORK_ORDER = Kind(Priority.WORK_ORDER, Closing.BY_ITSELF)
_OUTAGE_OF_ONE = Kind(Priority.WORK_ORDER, Closing.BY_ITSELF, gathers=True)

#: Every kind of alarm (docs/protocol.md). Where somebody may have come to harm only a person closes: that the sensor is
#: content again does not say that he is well.
KINDS: dict[str, Kind] = {
    "sos": _PERSON_CRITICAL,
    "fall": _PERSON_CRITICAL,
    "smoke": _PERSON_CRITICAL,
    "gas": _PERSON_CRITICAL,
    "assist": _PERSON_URGENT,
    "doorbell": _PERSON_URGENT,
    "leak": _PERSON_URGENT,
    "inactivity": _PERSON_URGENT,
    "vital_signs": _PERSON_URGENT,
    "zone": _PERSON_URGENT,
    "bed": _PERSON_URGENT,
    "check_in": _PERSON_URGENT,
    "door": _URGENT,
    "water": _URGENT,
    "lag": _URGENT,
    "audit": _URGENT,
    "readiness": _URGENT,
    "outage": _URGENT,
    "offline": _OUTAGE_OF_ONE,
    "battery": _WORK_ORDER,
    "tamper": Kind(Priority.WORK_ORDER, Closing.BY_PERSON),
    "clock": _WORK_ORDER,
    "sensor": _WORK_ORDER,
    "mains": _OUTAGE_OF_ONE,
    "not_worn": _WORK_ORDER,
    "vital_trend": _WORK_ORDER,
    "alarm_load": _WORK_ORDER,
    "test_calls": _WORK_ORDER,
}

#: Merge keys of drills begin like this, and no others: so no signal of a home ever joins a drill, nor a drill a signal.
DRILL_KEY = "drill:"

#: A kind that is not in the table, of a device that is newer than we are: somebody looks at it.
UNKNOWN_KIND = _PERSON_URGENT


def kind_of(name: str) -> Kind:
    """What holds for alarms of this kind."""
    return KINDS.get(name, UNKNOWN_KIND)


#: Sort key of the board: most urgent first.
PRIORITY_RANK = {priority: rank for rank, priority in enumerate(Priority)}

_QUOTED_STATES = ", ".join(f"'{state}'" for state in State)
_QUOTED_OUTCOMES = ", ".join(f"'{outcome}'" for outcome in Outcome)

# A drill ends as one, and nothing else ends like a drill.
_ENDS_AS_WHAT_IT_IS = (
    "CASE WHEN drill THEN outcome IS NULL OR outcome IN ('test', 'not_answered') "
    "ELSE outcome IS DISTINCT FROM 'not_answered' END"
)

alarm = Table(
    "alarm",
    metadata,
    uuid_key(),
    Column("version", Integer, nullable=False, server_default=text("1")),
    label("kind"),
    Column("priority", SmallInteger, CheckConstraint("priority BETWEEN 0 AND 2", name="priority"), nullable=False),
    Column("state", Text, CheckConstraint(f"state IN ({_QUOTED_STATES})", name="state"), nullable=False),
    refers("area_code", "area.code", index=True),
    refers("station_id", "station.id"),
    refers("home_id", "home.id", required=False, index=True),
    refers("resident_id", "resident.id", required=False),
    label("gateway_id", required=False),
    label("device_id", required=False),
    Column("merge_key", Text, nullable=False, comment="one open alarm per key; what repeats joins it"),
    instant("raised_at", required=True),
    instant("happened_at", required=True),
    Column("late", Boolean, nullable=False, server_default=text("false")),
    Column(
        "drill", Boolean, nullable=False, server_default=text("false"),
        comment="called as a drill; settled when it is raised",
    ),
    Column("step", Integer, nullable=False, server_default=text("0"), comment="ladder step reached; 0: nobody paged"),
    instant("next_step_at"),
    Column("exhausted", Boolean, nullable=False, server_default=text("false")),
    instant("last_resort_at", comment="when the last resort is called, unless somebody answers"),
    Column("last_resorts", Integer, nullable=False, server_default=text("0"), comment="how often it was called"),
    refers("owner_staff_id", "staff.id", required=False),
    refers("acknowledged_by", "staff.id", required=False),
    instant("acknowledged_at"),
    instant("acknowledgement_expires_at"),
    Column("repeats", Integer, nullable=False, server_default=text("0")),
    instant("last_repeat_at"),
    Column("suspicion", JSONB, comment="the windows of a suspected fall (alerts.suspicion)"),
    Column("presses", JSONB, nullable=False, server_default=text("'[]'"), comment="times of the last presses"),
    instant("urged_at", comment="when presses last brought a step forward"),
    Column("devices", JSONB, nullable=False, server_default=text("'[]'"), comment="which have signalled, and are over"),
    Column("policy", JSONB, nullable=False, comment="the escalation policy as it stood when the alarm was raised"),
    Column("why", JSONB, nullable=False),
    Column("outcome", Text, CheckConstraint(f"outcome IN ({_QUOTED_OUTCOMES})", name="outcome")),
    label("note", required=False),
    Column("reference", Text, comment="of the ambulance service that it was handed to"),
    instant("closed_at"),
    refers("closed_by", "staff.id", required=False),
    Column(
        "incident_id", ForeignKey("alarm.id"), comment="the incident that it is part of; its page is the incident's"
    ),
    instant("gathering_until", comment="nobody is paged before: others may make it an incident"),
    CheckConstraint("incident_id IS NULL OR priority > 0", name="life_critical_stands_alone"),
    CheckConstraint(f"drill = starts_with(merge_key, '{DRILL_KEY}')", name="drill_has_its_own_key"),
    CheckConstraint("NOT drill OR (incident_id IS NULL AND gathering_until IS NULL)", name="drill_stands_alone"),
    CheckConstraint(_ENDS_AS_WHAT_IT_IS, name="drill_ends_as_one"),
    CheckConstraint("(closed_at IS NOT NULL) = (state IN ('resolved', 'cancelled'))", name="closed_has_its_time"),
    CheckConstraint("(state = 'resolved') = (outcome IS NOT NULL)", name="resolved_has_its_outcome"),
    Index("uq_alarm_open_merge_key", "merge_key", unique=True, postgresql_where=text("closed_at IS NULL")),
    Index("ix_alarm_incident_id", "incident_id", postgresql_where=text("incident_id IS NOT NULL")),
    Index("ix_alarm_gathering", "gathering_until", postgresql_where=text("gathering_until IS NOT NULL")),
    Index(
        "ix_alarm_acknowledged_by",
        "acknowledged_by",
        postgresql_where=text("acknowledged_by IS NOT NULL AND closed_at IS NULL"),
    ),
    Index("ix_alarm_closed_at", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
)  # fmt: skip
