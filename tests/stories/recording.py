"""A channel that keeps what it is given: each message once, until a story has expected it."""

from dataclasses import dataclass, field
from uuid import UUID

from alerts.channel import Handover, NotTaken, Outgoing


@dataclass(frozen=True)
class Told:
    """One message, as it was handed over."""

    person: str
    kind: str
    step: int
    alarm: UUID

    def __str__(self) -> str:
        """As a failed story shows it."""
        return f"{self.person} was told {self.kind!r} (step {self.step})"


@dataclass
class Recording:
    """Stands where the webhook stands. `names`: staff id -> name in the story."""

    names: dict[UUID, str] = field(default_factory=dict)
    unexpected: list[Told] = field(default_factory=list)
    """What nobody has expected yet, in the order in which it came."""
    down: bool = False
    """Refuse everything, as a provider that is down."""
    refused: int = 0
    _seen: set[UUID] = field(default_factory=set)

    name = "webhook"
    is_route = False

    async def send(self, outgoing: Outgoing) -> Handover:
        """As every channel; one message handed over twice is one that nobody expected."""
        if self.down:
            self.refused += 1
            raise NotTaken("HTTP 503")
        kind = outgoing.kind if outgoing.id not in self._seen else f"{outgoing.kind} again"
        self._seen.add(outgoing.id)
        assert outgoing.staff_id is not None
        assert outgoing.alarm_id is not None
        self.unexpected.append(Told(self.names[outgoing.staff_id], kind, outgoing.step, outgoing.alarm_id))
        return Handover(delivered=True)

    async def close(self) -> None:
        """Nothing to close."""

    def take(self, person: str, kind: str) -> Told | None:
        """The first message of that kind to that person that nobody has expected yet; it is expected now."""
        for told in self.unexpected:
            if (told.person, told.kind) == (person, kind):
                self.unexpected.remove(told)
                return told
        return None
