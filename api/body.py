"""Request bodies, strictly: unknown keys, wrong types and what the database cannot store get a sentence each."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from alerts.alarm import Outcome
from alerts.contact_method import WAIT_S
from alerts.incident_tick import Finding
from alerts.kpi_target import MOST_TARGETS

NOTE_CHARACTERS = 2_000

#: What an operator can raise after a telephone call.
BY_HAND = Literal["sos", "fall", "assist", "smoke", "gas", "leak"]


def storable(value: str) -> str:
    """The text as it is, if PostgreSQL can store it; ValueError says why not."""
    if "\0" in value:
        raise ValueError("must not contain the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it contains half of a surrogate pair") from None
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return storable(value)


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a time as a string: RFC 3339 with zone, such as 2026-11-22T04:00:00.123Z")
    return value


def _sane(value: datetime) -> datetime:
    """A telephone's wrong clock must not stop an answer; only what no calendar of ours can hold is refused."""
    if not 2000 <= value.year <= 2100:
        raise ValueError("must lie between the years 2000 and 2100")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_sane)]
#: Text that the database can store.
Storable = Annotated[str, BeforeValidator(_text)]
Note = Annotated[Storable, Field(max_length=NOTE_CHARACTERS)]
Person = Annotated[UUID, BeforeValidator(_text)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Move(_Body):
    """What every move may carry."""

    at: Annotated[Instant | None, Field(description="the device's time of it")] = None
    step: Annotated[int | None, Field(ge=0, le=1_000_000, strict=True, description="the ladder step it answers")] = None
    note: Annotated[Note | None, Field(description="a remark for the log")] = None

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"at": "2026-11-22T04:00:21.000Z", "step": 1}]}
    )


class ResponderMove(Move):
    """A move on the way to the resident. Operators may make it for somebody who telephones."""

    responder: Annotated[Person | None, Field(description="for whom; the caller when left out")] = None


class Resolution(ResponderMove):
    """How it ended."""

    outcome: Outcome
    leave_unticked: Annotated[
        bool, Field(strict=True, description="of an incident: close it although homes are out that nobody asked after")
    ] = False
    reference: Annotated[
        Note | None,
        Field(min_length=1, max_length=200, description="of the ambulance service; `handed_to_120` needs it"),
    ] = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"outcome": "help_given", "note": "Helped up, no injury.", "step": 1}]},
    )


class Remark(Move):
    """A remark."""

    note: Annotated[Note, Field(min_length=1)]

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "Daughter has the key."}]})


class CallByHand(_Body):
    """A call for help that came by telephone."""

    home: Person
    kind: BY_HAND
    note: Note | None = None
    at: Instant | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"home": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0c", "kind": "assist", "note": "Rang: cannot get up."}
            ]
        },
    )


class ParameterValues(_Body):
    """What is set of a detector's parameters; what is left out comes from the next wider scope."""

    values: Annotated[dict[str, Any], Field(min_length=1, max_length=100, description="name of the parameter -> value")]

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"values": {"limit_s": 7200}}]})


class NewAbsence(_Body):
    """Nobody is at home from then till then."""

    begins_at: Instant
    ends_at: Instant
    note: Note | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"begins_at": "2026-11-22T08:00:00Z", "ends_at": "2026-11-29T10:00:00Z", "note": "In hospital."}
            ]
        },
    )


class KpiTarget(_Body):
    """At least this share of calls is to be answered within so many seconds."""

    within_s: Annotated[int, Field(ge=1, le=86_400, strict=True)]
    share: Annotated[float, Field(gt=0, le=1)]
    source: Annotated[Storable, Field(min_length=1, max_length=500, description="who says so")]


class KpiTargets(_Body):
    """What a district promises; replaces what was set there before."""

    targets: Annotated[list[KpiTarget], Field(min_length=1, max_length=MOST_TARGETS)]

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"targets": [{"within_s": 45, "share": 0.95, "source": "Service contract 2026, annex 3"}]}]
        },
    )


_Rank = Annotated[int, Field(ge=0, le=1_000, strict=True, description="calling order, lowest first")]
_Wait = Annotated[
    int, Field(ge=0, le=3_600, strict=True, description="seconds that the method before may stay without an answer")
]


class NewContactMethod(_Body):
    """A way to reach somebody."""

    channel: Annotated[Storable, Field(max_length=30, description="sms, voice, ...")]
    address: Annotated[Storable, Field(min_length=1, max_length=200)]
    rank: _Rank = 0
    wait_s: _Wait = WAIT_S

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"channel": "sms", "address": "13800138000", "rank": 0, "wait_s": 20}]},
    )


class ContactOrder(_Body):
    """When a method is tried."""

    rank: _Rank
    wait_s: _Wait

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"rank": 1, "wait_s": 30}]})


class EnteredCode(_Body):
    """The code that came over the method."""

    code: Annotated[Storable, Field(pattern=r"^\d{6}$")]

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "403917"}]})


_Clock = Annotated[Storable, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class NewQuietHours(_Body):
    """From when till when, local time; over midnight where the end is before the beginning."""

    since: Annotated[_Clock, Field(alias="from")]
    until: _Clock

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"from": "22:00", "until": "07:00"}]})


_TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class FamilyChoice(_Body):
    """What a relative is told of. What is left out: everything, at any hour."""

    when: Annotated[
        Literal["always", "over", "never"], Field(description="everything, only that it is over, or nothing")
    ] = "always"
    kinds: Annotated[
        list[Annotated[str, Field(pattern="^[a-z_]{1,40}$")]] | None,
        Field(max_length=40, description="of which kinds of alarms; null: of all"),
    ] = None
    since: Annotated[
        str | None, Field(alias="from", pattern=_TIME_OF_DAY, description="time of the day at the home")
    ] = None
    until: Annotated[
        str | None, Field(pattern=_TIME_OF_DAY, description="may be earlier than `from`: past midnight")
    ] = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"when": "always", "kinds": ["sos", "fall"], "from": "06:30", "until": "23:00"}]
        },
    )


_Access = Annotated[Note | None, Field(max_length=500)]


class AccessNote(_Body):
    """How one gets in, and what to beware of. What is left out, or null, is not there any more."""

    key_box: _Access = None
    door_code: _Access = None
    hazards: _Access = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"key_box": "Left of the gate, 4711.", "door_code": "0815#", "hazards": "Oxygen; a dog."}]
        },
    )


class Tick(_Body):
    """How the people of an incident's home are, as the desk has heard."""

    finding: Finding
    note: Annotated[Note | None, Field(description="a remark for the log")] = None
    at: Annotated[Instant | None, Field(description="the device's time of it")] = None

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"finding": "well", "note": "Rang; she has candles."}]}
    )


class PushKeys(_Body):
    """Of the browser, base64url."""

    p256dh: Annotated[Storable, Field(min_length=80, max_length=100)]
    auth: Annotated[Storable, Field(min_length=20, max_length=30)]


class NewPushSubscription(_Body):
    """What `PushSubscription.toJSON()` gives, without `expirationTime`."""

    endpoint: Annotated[Storable, Field(max_length=1_000)]
    keys: PushKeys

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "endpoint": "https://fcm.googleapis.com/fcm/send/dpH5lCsTSSM:APA91b",
                    "keys": {
                        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNto"
                        "IAiw4",
                        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
                    },
                }
            ]
        },
    )


class PushReceipt(_Body):
    """The token that stood in a push."""

    receipt: Annotated[Storable, Field(max_length=100)]
