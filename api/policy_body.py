"""What a policy is set by: the body, its shapes in answers, and what is wrong with one, in sentences."""

from datetime import datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from alerts.alarm import KINDS, PRIORITY_RANK, Priority
from alerts.policy import TARGET, Policy, Step, person_of
from api.body import Person, Storable
from registry.area import AREA_CODE

_STEPS, _TARGETS = 20, 20

_NOBODY = (
    "is nobody who can be called: rota:1 to rota:9, desk, manager, district, assigned, neighbours, volunteers, family "
    "or person:ID"
)

#: A call for help reaches somebody within so many seconds (TSA code of practice: 97.5 % are answered within 60 s).
FIRST_STEP_S = 60

#: Nobody has answered for so long: the last resort has been called by then. And so long a ladder may rest between its
#: rounds, or because somebody has taken the call and does nothing. Our figures, far more than any ladder needs.
LAST_RESORT_S, TAKEN_S = 3_600, 1_800
#: And so long somebody may be on the way, or there, before anybody asks what has become of him.
GONE_S = 14_400


def _time_of_day(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a time of day as a string, such as 22:00")
    return value


Label = Annotated[Storable, Field(min_length=1, max_length=100)]
TimeOfDay = Annotated[
    str, BeforeValidator(_time_of_day), Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])
]
Weekday = Annotated[int, Field(ge=1, le=7, strict=True)]
Seconds = Annotated[int, Field(ge=1, le=86_400, strict=True)]

_EXAMPLE: dict[str, Any] = {
    "name": "Nights of the weekend",
    "station": "8d5bd0a4-6d0c-5a7e-9a39-3f9e2b7c1d10",
    "priority": "life_critical",
    "from_time": "22:00",
    "to_time": "06:00",
    "days": [5, 6],
    "steps": [
        {"delay_s": 0, "call": ["assigned", "rota:1", "desk"]},
        {"delay_s": 45, "call": ["neighbours", "rota:2", "desk"]},
        {"delay_s": 45, "call": ["family", "manager", "district"]},
    ],
}


class PolicyStep(BaseModel):
    """Whom to call, so many seconds after the step before it (the first: after the raise)."""

    model_config = ConfigDict(extra="forbid")
    delay_s: Annotated[int, Field(ge=0, le=86_400, strict=True)]
    call: Annotated[
        list[Label],
        Field(
            min_length=1, max_length=_TARGETS,
            description="`rota:1` to `rota:9`, `desk`, `manager`, `district`, `assigned`, `neighbours`, `volunteers`, "
            "`family`, `person:ID`",
        ),
    ]  # fmt: skip


class PolicyLadder(BaseModel):
    """The ladder and its times."""

    model_config = ConfigDict(extra="forbid")
    name: Label
    kind: Annotated[Label | None, Field(description="of alarm; null: every kind")] = None
    priority: Annotated[Priority | None, Field(description="null: every one")] = None
    from_time: Annotated[TimeOfDay | None, Field(description="local time of the station's area; null: all day")] = None
    to_time: Annotated[TimeOfDay | None, Field(description="over midnight where it is less than `from_time`")] = None
    days: Annotated[
        list[Weekday] | None,
        Field(
            min_length=1,
            max_length=7,
            description="ISO weekdays (1 is Monday) on which it begins: what runs over midnight belongs to the day "
            "before; null: every day",
        ),
    ] = None
    steps: Annotated[list[PolicyStep], Field(min_length=1, max_length=_STEPS)]
    loop_s: Annotated[Seconds, Field(description="after the last step, until the ladder starts again")] = 120
    repeat: Annotated[
        int,
        Field(
            ge=0,
            le=20,
            strict=True,
            description="further rounds before the alarm counts as exhausted; one of which nobody could hear ends them",
        ),
    ] = 0
    last_resort_s: Annotated[
        Seconds | None,
        Field(description="after the last step of an exhausted round, until the last-resort list is called"),
    ] = 60
    acknowledged_s: Annotated[Seconds, Field(description="the desk took charge and nobody is on the way")] = 120
    accepted_s: Annotated[Seconds, Field(description="accepted and not on the way")] = 180
    en_route_s: Annotated[Seconds, Field(description="on the way and not arrived")] = 1_800
    on_scene_s: Annotated[Seconds, Field(description="on scene and not closed")] = 3_600
    reopen_s: Annotated[
        int, Field(ge=0, le=2_592_000, strict=True, description="a closed alarm can be opened again for so long")
    ] = 86_400


class PolicyBody(PolicyLadder):
    """A policy for a home, a station or a branch of the area tree: exactly one of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    home: Person | None = None
    station: Person | None = None
    area: Annotated[Label | None, Field(pattern=AREA_CODE)] = None

    def ladder(self) -> Policy:
        """What alarms keep of it."""
        steps = tuple(Step(delay_s=step.delay_s, call=tuple(dict.fromkeys(step.call))) for step in self.steps)
        return Policy(
            name=self.name, steps=steps, loop_s=self.loop_s, repeat=self.repeat, last_resort_s=self.last_resort_s,
            acknowledged_s=self.acknowledged_s, accepted_s=self.accepted_s, en_route_s=self.en_route_s,
            on_scene_s=self.on_scene_s, reopen_s=self.reopen_s,
        )  # fmt: skip

    def span(self) -> tuple[time | None, time | None]:
        """From when to when of the day."""
        if self.from_time is None or self.to_time is None:
            return None, None
        return time.fromisoformat(self.from_time), time.fromisoformat(self.to_time)

    def weekdays(self) -> list[int] | None:
        """In order, each once; None: every day."""
        days = sorted(set(self.days or ()))
        return days if 0 < len(days) < 7 else None

    def people(self) -> list[UUID]:
        """Who is named by himself."""
        return [one for step in self.steps for target in step.call if (one := person_of(target)) is not None]

    def for_calls_for_help(self) -> bool:
        """Can it be the ladder of a life-critical alarm?"""
        of_kind = self.kind is None or KINDS[self.kind].priority is Priority.LIFE_CRITICAL
        return of_kind and self.priority in (None, Priority.LIFE_CRITICAL)

    def wrong(self) -> list[dict[str, str]]:
        """What cannot be so, as `errors` of a problem document: pointer and sentence."""
        errors: list[tuple[str, str]] = []
        if sum(one is not None for one in (self.home, self.station, self.area)) != 1:
            errors.append(("", "name exactly one of home, station and area: where it holds"))
        if self.kind is not None and self.kind not in KINDS:
            errors.append(("/kind", f"there is no such kind of alarm; there are: {', '.join(KINDS)}"))
        if (self.from_time is None) != (self.to_time is None):
            errors.append(("/to_time", "from_time and to_time go together: give both, or neither"))
        elif self.from_time is not None and self.from_time == self.to_time:
            errors.append(("/to_time", "must not be from_time: leave both out for the whole day"))
        errors += [
            (f"/steps/{number}/call/{place}", _NOBODY)
            for number, step in enumerate(self.steps)
            for place, target in enumerate(step.call)
            if not TARGET.fullmatch(target)
        ]
        return [{"pointer": pointer, "detail": detail} for pointer, detail in errors or self._too_quiet()]

    def _too_quiet(self) -> list[tuple[str, str]]:
        """What a call for help must not wait for."""
        errors: list[tuple[str, str]] = []
        if self.for_calls_for_help():
            if self.steps[0].delay_s > FIRST_STEP_S:
                errors.append(("/steps/0/delay_s", f"a call for help must reach somebody within {FIRST_STEP_S} s"))
            if self.last_resort_s is None:
                errors.append(
                    ("/last_resort_s", "must be given: a call for help that nobody answers never ends in silence")
                )
            elif self._to_last_resort_s(self.last_resort_s) > LAST_RESORT_S:
                errors.append(
                    ("", f"a call for help that nobody answers must reach the last resort within {LAST_RESORT_S} s")
                )
            errors += [
                (f"/{name}", f"the ladder of a call for help must go on within {TAKEN_S} s")
                for name in ("loop_s", "acknowledged_s", "accepted_s") if getattr(self, name) > TAKEN_S
            ]  # fmt: skip
            errors += [
                (f"/{name}", f"who goes to a call for help must be asked after within {GONE_S} s")
                for name in ("en_route_s", "on_scene_s") if getattr(self, name) > GONE_S
            ]  # fmt: skip
        return errors

    def _to_last_resort_s(self, last_resort_s: int) -> int:
        """From the raise, if nobody answers."""
        round_s = sum(step.delay_s for step in self.steps)
        return (self.repeat + 1) * round_s + self.repeat * self.loop_s + last_resort_s

    def columns(self) -> dict[str, Any]:
        """What it is for, as the table keeps it."""
        from_time, to_time = self.span()
        return {
            "home": self.home, "station": self.station, "area": self.area, "kind": self.kind,
            "priority": None if self.priority is None else PRIORITY_RANK[self.priority],
            "from_time": from_time, "to_time": to_time, "days": self.weekdays(),
        }  # fmt: skip


class PolicyPlace(BaseModel):
    """Where a policy holds."""

    scope: Literal["home", "station", "area", "everywhere"]
    id: str | None


class PolicyShape(PolicyLadder):
    """A policy as it is set."""

    id: UUID
    place: PolicyPlace
    set_at: datetime | None
    set_by_name: str | None


class PolicyPage(BaseModel):
    """A page of policies."""

    items: list[PolicyShape]
    next: str | None = Field(description="cursor of the next page")


#: A policy as it is answered.
EXAMPLE: dict[str, Any] = {
    **{name: value for name, value in _EXAMPLE.items() if name != "station"},
    "id": "0192f0c4-7d3a-7c11-9e52-6f0a1b2c3d4e", "kind": None, "loop_s": 120, "repeat": 0, "last_resort_s": 60,
    "acknowledged_s": 120, "accepted_s": 180, "en_route_s": 1800, "on_scene_s": 3600, "reopen_s": 86400,
    "place": {"scope": "station", "id": _EXAMPLE["station"]}, "set_at": "2026-11-22T04:00:00.000Z",
    "set_by_name": "许文静",
}  # fmt: skip
