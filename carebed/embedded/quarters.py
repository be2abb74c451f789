"""Where a service runs: in the data directory, under an account that may not be able to get there.

The account needs to enter every directory above the data directory. Where it cannot (a data directory under a 0700
home), we change no mode that is not ours: the launcher shows the data directory at an empty spot like /mnt, in a mount
namespace that the service alone sees.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from carebed.embedded import launch
from carebed.embedded.account import ServiceAccount, service_account
from carebed.errors import StartError

# Where to show the data directory: (the mount to make private first, directories in it that no service of ours needs).
# In a chroot, / is no mount of its own and what we show would be seen from outside; there /proc serves.
_SPOTS = (
    (Path("/"), (Path("/mnt"), Path("/media"), Path("/srv"))),
    (Path("/proc"), (Path("/proc/tty"), Path("/proc/driver"))),
)


@dataclass(frozen=True)
class Quarters:
    """A data directory as a service sees it: itself, or at `mount` in a namespace of its own."""

    data_dir: Path
    account: ServiceAccount | None
    mount: Path | None = None
    private: Path | None = None  # the mount that `mount` lies in

    @classmethod
    def of(cls, data_dir: Path) -> "Quarters":
        """Look at account and directory. Raises `StartError` without a usable account or spot to show the directory."""
        data_dir = data_dir.resolve()
        data_dir.mkdir(parents=True, exist_ok=True)
        account = service_account()
        if account is None:
            return cls(data_dir, None)
        if not account.may(data_dir, 1):
            # The data directory itself is ours: let the account through, not look around.
            data_dir.chmod(data_dir.stat().st_mode | 0o011)
        if account.enters(data_dir):
            return cls(data_dir, account)
        mounts = _mounts()
        for mount, spots in _SPOTS:
            for spot in spots if str(mount) in mounts else ():
                if spot.is_dir() and account.may(spot, 1):
                    return cls(data_dir, account, spot, mount)
        raise StartError(
            f"The account {account.name!r} cannot enter the directories above {data_dir}: choose another --data-dir, "
            "for example below /var/lib."
        )

    def seen(self, path: Path) -> Path:
        """How the service names `path`, which lies in the data directory."""
        if self.mount is None or not path.is_relative_to(self.data_dir):
            return path
        return self.mount / path.relative_to(self.data_dir)

    def runs(self, program: Path) -> bool:
        """Whether the service can execute `program`, which lies outside the data directory."""
        hidden = self.mount is not None and program.resolve().is_relative_to(self.mount)
        return self.account is None or (self.account.runs(program) and not hidden)

    def directory(self, path: Path, mode: int = 0o700) -> Path:
        """Make a directory that belongs to the service, or hand over one that is there."""
        path.mkdir(parents=True, exist_ok=True)
        if stat_mode(path) != mode:
            path.chmod(mode)
        self.hand_over(path)
        return path

    def hand_over(self, path: Path) -> None:
        """Give `path`, and what a service of another account left in it, to the service's account."""
        if self.account is None or path.stat().st_uid == self.account.uid:
            return
        for top, directories, files in os.walk(path):
            for name in (*directories, *files):
                os.chown(Path(top) / name, self.account.uid, self.account.gid, follow_symlinks=False)
        os.chown(path, self.account.uid, self.account.gid)

    def command(self, argv: Sequence[str | Path], directory: Path, parent_died: signal.Signals) -> list[str]:
        """The command line that runs `argv` there: in `directory`, as the account, until the parent dies."""
        spec: dict[str, int | str] = {"parent": os.getpid(), "signal": int(parent_died)}
        spec["directory"] = str(self.seen(directory))
        if self.account is not None:
            spec |= {"uid": self.account.uid, "gid": self.account.gid}
        if self.mount is not None:
            spec |= {"source": str(self.data_dir), "mount": str(self.mount), "private": str(self.private)}
        return [*_bare_interpreter(), json.dumps(spec), *map(str, argv)]


def own_command(argv: Sequence[str | Path], parent_died: signal.Signals) -> list[str]:
    """The command line that runs a process of our own (no change of account) until the parent dies."""
    return [*_bare_interpreter(), json.dumps({"parent": os.getpid(), "signal": int(parent_died)}), *map(str, argv)]


def find_program(name: str) -> Path | None:
    """A program by name; Debian keeps daemons in /usr/sbin, which is not on everybody's PATH."""
    path = os.environ.get("PATH", os.defpath) + os.pathsep + os.pathsep.join(("/usr/sbin", "/usr/local/sbin"))
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def stat_mode(path: Path) -> int:
    """The permission bits of `path`."""
    return path.stat().st_mode & 0o7777


def _mounts() -> set[str]:
    """The mount points that can be seen from here."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return {line.split()[4] for line in lines}


def _bare_interpreter() -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(launch.__file__))]
