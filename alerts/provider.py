"""The port for providers of SMS and voice: what they report, in our words. One file per provider beside this one.

A provider is channels to hand messages to (`alerts.channel`), and a reader of what it sends to our callback addresses.
What it reports comes late, double, out of order, or never; nothing depends on it but that we know more when it comes.
What does not come is asked for (`alerts.asking`).
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

import msgspec

from alerts.notification import Delivery


class Report(msgspec.Struct, frozen=True):
    """What became of a message. `provider_id`: the provider's id of it; `ref`: ours (`reference`), where it comes back.
    `permanent`: nothing can ever be delivered to that address."""

    channel: str
    state: Delivery
    provider_id: str | None = None
    ref: str | None = None
    at: datetime | None = None
    error: str | None = None
    permanent: bool = False


class Reply(msgspec.Struct, frozen=True):
    """What somebody sent back. `reply_id`: the same when it is reported twice."""

    channel: str
    address: str
    words: str
    reply_id: str


class Key(msgspec.Struct, frozen=True):
    """A key that somebody pressed in a call."""

    channel: str
    key: str
    provider_id: str | None = None
    ref: str | None = None


Reported = Report | Reply | Key


class Asked(msgspec.Struct, frozen=True):
    """A message that was handed over and of which nothing was reported. `address`: where it went, never logged;
    `call`: it asks for an answer; `handed_over_at`: for the first time, by the database's clock."""

    provider_id: str
    ref: str
    address: str
    call: bool
    handed_over_at: datetime
    now: datetime


@runtime_checkable
class Asker(Protocol):
    """A channel whose provider can be asked what became of a message."""

    name: str

    async def ask(self, asked: Asked) -> Report | None:
        """What became of it; None: nothing is known yet. Raises what `Channel.send` raises."""


#: Reads the body of a callback; ValueError for what is none. What is not understood in it is left out.
Reader = Callable[[bytes], list[Reported]]
#: Last part of a callback's address -> its reader.
Readers = Mapping[str, Reader]


def reference(notification_id: UUID) -> str:
    """Fifteen characters that name a message: Aliyun hands back no more of a call's `OutId`. The end of the id, for
    that is its random part."""
    return notification_id.hex[-15:]


#: SQL for the message under way that `:ref` names, in `:channel` (migration 0040): a report may be quicker than our
#: settling, which writes the provider's own id.
REFERRED = "id = ANY (ARRAY(SELECT message_of_reference(:channel, CAST(:ref AS text))))"

_MAINLAND_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9]\d{9})")
_INTERNATIONAL = re.compile(r"\+[1-9]\d{5,14}")


def normal_phone(given: str) -> str:
    """A telephone number as it is stored: `+8613800138000`. Numbers without a country are of mainland China; landlines
    there begin with 0.

    Raises ValueError with a sentence for what is no number.
    """
    plain = re.sub(r"[\s().-]", "", given)
    if found := _MAINLAND_MOBILE.fullmatch(plain):
        return "+86" + found[1]
    if re.fullmatch(r"0[1-9]\d{8,10}", plain):
        return "+86" + plain[1:]
    if _INTERNATIONAL.fullmatch(plain):
        return plain
    raise ValueError("is no telephone number: give it like 13800138000, 0591-87654321 or +8613800138000")
