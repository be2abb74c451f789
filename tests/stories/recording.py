"""A channel that keeps what it is given: each message once, until a story has expected it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


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
    _seen: set[str] = field(default_factory=set)

    async def send(self, message_id: str, timestamp: int, content: dict[str, Any]) -> str | None:
        """As `alerts.webhook.Webhook.send`; one message handed over twice is one that nobody expected."""
        del timestamp
        if self.down:
            self.refused += 1
            return "HTTP 503"
        data = content["data"]
        kind = data["kind"] if message_id not in self._seen else f"{data['kind']} again"
        self._seen.add(message_id)
        self.unexpected.append(Told(self.names[data["staff"]], kind, data["step"], data["alarm_id"]))
        return None

    def take(self, person: str, kind: str) -> Told | None:
        """The first message of that kind to that person that nobody has expected yet; it is expected now."""
        for told in self.unexpected:
            if (told.person, told.kind) == (person, kind):
                self.unexpected.remove(told)
                return told
        return None
