"""Commands, downward; a device answers on the health lane with `command_result` and the command's id."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class CommandType(StrEnum):
    """What a device can be asked to do."""

    SAY = "say"
    LOCATE = "locate"
    TEST = "test"
    SOUND = "sound"
    CONFIGURE = "configure"
    REBOOT = "reboot"


class Phrase(StrEnum):
    """What `say` can say: the device holds the recordings, in the resident's language."""

    HELP_IS_COMING = "help_is_coming"
    ALARM_CANCELLED = "alarm_cancelled"
    TEST = "test"


class Command(msgspec.Struct, gc=False, omit_defaults=True):
    """One command. `type` stays a plain string for the device's sake: one it does not know must not break it.

    It is published again until it is answered: a device does what bears the same id once, and answers again.
    `expires_at`: not to be done any more after this (aware UTC).
    """

    id: str
    type: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    expires_at: datetime | None = None

    def encode(self) -> bytes:
        """The payload."""
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Command)


def say(command_id: str, phrase: Phrase, *, expires_at: datetime | None = None) -> Command:
    """Have the device speak one of its phrases."""
    return Command(id=command_id, type=CommandType.SAY, data={"phrase": phrase.value}, expires_at=expires_at)


def decode_command(payload: bytes | bytearray | memoryview) -> Command:
    """Read a command; `msgspec.DecodeError` (or ValueError for text that is no UTF-8) when it is none."""
    return _decoder.decode(payload)
