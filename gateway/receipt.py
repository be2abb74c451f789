"""The receipt: what the backend tells a device about each alarm message, after its effect has been committed."""

from enum import StrEnum
from uuid import UUID

import msgspec


class Status(StrEnum):
    """`accepted`, `duplicate` and `rejected` end the resending; `hold` asks for it."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    HOLD = "hold"


#: After one of these the device stops resending.
FINAL_STATUSES = frozenset({Status.ACCEPTED, Status.DUPLICATE, Status.REJECTED})


class Receipt(msgspec.Struct, gc=False):
    """One per object of a payload, each its own MQTT message. `id` is None where it could not be read."""

    id: str | None
    status: Status
    alarm: UUID | None = None
    reason: str | None = None

    def encode(self) -> bytes:
        """The payload."""
        return _encoder.encode(self)

    @property
    def final(self) -> bool:
        """Whether the device is done with the message."""
        return self.status in FINAL_STATUSES


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Receipt)


def decode_receipt(payload: bytes | bytearray | memoryview) -> Receipt:
    """Read a receipt; `msgspec.DecodeError` (or ValueError for text that is no UTF-8) when it is none."""
    return _decoder.decode(payload)
