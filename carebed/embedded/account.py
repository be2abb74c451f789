"""As whom the services run: never as root. PostgreSQL refuses root, and a broker on the network should not have it."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from carebed.errors import StartError

_DEFAULT_ACCOUNT = "carebed"


@dataclass(frozen=True)
class ServiceAccount:
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int

    def may(self, path: Path, bits: int) -> bool:
        """Whether the mode of `path` itself grants `bits` (4 read, 2 write, 1 execute or enter) to the account."""
        info = path.stat()
        if info.st_uid == self.uid:
            return (info.st_mode >> 6) & bits == bits
        if info.st_gid == self.gid:
            return (info.st_mode >> 3) & bits == bits
        return info.st_mode & bits == bits

    def enters(self, directory: Path) -> bool:
        """Whether the account can get to `directory` and use what it knows by name there."""
        real = directory.resolve()
        return all(self.may(step, 1) for step in (real, *real.parents))

    def runs(self, program: Path) -> bool:
        """Whether the account can execute the file `program`."""
        real = program.resolve()
        return self.enters(real.parent) and self.may(real, 5)


def service_account() -> ServiceAccount | None:
    """The account for the services, or None when we are not root and they run as ourselves.

    Raises `StartError` when there is none to become (`CAREBED_SERVICE_ACCOUNT`, else `carebed`), or when our own uid
    has no name, which initdb refuses.
    """
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise StartError(
                f"User id {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL refuses such a user: "
                "add one, or start as an account that has a name."
            ) from None
        return None
    name = os.environ.get("CAREBED_SERVICE_ACCOUNT", _DEFAULT_ACCOUNT)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise StartError(
            f"Started by root, the database and the broker run as the account {name!r}, which does not exist: "
            "`make setup` creates `carebed`, or name an existing unprivileged account in CAREBED_SERVICE_ACCOUNT."
        ) from None
    if entry.pw_uid == 0:
        raise StartError(f"CAREBED_SERVICE_ACCOUNT is {name!r}, which is root: name an unprivileged account.")
    return ServiceAccount(name, entry.pw_uid, entry.pw_gid)
