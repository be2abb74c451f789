"""Who lives there, with which devices, and what is going on in the months that are told."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from device_sim.day import Habits
from gateway.wire import GATEWAY_ITSELF


@dataclass(frozen=True, slots=True)
class Body:
    """What the measurements of one person hover around. Rates per minute, pressure in mm[Hg], temperature in Cel."""

    heart_rate: float = 72.0
    spo2: float = 96.5
    respiration: float = 16.0
    systolic: float = 134.0
    diastolic: float = 79.0
    temperature: float = 36.5


@dataclass(frozen=True, slots=True)
class Person:
    """One resident. `band`: wears one; `located`: it has its own link and tells where it is; `measures`: has a cuff and
    a thermometer; `mat`: sleeps on a bed mat; `checks_in`: presses "I'm OK" every morning."""

    name: str
    habits: Habits = field(default_factory=Habits)
    body: Body = field(default_factory=Body)
    band: bool = True
    located: bool = False
    measures: bool = True
    mat: bool = True
    checks_in: bool = True


@dataclass(frozen=True, slots=True)
class Fixture:
    """One device as it is paired. `wearer`: the number of the person whose it is, None: the home's."""

    id: str
    kind: str
    room: str | None = None
    wearer: int | None = None
    heartbeat_s: int = 3600
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """Everybody is away from one local time to another; `entered`: somebody told the station (hospital, holiday)."""

    begins: datetime
    ends: datetime
    entered: bool
    what: str


@dataclass(frozen=True, slots=True)
class Outage:
    """Between two local times `device` is silent (its id without the home's name); "gateway": nothing leaves the home,
    and all of it comes when the line is back."""

    begins: datetime
    ends: datetime
    device: str


@dataclass(frozen=True, slots=True)
class Household:
    """A household over `days` days from the local date `first`. Local times of `aways` and `outages` are naive.

    `guests`, `pet`: visits on this share of afternoons, and motions of a cat an hour. `chatters`: its bed mats chatter.
    `meter`: a water meter; `flush`: the cistern tells. `late`, `twice`: the share of messages that come minutes late,
    and again. `dying`: a device whose battery runs down in these months.
    """

    name: str
    zone: ZoneInfo
    first: date
    days: int
    people: tuple[Person, ...]
    rooms: tuple[str, ...] = ("bedroom", "living_room", "kitchen", "bathroom", "toilet", "hall")
    guests: float = 0.0
    pet: float = 0.0
    chatters: bool = False
    meter: bool = True
    flush: bool = False
    fridge: bool = True
    late: float = 0.004
    twice: float = 0.004
    aways: tuple[Away, ...] = ()
    outages: tuple[Outage, ...] = ()
    dying: tuple[str, int] | None = None

    @property
    def gateway(self) -> str:
        """The id of the home's gateway."""
        return f"{self.name}-gw"

    def id(self, device: str) -> str:
        """The wire name of a device; "gateway" is the gateway itself."""
        return GATEWAY_ITSELF if device == "gateway" else f"{self.name}-{device}"

    def fixtures(self) -> tuple[Fixture, ...]:
        """Every device of the home; the gateway first."""
        made = [Fixture(self.gateway, "gateway", heartbeat_s=300, gateway=self.gateway)]
        home = [Fixture(f"motion-{room}", "motion", room) for room in self.rooms]
        home.append(Fixture("door", "door", "entrance"))
        home.append(Fixture("button", "button"))
        home += [Fixture("fridge", "door", "kitchen")] * self.fridge
        home += [Fixture("water", "water", "kitchen")] * self.meter
        home += [Fixture("flush", "water", "toilet")] * self.flush
        for number, person in enumerate(self.people):
            home += [Fixture(f"bed-{number}", "bed", "bedroom", number)] * person.mat
            if person.measures:
                home.append(Fixture(f"cuff-{number}", "blood_pressure", None, number, heartbeat_s=86400))
                home.append(Fixture(f"thermometer-{number}", "thermometer", None, number, heartbeat_s=86400))
            if person.band and not person.located:
                home.append(Fixture(f"band-{number}", "wristband", None, number))
        made += [
            Fixture(self.id(one.id), one.kind, one.room, one.wearer, one.heartbeat_s, self.gateway) for one in home
        ]
        for number, person in enumerate(self.people):
            if person.band and person.located:
                own = f"{self.name}-band-{number}"
                made.append(Fixture(own, "wristband", None, number, gateway=own))
        return tuple(made)

    def local(self, day: date, second: float = 0.0) -> datetime:
        """The moment (aware, UTC) so many seconds of local time after midnight of this date."""
        return self.at(datetime.combine(day, time()) + timedelta(seconds=second))

    def at(self, naive: datetime) -> datetime:
        """A local time as a moment (aware, UTC)."""
        return naive.replace(tzinfo=self.zone).astimezone(UTC)
