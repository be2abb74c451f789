"""The shapes of alarms and their events."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from alerts.alarm import Outcome, Priority, State
from alerts.response import ResponseState
from api.shape import Shape


class Owner(Shape):
    """Who acknowledged, else who accepted, else the station."""

    type: Literal["station", "staff"]
    id: UUID
    name: str


class Place(Shape):
    """Where the alarm is. `area`: 12-digit area code."""

    name: str
    address: str | None
    area: str
    area_name: str
    time_zone: str
    station: str


class Response(Shape):
    """Where one person stands with the alarm. `overdue_at`: since when somebody who is on the way should have been
    there; until he says again that he comes, the alarm is the station's."""

    staff: UUID
    name: str
    state: ResponseState
    called_at: datetime | None
    accepted_at: datetime | None
    en_route_at: datetime | None
    overdue_at: datetime | None
    arrived_at: datetime | None
    left_at: datetime | None


class Text(Shape):
    """A sentence in both languages."""

    en: str
    zh: str


class Seen(Shape):
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


class Calling(Shape):
    """A device that has signalled the alarm. `over_at`: when it said that it is over (smoke, gas, leak)."""

    id: str
    since: datetime
    over_at: datetime | None


class Suspicion(Shape):
    """Nobody is paged before `page_at`. Movement of the wearer until `still_until` ends it; `watching`: that time is
    not over."""

    fallen_at: datetime
    heard_at: datetime
    moves_from: datetime
    still_until: datetime
    page_at: datetime
    watching: bool


class Alarm(Shape):
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
    test_expected: bool = Field(
        description="the desk expects a test call from this home just now: ask whether all is well, it may be none"
    )
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


class AlarmPage(Shape):
    """A page of alarms."""

    items: list[Alarm]
    next: str | None = Field(description="cursor of the next page")


class Actor(Shape):
    """Who did it."""

    type: str
    id: str | None
    name: str | None


class AlarmEvent(Shape):
    """One line of the append-only event log. `seq` is in commit order."""

    seq: int
    at: datetime
    device_time: datetime | None
    type: str
    actor: Actor | None
    channel: str | None
    version: int
    data: dict[str, Any]


class EventPage(Shape):
    """A page of events, oldest first."""

    items: list[AlarmEvent]
    next: str | None
