"""A real Mosquitto that tests may kill, and a backend of ten lines that answers alarms as they tell it."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiomqtt

from carebed.embedded.ports import free_port
from gateway.wire import Receipt, Status, Topic, decode, parse_topic


class KillableBroker:
    """Mosquitto on a port of its own, with its memory on disk."""

    host = "127.0.0.1"

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\nuse_username_as_clientid true\nuser root\n"
            f"persistence true\npersistence_location {directory}/\nautosave_interval 1\nset_tcp_nodelay true\n"
            "max_queued_messages 0\nlog_dest none\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen([program, "-c", str(self._config)], stderr=subprocess.DEVNULL)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


class Backend:
    """Sees everything that gateways publish, and receipts alarms with what `answer` says (None: no receipt)."""

    def __init__(self, broker: KillableBroker) -> None:
        self.seen: list[tuple[Topic, bytes]] = []
        self.answer: Callable[[int], Status | None] = lambda _: Status.ACCEPTED
        self.client: aiomqtt.Client | None = None
        self.listening = asyncio.Event()
        self._broker = broker

    def of(self, lane: str, kind: str | None = None) -> list[bytes]:
        """Payloads seen on a lane (with this type)."""
        found = [payload for topic, payload in self.seen if topic.lane == lane]
        return [payload for payload in found if kind is None or decode(payload)[0].type == kind]

    async def run(self) -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    self._broker.host, self._broker.port, username="backend", identifier="backend", clean_session=False
                ) as client:
                    await client.subscribe("carebed/v1/#", qos=1)
                    self.client = client
                    self.listening.set()
                    await self._listen(client)
            self.listening.clear()
            await asyncio.sleep(0.05)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for incoming in client.messages:
            topic = parse_topic(str(incoming.topic))
            if not isinstance(topic, Topic) or not isinstance(incoming.payload, bytes):
                continue
            self.seen.append((topic, incoming.payload))
            if topic.lane == "alarm":
                status = self.answer(len(self.of("alarm")))
                for item in decode(incoming.payload) if status else []:
                    await client.publish(topic.receipt, Receipt(id=item.id, status=status).encode(), qos=1)


async def eventually(happened: Callable[[], object], within_s: float = 15.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    async with asyncio.timeout(within_s):
        while not happened():
            await asyncio.sleep(0.02)
