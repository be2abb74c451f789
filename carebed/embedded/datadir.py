"""The data directory of one machine: recognisably ours, used by one `carebed up` at a time, secrets in 0600 files."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from carebed.errors import StartError

_MARKER = "carebed.json"
_FORMAT = 1


class DataDirectory:
    """An opened and locked data directory; the lock goes with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Make or open it. Raises `StartError`: foreign, unwritable, of another format, or in use."""
        self.path = path.resolve()
        marker = self.path / _MARKER
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
            if not marker.exists() and self._content():
                raise StartError(
                    f"{self.path} holds files that are not Carebed's: choose an empty or new directory for --data-dir."
                )
            self._marker = marker.open("a+", encoding="utf-8")
        except (NotADirectoryError, FileExistsError):
            raise StartError(f"{self.path} is not a directory: choose another --data-dir.") from None
        except OSError as error:
            raise StartError(
                f"Cannot write to the data directory {self.path} ({error.strerror}): "
                "choose another --data-dir, or start as the account that owns it."
            ) from None
        self._lock()
        self._check_owner()
        self.logs = self._private("log")
        self.secrets = self._private("secrets")

    def _lock(self) -> None:
        self._marker.seek(0)
        try:
            holder = json.loads(self._marker.read())
        except ValueError:  # New, or cut short by a crash.
            holder = {"format": _FORMAT}
        try:
            fcntl.flock(self._marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._marker.close()
            raise StartError(
                f"{self.path} is in use by another `carebed up` (PID {holder.get('pid', 'unknown')}): "
                "stop that one or choose another --data-dir."
            ) from None
        if holder["format"] != _FORMAT:
            self._marker.close()
            raise StartError(
                f"{self.path} was written by another version of Carebed (format {holder['format']}, this one reads "
                f"{_FORMAT}): use that version, or choose another --data-dir."
            )
        self._marker.truncate(0)
        json.dump({"format": _FORMAT, "pid": os.getpid()}, self._marker)
        self._marker.flush()

    def _content(self) -> list[Path]:
        """What is in it; a disk of its own comes with `lost+found`."""
        return [path for path in self.path.iterdir() if path.name != "lost+found"]

    def _check_owner(self) -> None:
        """A start by root in between hands the services' files to their account, and they are ours no more."""
        foreign = [path.name for path in self._content() if path.stat().st_uid != os.geteuid()]
        if foreign and os.geteuid() != 0:
            self._marker.close()
            raise StartError(
                f"{self.path} holds files of another account ({', '.join(sorted(foreign))}): "
                "start as root as the last time, or choose another --data-dir."
            )

    def _private(self, name: str) -> Path:
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def close(self) -> None:
        """Let another `carebed up` have it."""
        self._marker.close()


def write_atomically(path: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Replace a private file (mode 0600) as a whole: a reader or a crash meets the old or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of ours; empty where there is none yet."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
