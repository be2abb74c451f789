"""The shapes of answers, for the OpenAPI document. The database builds the JSON itself; tests hold the two together."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from alerts.alarm import Outcome, Priority, State
from alerts.incident_tick import Finding
from alerts.response import ResponseState


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Owner(_Shape):
    """Who acknowledged, else who accepted, else the station."""

    type: Literal["station", "staff"]
    id: UUID
    name: str


class Place(_Shape):
    """Where the alarm is. `area`: 12-digit area code."""

    name: str
    address: str | None
    area: str
    area_name: str
    time_zone: str
    station: str


class Response(_Shape):
    """Where one person stands with the alarm."""

    staff: UUID
    name: str
    state: ResponseState
    called_at: datetime | None
    accepted_at: datetime | None
    en_route_at: datetime | None
    arrived_at: datetime | None
    left_at: datetime | None


class Text(_Shape):
    """A sentence in both languages."""

    en: str
    zh: str


class Seen(_Shape):
    """An event that led to the alarm. `name`, `room`: of its device, as in the registry when it was raised."""

    at: datetime
    device_id: str
    name: str | None = None
    room: str | None = None
    type: str
    value: float | bool | str | None
    message_id: str


class Why(BaseModel):
    """Why there is an alarm: a code, a sentence with what was expected, what was seen and since when, and the figures
    in it, whose names depend on the code."""

    model_config = ConfigDict(extra="allow")
    code: str
    text: Text
    detector: str | None = Field(default=None, description="what found it; absent where somebody pressed")
    since: datetime | None = None
    evidence: list[Seen] | None = Field(default=None, description="the events that led to it, the oldest first")


class Calling(_Shape):
    """A device that has signalled the alarm. `over_at`: when it said that it is over (smoke, gas, leak)."""

    id: str
    since: datetime
    over_at: datetime | None


class Suspicion(_Shape):
    """Nobody is paged before `page_at`. Movement of the wearer until `still_until` ends it; `watching`: that time is
    not over."""

    fallen_at: datetime
    heard_at: datetime
    moves_from: datetime
    still_until: datetime
    page_at: datetime
    watching: bool


class Alarm(_Shape):
    """A call for help. An object of a higher `version` replaces one of a lower."""

    id: UUID
    version: int
    kind: str = Field(description="the device's type, otherwise `inactivity`, `offline`, `lag`")
    priority: Priority
    state: State
    owner: Owner
    raised_at: datetime
    happened_at: datetime
    late: bool = Field(description="it was old when it arrived")
    drill: bool = Field(description="called as a drill: nobody is to go, and no home hears of it")
    home: UUID | None
    resident: UUID | None
    place: Place
    resident_name: str | None
    device: str | None
    deadline_at: datetime | None = Field(description="when something happens next; set while the alarm is open")
    step: int = Field(description="ladder step reached; 0: nobody has been paged yet")
    exhausted: bool = Field(description="the ladder went through all its steps")
    last_resort_at: datetime | None = Field(description="when the last-resort list is called, unless somebody answers")
    last_resorts: int = Field(description="how often the last-resort list was called")
    responses: list[Response]
    repeats: int
    last_repeat_at: datetime | None
    urged_at: datetime | None = Field(description="when repeated presses last brought a step forward")
    devices: list[Calling] = Field(description="which devices have signalled it, in the order in which they first did")
    suspicion: Suspicion | None = Field(description="of a fall that is suspected: the windows that end it")
    why: Why
    outcome: Outcome | None
    note: str | None
    reference: str | None = Field(description="of the ambulance service (`handed_to_120`)")
    closed_at: datetime | None
    incident: UUID | None = Field(
        description="the alarm of the incident that it is part of: whom that pages, this does not"
    )
    server_time: datetime = Field(description="the server's clock when this was read: count down against it")


class MovedAlarm(Alarm):
    """The alarm after a move."""

    stale: bool = Field(description="the move answered a step already passed, and counted all the same")


class AlarmPage(_Shape):
    """A page of alarms."""

    items: list[Alarm]
    next: str | None = Field(description="cursor of the next page")


class Actor(_Shape):
    """Who did it."""

    type: str
    id: str | None
    name: str | None


class AlarmEvent(_Shape):
    """One line of the append-only event log. `seq` is in commit order."""

    seq: int
    at: datetime
    device_time: datetime | None
    type: str
    actor: Actor | None
    channel: str | None
    version: int
    data: dict[str, Any]


class EventPage(_Shape):
    """A page of events, oldest first."""

    items: list[AlarmEvent]
    next: str | None


class Tokens(_Shape):
    """RFC 6749. `expires_in`: seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int


class Role(StrEnum):
    """What a person may do."""

    CAREGIVER = "caregiver"
    OPERATOR = "operator"
    MANAGER = "manager"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    NEIGHBOUR = "neighbour"
    VOLUNTEER = "volunteer"
    FAMILY = "family"


class Me(_Shape):
    """Who is signed in. `area`: 12-digit area code; everything below it is in view."""

    id: UUID
    login: str
    name: str
    role: Role
    area: str
    area_name: str


class Resident(_Shape):
    """Somebody who lives in a home."""

    id: UUID
    name: str


class Home(_Shape):
    """A home. `beds`: numbers of its home-care beds."""

    id: UUID
    name: str
    address: str | None
    area: str
    area_name: str
    station: str
    residents: list[Resident]
    beds: list[str]


class HomePage(_Shape):
    """A page of homes."""

    items: list[Home]
    next: str | None


class Series(_Shape):
    """Readings of one device and type: columns of equal length, an entry for each hour that has readings."""

    device: str
    kind: str
    type: str
    hour: list[datetime]
    readings: list[int]
    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]
    first: list[float | None]
    last: list[float | None]


class SeriesPage(_Shape):
    """All series of a home."""

    items: list[Series]
    next: str | None


class Visit(_Shape):
    """Somebody was there. `ended_at` null: still is."""

    id: UUID
    alarm: UUID | None
    home: UUID | None
    resident: UUID | None
    staff: UUID
    staff_name: str | None
    kind: Literal["emergency"]
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None


class VisitPage(_Shape):
    """A page of visits, newest first."""

    items: list[Visit]
    next: str | None


class Scope(StrEnum):
    """Where a value was set. `default`: nowhere."""

    HOME = "home"
    STATION = "station"
    AREA = "area"
    DEFAULT = "default"


class SetIn(_Shape):
    """The scope that a value comes from, and which home, station or area that is."""

    scope: Scope
    id: str | None


class Parameter(_Shape):
    """One parameter of a detector, as it holds here. `source`: where its default and bounds are from."""

    name: str
    value: Any
    set_in: SetIn
    default: Any
    unit: str | None = Field(description="UCUM; null where the value is no quantity")
    minimum: float | None
    maximum: float | None
    choices: list[str] | None = Field(description="all that it can be; null where it is no word")
    source: str | None


class DetectorParameters(_Shape):
    """A detector and what holds for it."""

    detector: str
    parameters: list[Parameter]


class DetectorPage(_Shape):
    """All detectors."""

    items: list[DetectorParameters]
    next: str | None


class Absence(_Shape):
    """Nobody was, is or will be at home. `withdrawn_at` set: it counts no more."""

    id: UUID
    home: UUID
    begins_at: datetime
    ends_at: datetime
    entered_by: UUID
    entered_by_name: str | None
    entered_at: datetime
    note: str | None
    withdrawn_at: datetime | None


class AbsencePage(_Shape):
    """Absences of a home, the newest entry first."""

    items: list[Absence]
    next: str | None


class Load(_Shape):
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


class AlarmLoad(_Shape):
    """How many alarms there were, and how many of them were real."""

    from_: datetime = Field(alias="from")
    to: datetime
    area: str
    homes: int
    total: Load
    by_kind: list[LoadOfKind]
    by_area: list[LoadOfArea]
    by_home: list[LoadOfHome]


class Span(_Shape):
    """Seconds from the beginning of the calls that got there."""

    count: int
    median: float | None
    p90: float | None
    p99: float | None


class Within(_Shape):
    """`answered` within so many seconds, `of` those that were or that waited longer."""

    within_s: int
    answered: int
    of: int
    share: float | None


class Kpi(_Shape):
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


class KpiTarget(_Shape):
    """At least this share of calls is to be answered within so many seconds."""

    within_s: int
    share: float
    source: str


class KpiTargets(_Shape):
    """The targets that hold in an area. `set_in`: the nearest branch above that has some; null: nowhere."""

    set_in: str | None
    targets: list[KpiTarget]


class KpiTargetReached(KpiTarget):
    """A target with what was reached; null where there was no call to judge by."""

    reached: float | None
    met: bool | None


class KpiTargetsReached(_Shape):
    """The targets of the area that was asked for. `set_in`: the branch where they are set; null: the TSA's."""

    set_in: str | None
    items: list[KpiTargetReached]


class Kpis(_Shape):
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


class ContactMethod(_Shape):
    """A way to reach a person. `verified`: it counts as verified now; a method that does not is tried last or, if it
    never was, not at all."""

    id: UUID
    staff: UUID
    channel: str
    address: str
    rank: int
    wait_s: int
    verified: bool
    verified_at: datetime | None
    delivered_at: datetime | None = Field(description="the last delivery that was confirmed")
    failed_at: datetime | None = Field(description="when the provider last said that nothing can be delivered there")
    failures: int
    created_at: datetime


class ContactMethodPage(_Shape):
    """A person's methods, in the order in which they are tried."""

    items: list[ContactMethod]
    next: str | None


class QuietHours(_Shape):
    """When no work order is sent to this person: local times, null where there are none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["from", "until"]})

    since: str | None = Field(alias="from")
    until: str | None


class Relative(_Shape):
    """A relative of a home. `tells`: as it was chosen; what is left out is told, at any hour."""

    staff: UUID
    name: str | None
    home: UUID
    rank: int
    tells: dict[str, Any]


class RelativePage(_Shape):
    """The relatives of a home."""

    items: list[Relative]
    next: str | None


class MyFamily(_Shape):
    """A home whose alarms the caller is told of as a relative, and his choice."""

    home: UUID
    home_name: str
    tells: dict[str, Any]


class MyFamilyPage(_Shape):
    """All of them."""

    items: list[MyFamily]
    next: str | None


class AccessNotes(_Shape):
    """How to get in, and what to beware of. `updated_at` null: nobody has written anything."""

    home: UUID
    key_box: str | None
    door_code: str | None
    hazards: str | None
    updated_at: datetime | None


class AccessNoteWritten(_Shape):
    """When the notes were written, and by whom."""

    home: UUID
    updated_at: datetime | None
    updated_by: UUID | None
    updated_by_name: str | None


class AccessEntry(_Shape):
    """Somebody has read the notes, at an alarm, or written them."""

    at: datetime
    alarm: UUID | None
    staff: UUID
    name: str | None
    what: Literal["read", "written"]


class AccessLogPage(_Shape):
    """A page of a home's access log, the newest first."""

    items: list[AccessEntry]
    next: str | None


class MemberAlarm(_Shape):
    """One alarm of an incident's home."""

    id: UUID
    kind: str
    state: State


class HomeTick(_Shape):
    """What the desk heard of a home. `alarm`: raised because somebody has to go."""

    finding: Finding
    note: str | None
    staff: UUID
    name: str | None
    at: datetime
    alarm: UUID | None


class IncidentHome(_Shape):
    """A home of an incident, with its people. `member`: to tick it off by; `out`: it has an open alarm in it."""

    home: UUID
    name: str | None
    address: str | None
    member: UUID
    out: bool
    alarms: list[MemberAlarm]
    residents: list[Resident]
    tick: HomeTick | None


class IncidentHomePage(_Shape):
    """A page of an incident's homes. `unticked`: how many are out that nobody has asked after, on all pages."""

    items: list[IncidentHome]
    next: str | None
    unticked: int


class Ticked(_Shape):
    """Done. `alarm`: raised because somebody has to go; `unticked`: how many homes are left."""

    incident: UUID
    member: UUID
    finding: Finding
    alarm: UUID | None
    unticked: int


class PushKey(_Shape):
    """The installation's public key (VAPID), base64url; null where web push is not set up."""

    public_key: str | None


class PushSubscription(_Shape):
    """A browser's subscription. `route`: a push was confirmed within seven days, so a call may rely on it."""

    id: UUID
    confirmed_at: datetime | None
    route: bool
