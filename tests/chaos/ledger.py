"""What was published, as the gateways know it: every message, its sendings, acknowledgements and receipts.

Times are seconds since the epoch, by this machine's clock, which is the database's as well.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from device_sim.shelf import Parcel
from gateway.wire import FINAL_STATUSES, Status


@dataclass(eq=False, slots=True)
class Letter(Parcel):
    """One payload of the reading or health lane: readings that must be stored, or poison that must be put aside."""

    gateway: str = ""
    messages: tuple[tuple[str, str], ...] = ()
    """(device, message id) of every object that must become one row of `reading`."""
    mark: str | None = None
    """Text in the topic or payload of poison, by which the quarantine is searched."""
    plain: bool = False
    """From a gateway that forgets a message at its PUBACK, as many on the market do."""
    born_at: float = 0.0
    sendings: int = 0
    sent_at: float = 0.0
    old: bool = False
    """Its time lies years back: the clock was wrong."""
    first_acked_at: float | None = None
    first_broker: int = 0
    acked_at: float | None = None
    ack_code: int = 0
    ack_broker: int = 0
    """The broker that acknowledged last: how many had ended when that connection began."""


@dataclass(eq=False, slots=True)
class Call:
    """One message of the alarm lane. `kept`: it belongs into the inbox, otherwise it must be rejected."""

    gateway: str
    device: str
    id: str
    kind: str
    topic: str
    payload: bytes
    kept: bool
    born_at: float
    sendings: list[float] = field(default_factory=list)
    receipts: list[tuple[float, Status, UUID | None]] = field(default_factory=list)

    @property
    def receipted_at(self) -> float | None:
        """When its first final receipt came."""
        return next((at for at, status, _ in self.receipts if status in FINAL_STATUSES), None)


@dataclass(frozen=True, slots=True)
class BrokerEnd:
    """A broker that ended. `saved_at`: up to when its store holds what it acknowledged; None: the store is gone.

    `passed`: lane -> the oldest watermark by then: what was acknowledged before it, ingest had stored already.
    `back_at`: lane -> when all sessions of ingest were seen to be served by the next broker."""

    at: float
    saved_at: float | None
    passed: Mapping[str, float] = field(default_factory=dict)
    back_at: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Ledger:
    """All of a run. `ends[n]` is the end of the broker number n; `came_back[gateway]`: (when, which broker)."""

    letters: list[Letter] = field(default_factory=list)
    calls: dict[tuple[str, str, str], Call] = field(default_factory=dict)
    ends: list[BrokerEnd] = field(default_factory=list)
    came_back: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    fresh_receipts: list[Call] = field(default_factory=list)
    """Receipted since somebody last looked whether they are in the database."""

    receipted_at: float = 0.0
    """The newest receipt of all."""

    def write(self, letter: Letter) -> Letter:
        """Remember a payload."""
        self.letters.append(letter)
        return letter

    def call(self, call: Call) -> Call:
        """Remember a message of the alarm lane."""
        self.calls[call.gateway, call.device, call.id] = call
        return call

    def acked(self, letter: Letter, at: float, code: int, broker: int) -> None:
        """The broker acknowledged it."""
        if letter.first_acked_at is None:
            letter.first_acked_at, letter.first_broker = at, broker
        letter.acked_at, letter.ack_code, letter.ack_broker = at, code, broker

    def receipted(self, key: tuple[str, str, str], at: float, status: Status, alarm: UUID | None) -> None:
        """A receipt came; those of messages that are not ours to account for are ignored."""
        self.receipted_at = at
        call = self.calls.get(key)
        if call is None:
            return
        call.receipts.append((at, status, alarm))
        if status in (Status.ACCEPTED, Status.DUPLICATE):
            self.fresh_receipts.append(call)

    def readings(self, plain: bool) -> Iterator[tuple[tuple[str, str], Letter]]:
        """((device, id), its letter) of every reading that such gateways published."""
        for letter in self.letters:
            if letter.plain == plain:
                for key in letter.messages:
                    yield key, letter

    def poison(self) -> Sequence[Letter]:
        """All payloads that belong into the quarantine, at least in part."""
        return [letter for letter in self.letters if letter.mark is not None]
