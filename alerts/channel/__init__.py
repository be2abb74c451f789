"""The channel port: what a way of telling people has to be able to do. One file per channel beside this one.

A channel hands one message over and says what became of it. It keeps no state about messages, tries nothing again and
waits for nobody: attempts, pauses, other methods and delivery states are the outbox's (`alerts.outbox`). Reports of
delivery and answers come in later, through `alerts.delivery` and `alerts.answers`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

#: A send may take so long, however slowly its provider answers; the outbox's lease is longer.
SEND_S = 10.0

#: Channels that get one row per message to a person, whatever contact methods he has: the live stream, which goes to
#: whoever is signed in, and the webhook.
PER_MESSAGE = frozenset({"live", "webhook"})

#: To the browser that somebody is signed in with.
WEB_PUSH = "webpush"

#: The addresses that are called when nobody has answered a ladder.
LAST_RESORT = "last_resort"

#: Channels of messages that are for nobody by name.
NAMELESS = frozenset({"webhook", LAST_RESORT})


def routes(channels: Iterable[str]) -> list[str]:
    """Those of `channels` that go to people by contact methods of their own."""
    return [one for one in channels if one not in PER_MESSAGE | {LAST_RESORT}]


class Outgoing(msgspec.Struct, frozen=True):
    """One message, ready to be handed over.

    `id`: the notification's, the same over all attempts: a provider that takes an id of ours gets this one. `alarm`:
    the alarm object of docs/protocol.md as it is now, None for messages about none. `address`: where to, for channels
    with contact methods; personal data, never logged. `title`, `body`: plain text in the person's language. `link`:
    where he can answer. `code`: what he sends to answer, or the code of a verification. `parts`: the words of title and
    body by name, for providers whose messages are templates. `more`: how many further messages go with this one.
    `answers`: what can be said to it (`alerts.reply.Said`); nothing where no answer is asked for.
    """

    id: UUID
    kind: str
    step: int
    attempt: int
    created_at: datetime
    alarm_id: UUID | None = None
    alarm: dict[str, Any] | None = None
    staff_id: UUID | None = None
    address: str = ""
    language: str = "zh"
    title: str = ""
    body: str = ""
    link: str | None = None
    code: str | None = None
    life_critical: bool = False
    parts: dict[str, str] = {}
    more: int = 0
    answers: tuple[str, ...] = ()


class Handover(msgspec.Struct, frozen=True):
    """The channel took the message. `provider_id`: under which reports about it will come. `delivered`: this channel's
    acceptance is delivery to the person's device."""

    provider_id: str | None = None
    delivered: bool = False


class Undeliverable(Exception):
    """Nothing can be delivered to this address (wrong, unsubscribed, gone): the method failed, and the person's next
    one is tried at once. `str()`: a short reason without personal data."""


class NotTaken(Exception):
    """The channel did not take the message this time: it is tried again after a pause, and the person's next method
    is tried as well. `str()`: a short reason without personal data. Any other exception and a time-out mean the same,
    and only their names are kept."""


class Channel(Protocol):
    """`name`: as in `contact_method.channel` and `notification.channel`. `is_route`: whether a message through it can
    reach a person; False for display only (robot groups, the webhook), which never counts."""

    name: str
    is_route: bool

    async def send(self, outgoing: Outgoing) -> Handover:
        """Hand it over within `SEND_S`. Raises `Undeliverable`; anything else raised: not this time."""

    async def close(self) -> None:
        """Close its connections."""
