"""A home with a button, for the latency figures: one MQTT connection that presses and notes when its receipt comes."""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import mqtt5
from mqtt5 import ConnectPacket, PubAckPacket, PublishPacket, QoS, SubscribePacket, TopicFilter

from gateway.lanes import Lane
from gateway.topics import receipt_topic, up_topic


class Home:
    """Made from an entry of the ready file's `gateways`."""

    def __init__(self, gateway: dict[str, Any]) -> None:
        self.id: str = gateway["home"]
        self._gateway: str = gateway["id"]
        self._password: str = gateway["password"]
        self._button: str = next(device["id"] for device in gateway["devices"] if device["kind"] == "button")
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._presses = 0
        self.receipts: dict[str, tuple[float, str]] = {}
        """Message id -> when its receipt came (seconds, `perf_counter`), and its status."""

    async def connect(self, host: str, port: int) -> None:
        """Connect and subscribe to the receipts."""
        reader, self._writer = await asyncio.open_connection(host, port)
        self._writer.write(
            ConnectPacket(self._gateway, username=self._gateway, password=self._password.encode(), clean_start=True,
                          keep_alive=0).write()
            + SubscribePacket(1, [TopicFilter(receipt_topic(self._gateway, "+"), max_qos=QoS.AT_LEAST_ONCE)]).write()
        )  # fmt: skip
        subscribed = asyncio.Event()
        self._reading = asyncio.create_task(self._read(reader, self._writer, subscribed))
        async with asyncio.timeout(10):
            await subscribed.wait()

    def press(self) -> tuple[str, float]:
        """Press the button: (message id, when it was given to the socket)."""
        assert self._writer is not None
        self._presses += 1
        message_id = f"bench-{self._presses:06d}"
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        payload = json.dumps({"id": message_id, "time": now, "type": "sos", "value": True}).encode()
        topic = up_topic(self._gateway, Lane.ALARM, self._button)
        packet = PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=self._presses % 65_535 + 1).write()
        began = time.perf_counter()
        self._writer.write(packet)
        return message_id, began

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subscribed: asyncio.Event
    ) -> None:
        data = b""
        while more := await reader.read(65_536):
            data += more
            while data:
                try:
                    packet, size = mqtt5.read(memoryview(data))
                except IndexError:
                    break
                data = data[size:]
                if isinstance(packet, mqtt5.SubAckPacket):
                    subscribed.set()
                elif isinstance(packet, PublishPacket):
                    receipt = json.loads(packet.payload)
                    self.receipts[receipt["id"]] = time.perf_counter(), receipt["status"]
                    if packet.packet_id:
                        writer.write(PubAckPacket(packet.packet_id).write())
