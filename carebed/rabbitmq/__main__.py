"""The doorkeeper of a RabbitMQ that runs elsewhere (docker compose, a package): a process of its own.

    python -m carebed.rabbitmq MANAGEMENT_URL PASSWORD_FILE LISTEN

MANAGEMENT_URL: the broker's management interface; PASSWORD_FILE: the doorkeeper's password there; LISTEN: the address
and port at which the broker asks us, as its `auth_http.user_path` names it. Needs `CAREBED_DATABASE_URL` (the reader's
will do) and `CAREBED_MQTT_USERS_FILE`.
"""

import asyncio
import sys
from pathlib import Path

from carebed.embedded.broker import follow_gateways
from carebed.embedded.broker_users import own_passwords
from carebed.logs import configure_logs
from carebed.rabbitmq.configuration import KEEPER
from carebed.rabbitmq.doorkeeper import Doorkeeper
from carebed.rabbitmq.management import Management
from carebed.settings import Settings, load_settings
from carebed.supervision import run_tasks


async def run(settings: Settings, management_url: str, password: str, host: str, port: int) -> None:
    """Run until SIGTERM."""
    settings.needed("database_url", "mqtt_users_file")
    assert settings.mqtt_users_file is not None
    keeper = Doorkeeper(own_passwords(settings.mqtt_users_file))
    async with Management(management_url, KEEPER, password) as management:
        await run_tasks(
            {
                "gateways": follow_gateways(settings.secret("database_url"), keeper.set_gateways),
                "users": keeper.keep(management),
                "questions": keeper.serve(host, port),
            }
        )


def main() -> None:
    """As the module says."""
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    management_url, password_file, listen = sys.argv[1:]
    host, port = listen.rsplit(":", 1)
    settings = load_settings()
    configure_logs("doorkeeper", settings.log_level)
    password = Path(password_file).read_text(encoding="utf-8").strip()
    asyncio.run(run(settings, management_url, password, host, int(port)))


if __name__ == "__main__":
    main()
