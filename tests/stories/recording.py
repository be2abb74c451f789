"""A channel that keeps what it is given: each message once, until a story has expected it."""

from dataclasses import dataclass, field
from uuid import UUID

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable

#: The last-resort list, as a person of the story.
THE_LIST = "the list"


@dataclass(frozen=True)
class Told:
    """One message, as it was handed over."""

    person: str
    kind: str
    step: int
    alarm: UUID | None
    by: str
    code: str | None
    message: UUID

    def __str__(self) -> str:
        """As a failed story shows it."""
        return f"{self.person} was told {self.kind!r} by {self.by} (step {self.step})"


@dataclass
class Recording:
    """Stands where the webhook stands, or a provider. `names`: staff id -> name in the story."""

    names: dict[UUID, str] = field(default_factory=dict)
    unexpected: list[Told] = field(default_factory=list)
    """What nobody has expected yet, in the order in which it came."""
    down: bool = False
    """Refuse everything, as a provider that is down."""
    refused: int = 0
    unknown: set[str] = field(default_factory=set)
    """Names of people to whom nothing can ever be delivered."""
    name: str = "webhook"
    is_route: bool = False
    confirms: bool = True
    """Its word is delivery; otherwise a report of that may come."""
    _seen: set[UUID] = field(default_factory=set)

    async def send(self, outgoing: Outgoing) -> Handover:
        """As every channel; one message handed over twice is one that nobody expected."""
        if self.down:
            self.refused += 1
            raise NotTaken("HTTP 503")
        kind = outgoing.kind if outgoing.id not in self._seen else f"{outgoing.kind} again"
        self._seen.add(outgoing.id)
        who = self.names[outgoing.staff_id] if outgoing.staff_id else THE_LIST
        if who in self.unknown:
            raise Undeliverable("number does not exist")
        self.unexpected.append(Told(who, kind, outgoing.step, outgoing.alarm_id, self.name, outgoing.code, outgoing.id))
        return Handover(f"{self.name}^{outgoing.id}", delivered=self.confirms)

    async def close(self) -> None:
        """Nothing to close."""

    def take(self, person: str, kind: str, by: str | None = None) -> Told | None:
        """The first message of that kind to that person that nobody has expected yet; it is expected now. `by`: only
        through this channel."""
        for told in self.unexpected:
            if (told.person, told.kind) == (person, kind) and by in (None, told.by):
                self.unexpected.remove(told)
                return told
        return None
