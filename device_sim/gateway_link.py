"""One gateway's line to the broker: it reconnects for ever, loses no alarm and repeats its last readings.

Alarm messages stay in the outbox until receipted; readings and health messages stay on the shelf for two minutes after
their PUBACK. Neither survives this program; a real gateway keeps both in flash.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import aiomqtt
import structlog

from device_sim.backoff import Backoff
from device_sim.client import Client
from device_sim.outbox import Entry, Outbox
from device_sim.shelf import Parcel, Shelf
from gateway.limits import NOBODY_LISTENS
from gateway.wire import (
    GATEWAY_ITSELF,
    Command,
    HealthType,
    Lane,
    Message,
    Receipt,
    command_topic,
    decode_command,
    decode_receipt,
    encode,
    receipt_topic,
    up_topic,
)

log = structlog.get_logger()

_KEEPALIVE_S = 30
_TICK_S = 0.25
#: Below the 20 that a broker grants by default, so that an alarm never queues behind readings.
_READINGS_IN_FLIGHT = 16
_COMMANDS_REMEMBERED = 64


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class MessageIds:
    """`{boot}-{sequence}`: unique for the device's life, because the boot number never comes again."""

    def __init__(self, boot: str | None = None) -> None:
        """`boot` defaults to the start time in milliseconds, base 36."""
        self.boot = boot or f"b{_base36(time.time_ns() // 1_000_000)}"
        self._sequence = count(1)

    def next(self) -> str:
        """The id of the next message."""
        return f"{self.boot}-{next(self._sequence):06d}"


@dataclass(frozen=True)
class Account:
    """What a gateway needs to connect."""

    host: str
    port: int
    gateway: str
    password: str


class GatewayLink:
    """One MQTT 5 connection per gateway; `run` keeps it up, the other methods may be called at any time."""

    def __init__(
        self,
        account: Account,
        *,
        clock: Callable[[], datetime] = utc_now,
        outbox: Outbox | None = None,
        shelf: Shelf | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """`clock` is the devices' own clock (aware UTC)."""
        self.account = account
        self.ids = MessageIds()
        self.clock = clock
        self.outbox = Outbox() if outbox is None else outbox
        self.shelf = Shelf() if shelf is None else shelf
        self.connected = asyncio.Event()
        self.connections = 0
        self._backoff = backoff or Backoff()
        self._connected_s: float | None = None
        self._client: Client | None = None
        self._has_mains = asyncio.Event()
        self._has_mains.set()
        self._work = asyncio.Event()
        self._shelf_moved = asyncio.Event()
        self._obeyed: dict[str, Message] = {}
        self.heard: list[tuple[str, Command]] = []
        """What was done of what the backend has told (device, command), the last of them."""

    def message(
        self,
        kind: str,
        value: float | bool | str | None = None,
        unit: str | None = None,
        *,
        data: dict[str, Any] | None = None,
        message_id: str | None = None,
    ) -> Message:
        """A new message of this moment by the devices' clock."""
        message_id = message_id or self.ids.next()
        return Message(id=message_id, time=self.clock(), type=kind, value=value, unit=unit, data=data or {})

    def alarm(self, device: str, message: Message) -> asyncio.Future[Receipt | None]:
        """Send an alarm message and go on resending it; the future gets its final receipt, None after 30 min."""
        topic = up_topic(self.account.gateway, Lane.ALARM, device)
        entry = self.outbox.put(topic, device, message.id, encode(message), time.monotonic())
        self._work.set()
        return entry.settled

    def publish(self, lane: Lane, device: str, messages: Message | list[Message]) -> None:
        """Send a reading or health message, or an array of them as one payload."""
        self.shelf.put(up_topic(self.account.gateway, lane, device), encode(messages))
        self._work.set()

    async def flushed(self) -> None:
        """Wait until the broker has acknowledged everything that was published."""
        while not self.shelf.empty:
            self._shelf_moved.clear()
            await self._shelf_moved.wait()

    def cut(self) -> None:
        """Power is gone: the line drops without a word (the broker sends the last will) and stays down."""
        self._has_mains.clear()
        if self._client is not None:
            self._client.drop()

    def restore(self) -> None:
        """Power is back."""
        self._has_mains.set()

    async def run(self) -> None:
        """Keep the connection up until cancelled; then disconnect politely, so that no last will is sent."""
        away = False
        while True:
            await self._has_mains.wait()
            self._connected_s = None
            try:
                async with self._connection() as client:
                    away = False
                    await self._serve(client)
            except* aiomqtt.MqttError as errors:
                if not away:
                    log.warning("gateway_disconnected", gateway=self.account.gateway, error=_why(errors))
                away = True
            held_s = 0.0 if self._connected_s is None else time.monotonic() - self._connected_s
            await asyncio.sleep(self._backoff.pause_s(held_s))

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator["Client"]:
        gateway = self.account.gateway
        self.connections += 1
        will = Message(id=f"{self.ids.boot}-will-{self.connections}", time=None, type=HealthType.OFFLINE, value=True)
        client = Client(
            self.account.host,
            self.account.port,
            username=gateway,
            password=self.account.password,
            identifier=gateway,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=_KEEPALIVE_S,
            will=aiomqtt.Will(up_topic(gateway, Lane.HEALTH), encode(will), qos=1),
        )
        # It warns above so many publishes under way; a full window and a few alarms are ordinary here.
        client.pending_calls_threshold = 4 * _READINGS_IN_FLIGHT
        async with client:
            await client.subscribe([(receipt_topic(gateway, "+"), 1), (command_topic(gateway, "+"), 1)])
            now_s = time.monotonic()
            self.outbox.reconnected(now_s)
            again = self.shelf.rewind(now_s)
            log.info("gateway_connected", gateway=gateway, republished=again, alarms_pending=len(self.outbox))
            self.publish(Lane.HEALTH, GATEWAY_ITSELF, self.message(HealthType.ONLINE, True))
            self._client = client
            self._connected_s = now_s
            self.connected.set()
            try:
                yield client
            finally:
                self._client = None
                self.connected.clear()
                client.forget_disconnection()

    async def _serve(self, client: "Client") -> None:
        self._work.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(client))
            tasks.create_task(self._send(client, tasks))

    async def _send(self, client: "Client", tasks: asyncio.TaskGroup) -> None:
        """Send what is due, alarms first. A message counts as sent when it is handed over, not at its PUBACK."""
        window = asyncio.Semaphore(_READINGS_IN_FLIGHT)
        while True:
            # Not `wait_for`: in Python 3.11 it swallows the cancellation of a line that breaks while there is work, and
            # the link would die of sending on a broken line.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S if len(self.outbox) or self.shelf.rests else None):
                    await self._work.wait()
            self._work.clear()
            self._send_alarms(client, tasks)
            while not window.locked() and (parcel := self.shelf.take(time.monotonic())) is not None:
                await window.acquire()
                tasks.create_task(self._send_parcel(client, parcel, window))

    def _send_alarms(self, client: "Client", tasks: asyncio.TaskGroup) -> None:
        now_s = time.monotonic()
        for entry in self.outbox.give_up(now_s):
            log.error("alarm_given_up", gateway=self.account.gateway, device=entry.device, sendings=entry.sendings)
        for entry in self.outbox.needing_other_route(now_s):
            log.warning("other_route_started", gateway=self.account.gateway, device=entry.device)
        for entry in self.outbox.due(now_s):
            self.outbox.sent(entry, now_s)
            tasks.create_task(self._send_alarm(client, entry))

    async def _send_alarm(self, client: "Client", entry: Entry) -> None:
        await client.publish(entry.topic, entry.payload, qos=1)

    async def _send_parcel(self, client: "Client", parcel: Parcel, window: asyncio.Semaphore) -> None:
        if await client.told(parcel.topic, parcel.payload) == NOBODY_LISTENS:
            self.shelf.unheard(parcel, time.monotonic())
        else:
            self.shelf.acked(parcel, time.monotonic())
        window.release()
        self._shelf_moved.set()
        self._work.set()

    async def _listen(self, client: "Client") -> None:
        async for incoming in client.messages:
            direction, device = str(incoming.topic).split("/")[-2:]
            payload = incoming.payload
            try:
                if direction == "receipt":
                    self._receipted(device, decode_receipt(payload))
                else:
                    self._obey(device, decode_command(payload))
            except ValueError as error:
                log.warning("unreadable_from_backend", gateway=self.account.gateway, device=device, error=str(error))

    def _receipted(self, device: str, receipt: Receipt) -> None:
        entry = self.outbox.receipted(device, receipt)
        if entry is not None:
            log.info(
                "alarm_receipted",
                gateway=self.account.gateway,
                device=device,
                message=entry.id,
                status=receipt.status,
                after_s=round(time.monotonic() - entry.born_s, 3),
            )

    def _obey(self, device: str, command: Command) -> None:
        """Every command of the contract can be done by a device that is only pretended; the answer bears its id. What
        comes again is answered again and not done again; what has expired is neither."""
        if command.expires_at is not None and command.expires_at <= self.clock():
            log.info("command_expired", gateway=self.account.gateway, device=device, type=command.type)
            return
        done = self._obeyed.get(command.id)
        if done is None:
            log.info("command_obeyed", gateway=self.account.gateway, device=device, type=command.type, **command.data)
            done = self.message(HealthType.COMMAND_RESULT, True, message_id=command.id, data={"type": command.type})
            self._obeyed[command.id] = done
            self.heard.append((device, command))
            for stale in [*self._obeyed][:-_COMMANDS_REMEMBERED]:
                del self._obeyed[stale]
            del self.heard[:-_COMMANDS_REMEMBERED]
        self.publish(Lane.HEALTH, device or GATEWAY_ITSELF, done)


def _why(errors: BaseExceptionGroup[aiomqtt.MqttError]) -> str:
    """The broker's own word where there is one: aiomqtt hangs it behind the error of whoever was waiting."""
    first = errors.exceptions[0]
    return str(first.__cause__ or first)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
