"""Providers that deliver, confirm, refuse, hang, and forget to report; and what each was given."""

import time
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from tests.nights.mortal import Mortal

#: What a provider may be like for a while, and what then becomes of a message.
MOODS: dict[str, tuple[str, ...]] = {
    "good": ("taken",),
    "confirming": ("delivered",),
    "down": ("refused",),
    "shaky": ("taken", "taken", "delivered", "refused", "hung", "hung though taken"),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt. `fate`: what became of it; `at_s`: seconds, skipped ones too; `deaths`: processes that had died."""

    channel: str
    outgoing: Outgoing
    fate: str
    provider_id: str
    at_s: float
    deaths: int

    @property
    def taken(self) -> bool:
        """Has the person got it?"""
        return self.fate in ("taken", "delivered", "hung though taken")


@dataclass
class Post:
    """All that was sent through whichever provider, in order."""

    database: Mortal
    chance: Random
    at_s: float = 0.0
    """How far the clock has been set forward."""
    dead: set[str] = field(default_factory=set)
    """Addresses to which nothing can be delivered."""
    moods: dict[str, str] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    bounced: dict[UUID, int] = field(default_factory=dict)
    """Messages reported as failed, and how many had been sent by then."""
    left: dict[UUID, int] = field(default_factory=dict)
    """People who have left, and how many had been sent by then."""


class Provider:
    """One channel."""

    is_route = True

    def __init__(self, name: str, post: Post) -> None:
        self.name = name
        self._post = post

    async def send(self, outgoing: Outgoing) -> Handover:
        """As every channel; the process may die before and after."""
        post = self._post
        post.database.moment()
        fate = post.chance.choice(MOODS[post.moods.get(self.name, "good")])
        if outgoing.address in post.dead:
            fate = "undeliverable"
        provider_id = f"{self.name}^{len(post.sent)}"
        post.sent.append(
            Sent(self.name, outgoing, fate, provider_id, post.at_s + time.monotonic(), post.database.deaths)
        )
        post.database.moment()
        if fate == "undeliverable":
            raise Undeliverable("number does not exist")
        if fate == "refused":
            raise NotTaken("HTTP 503")
        if fate.startswith("hung"):
            raise TimeoutError
        return Handover(provider_id, delivered=fate == "delivered")

    async def close(self) -> None:
        """Nothing to close."""
