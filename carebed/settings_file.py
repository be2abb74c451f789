"""Settings of many parts: JSON files that the environment names."""

from pathlib import Path
from typing import TypeVar

import msgspec

from carebed.errors import SettingsError

T = TypeVar("T")


def read_settings_file(file: Path, shape: type[T], variable: str) -> T:
    """The settings in the file that `variable` names; `SettingsError` with a sentence that quotes nothing from it."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=shape)
    except OSError as error:
        raise SettingsError(f"{variable} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise SettingsError(f"{variable} is wrong: {error}.") from None
