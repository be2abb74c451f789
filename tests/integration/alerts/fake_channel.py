"""A channel that does what a story wants: takes, delivers, refuses, hangs; and keeps what it was given."""

from dataclasses import dataclass, field

from alerts.channel import Handover, Outgoing


@dataclass
class FakeChannel:
    """`does`: what `send` returns, or raises where it is an exception."""

    name: str
    is_route: bool = True
    does: Handover | Exception = field(default_factory=Handover)
    sent: list[Outgoing] = field(default_factory=list)

    async def send(self, outgoing: Outgoing) -> Handover:
        """Keep it, and do what the story wants. A hand-over gets the message's id as the provider's."""
        self.sent.append(outgoing)
        if isinstance(self.does, Exception):
            raise self.does
        return Handover(self.does.provider_id or f"{self.name}:{outgoing.id}", self.does.delivered)

    async def close(self) -> None:
        """Nothing to close."""

    def take(self) -> list[tuple[str, str]]:
        """(address, kind) of what was sent since the last look, sorted."""
        taken = sorted((one.address, one.kind) for one in self.sent)
        self.sent.clear()
        return taken
