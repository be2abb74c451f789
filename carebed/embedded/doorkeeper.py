"""Keeps the lists of a broker that somebody else runs (docker compose): who may log in, and who may read what.

`carebed up` does this for its own broker. In compose this is a process of its own, which shares a volume with the
broker's container.
"""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from carebed.embedded.broker import Gateways, follow_gateways
from carebed.embedded.broker_config import access_list
from carebed.embedded.broker_users import own_passwords, password_hash, password_lines
from carebed.embedded.datadir import write_atomically
from carebed.settings import Settings
from carebed.supervision import run_tasks


class Doorkeeper:
    """Writes `passwords` and `acl` into the broker's directory and tells the broker to read them again."""

    def __init__(self, directory: Path, users_file: Path, broker_pid: int | None = None) -> None:
        """Write both lists with our own users, so that the broker can start.

        `users_file`: where our own passwords are kept; `broker_pid`: whom to tell of changes, where nobody else does.
        """
        self._directory = directory
        self._broker_pid = broker_pid
        self._own = {user: password_hash(password) for user, password in own_passwords(users_file).items()}
        write_atomically(directory / "acl", access_list())
        if not (directory / "passwords").exists():
            write_atomically(directory / "passwords", password_lines(self._own, ()))

    def set_gateways(self, gateways: Gateways) -> None:
        """Let exactly these gateways in; those that are gone are disconnected."""
        write_atomically(self._directory / "passwords", password_lines(self._own, gateways))
        if self._broker_pid is None:
            return
        with contextlib.suppress(ProcessLookupError):  # Not up yet: it will read the file when it is.
            os.kill(self._broker_pid, signal.SIGHUP)


async def run(settings: Settings, directory: Path, broker_pid: int | None = None) -> None:
    """Run until SIGTERM; needs `CAREBED_DATABASE_URL` and `CAREBED_MQTT_USERS_FILE`."""
    settings.needed("database_url", "mqtt_users_file")
    assert settings.mqtt_users_file is not None
    keeper = Doorkeeper(directory, settings.mqtt_users_file, broker_pid)
    await run_tasks({"gateways": follow_gateways(settings.secret("database_url"), keeper.set_gateways)})


def main() -> None:
    """`python -m carebed.embedded.doorkeeper DIRECTORY [BROKER_PID]`."""
    import sys

    from carebed.settings import load_settings

    asyncio.run(run(load_settings(), Path(sys.argv[1]), *(int(pid) for pid in sys.argv[2:3])))


if __name__ == "__main__":
    main()
