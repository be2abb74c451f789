"""What the subscriber hands on: one message, and the batch in which it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection

    from ingest.mqtt.session import Session


class Incoming(msgspec.Struct, gc=False, eq=False):
    """One PUBLISH as it came. Not tracked by the garbage collector: a backlog holds 10,000s of them at a time."""

    topic: str
    payload: bytes
    session: Session
    packet_id: int
    """0 for QoS 0, which needs no acknowledgement."""
    generation: int
    """Number of the session's connection; acknowledgements are only valid on the one that delivered."""
    received_monotonic: float
    """`time.monotonic()` of the socket read, in seconds."""
    defect: str | None = None
    """Why the packet could not be read in full (`malformed`, `oversize`): for the quarantine, then acknowledged as any
    other. Topic and payload are what could be saved; an oversize payload is cut."""

    @property
    def size_bytes(self) -> int:
        """What this counts for against the byte bound: the payload and a round figure for the objects around it."""
        return len(self.payload) + OVERHEAD_BYTES


OVERHEAD_BYTES = 256
"""Memory of one message beside its payload (struct 96, topic 49 + length, bytes object 33, list and deque slots)."""


class Part(msgspec.Struct, gc=False, eq=False):
    """One session's share of a batch, in order of arrival."""

    session: Session
    generation: int
    packet_ids: list[int]
    messages: int
    size_bytes: int


class Batch(msgspec.Struct, eq=False):
    """What is stored in one transaction and acknowledged together."""

    messages: list[Incoming]
    """In order of arrival for each session; sessions stand one after the other."""
    parts: list[Part]
    oldest_monotonic: float
    acknowledged: bool = False
    lost: Collection[Session] = ()
    """Sessions that turned out to be somebody else's: theirs is not acknowledged."""

    def __len__(self) -> int:
        return len(self.messages)
