"""The line down to the homes: one connection to the broker as `carebed-command`, which may write commands and read
nothing. Held while the process is the elected one, for the broker knows one session of that name."""

import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from carebed.election import Election
from carebed.embedded.broker_config import COMMAND
from carebed.logs import get_logger
from carebed.settings import Settings

log = get_logger()

_AGAIN_S = 1.0
_LOOK_S = 1.0
_KEEPALIVE_S = 20
#: For one PUBACK.
_PUBLISH_S = 5.0
#: Publishes under way at once.
AT_ONCE = 200


class HomeLine:
    """`opened`: called whenever the line stands anew."""

    def __init__(self, settings: Settings, election: Election, opened: Callable[[], object]) -> None:
        self._settings = settings
        self._election = election
        self._opened = opened
        self._client: aiomqtt.Client | None = None

    @property
    def stands(self) -> bool:
        """Whether there is a line now."""
        return self._client is not None

    async def send(self, topic: str, payload: bytes, lives_s: float) -> bool:
        """Publish at QoS 1; whether the broker has acknowledged it. It drops by itself what it still holds for somebody
        after `lives_s`."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's own
        properties.MessageExpiryInterval = max(1, round(lives_s))
        try:
            if self._client is not None:
                await self._client.publish(topic, payload, qos=1, properties=properties)
                return True
        except (aiomqtt.MqttError, ValueError) as error:
            log.warning("command_not_published", error=type(error).__name__)
        return False

    async def run(self) -> None:
        """A named task: hold the line, for ever anew. Without a password for it nothing is published."""
        password = self._password()
        if password is None:
            log.warning("homes_are_not_told", reason=f"no password for {COMMAND}")
            await asyncio.Event().wait()
            return
        there = True
        while True:
            await self._election.won()
            try:
                async with self._connection(password) as client:
                    client.pending_calls_threshold = 2 * AT_ONCE
                    there = True
                    self._client = client
                    self._opened()
                    await self._until_lost(client)
            except (aiomqtt.MqttError, OSError, TimeoutError) as error:
                if there:
                    log.warning("homes_are_not_told", reason=type(error).__name__)
                there = False
            finally:
                self._client = None
            await asyncio.sleep(_AGAIN_S)

    def _connection(self, password: str) -> aiomqtt.Client:
        return aiomqtt.Client(
            self._settings.mqtt_host, self._settings.mqtt_port, identifier=COMMAND, username=COMMAND,
            password=password, protocol=aiomqtt.ProtocolVersion.V5, keepalive=_KEEPALIVE_S,
            max_inflight_messages=AT_ONCE, timeout=_PUBLISH_S,
            tls_context=ssl.create_default_context() if self._settings.mqtt_tls else None,
        )  # fmt: skip

    async def _until_lost(self, client: aiomqtt.Client) -> None:
        """Nothing is subscribed, so the client's messages end only with the line."""
        hearing = asyncio.create_task(_hear(client))
        try:
            while self._election.leading and not hearing.done():
                await asyncio.wait({hearing}, timeout=_LOOK_S)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
        if not hearing.cancelled():
            hearing.result()

    def _password(self) -> str | None:
        file = self._settings.mqtt_users_file
        try:
            users = {} if file is None else json.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.warning("mqtt_users_unreadable", error=type(error).__name__)
            return None
        password = users.get(COMMAND) if isinstance(users, dict) else None
        return None if password is None else str(password)


async def _hear(client: aiomqtt.Client) -> None:
    async for _ in client.messages:
        pass
