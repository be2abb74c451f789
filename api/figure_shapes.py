"""The shapes of figures: alarm load, and how soon calls were answered."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from alerts.alarm import Priority
from api.shape import Shape


class Load(Shape):
    """Counts of alarms. `alarms`: all but tests; `real_share`: of those that somebody judged."""

    alarms: int
    real: int
    false: int
    test: int
    open: int
    cancelled: int
    real_share: float | None
    per_1000_homes_day: float | None


class LoadOfKind(Load):
    """`detector`: what raised them; the kind itself where a device called."""

    kind: str
    detector: str


class LoadOfArea(Load):
    """Of one area itself, without those below it."""

    area: str
    name: str
    homes: int


class LoadOfHome(LoadOfKind):
    """Of one kind in one home."""

    home: UUID
    name: str


class AlarmLoad(Shape):
    """How many alarms there were, and how many of them were real."""

    from_: datetime = Field(alias="from")
    to: datetime
    area: str
    homes: int
    total: Load
    by_kind: list[LoadOfKind]
    by_area: list[LoadOfArea]
    by_home: list[LoadOfHome]


class Span(Shape):
    """Seconds from the beginning of the calls that got there."""

    count: int
    median: float | None
    p90: float | None
    p99: float | None


class Within(Shape):
    """`answered` within so many seconds, `of` those that were or that waited longer."""

    within_s: int
    answered: int
    of: int
    share: float | None


class Kpi(Shape):
    """Figures of one group of calls. `waiting`: nobody has answered yet; `over`: ended without an answer; `late`: old
    when they arrived; `reopened`: of alarms that were closed before."""

    calls: int
    answered: int
    waiting: int
    over: int
    late: int
    reopened: int
    within: list[Within]
    to_answer_s: Span
    to_acknowledge_s: Span
    to_accept_s: Span
    to_en_route_s: Span
    to_arrival_s: Span
    to_resolved_s: Span


class KpiOfArea(Kpi):
    """Of the branch below the one that was asked for."""

    area: str
    name: str | None


class KpiOfStation(Kpi):
    """Of one station's homes."""

    station: UUID
    name: str | None


class KpiOfKind(Kpi):
    """Of one kind of alarm."""

    kind: str


class KpiOfPriority(Kpi):
    """Of one priority."""

    priority: Priority


class KpiOfHour(Kpi):
    """Of the calls that began in this hour of the day, by the area's own clock."""

    hour: int


class KpiTarget(Shape):
    """At least this share of calls is to be answered within so many seconds."""

    within_s: int
    share: float
    source: str


class KpiTargets(Shape):
    """The targets that hold in an area. `set_in`: the nearest branch above that has some; null: nowhere."""

    set_in: str | None
    targets: list[KpiTarget]


class KpiTargetReached(KpiTarget):
    """A target with what was reached; null where there was no call to judge by."""

    reached: float | None
    met: bool | None


class KpiTargetsReached(Shape):
    """The targets of the area that was asked for. `set_in`: the branch where they are set; null: the TSA's."""

    set_in: str | None
    items: list[KpiTargetReached]


class Kpis(Shape):
    """How soon calls were answered."""

    from_: datetime = Field(alias="from")
    to: datetime
    area: str
    targets: KpiTargetsReached
    total: Kpi
    tests: Kpi
    by_area: list[KpiOfArea]
    by_station: list[KpiOfStation]
    by_kind: list[KpiOfKind]
    by_priority: list[KpiOfPriority]
    by_hour: list[KpiOfHour]
