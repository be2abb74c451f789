"""One thing that goes wrong, and the truth about it."""

from dataclasses import dataclass
from datetime import datetime

from device_sim.day import Doing
from device_sim.lives.told import moment


@dataclass(frozen=True, slots=True)
class Mishap:
    """What goes wrong from `begins_s` to before `ends_s` (seconds since the epoch).

    `doing`, `room`: what becomes of the person in that time (None: the day goes on as planned). `device`: whose fault
    it is, by its id without the home's name. `stirs_s`: so long somebody who lies there still moves. `figure`: how much
    (a rate, a level, seconds of drift), as the kind says.
    """

    kind: str
    begins_s: float
    ends_s: float
    person: int = 0
    doing: Doing | None = None
    room: str | None = None
    device: str = ""
    stirs_s: float = 0.0
    figure: float = 0.0

    def on(self, *kinds: str, at_s: float) -> bool:
        """Whether it is one of these kinds and going on at this moment."""
        return self.kind in kinds and self.begins_s <= at_s < self.ends_s


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened: an emergency, a fault, or an absence. `device`: the wire name, where one is at fault."""

    kind: str
    begins_at: datetime
    ends_at: datetime
    what: str
    person: int | None = None
    device: str | None = None


def truth(mishap: Mishap, device: str | None) -> Truth:
    """The truth about a mishap."""
    what = f"{mishap.kind} in {mishap.room}" if mishap.room else mishap.kind
    return Truth(mishap.kind, moment(mishap.begins_s), moment(mishap.ends_s), what, mishap.person, device)
