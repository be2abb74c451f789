"""A gateway of the demo as an outside client: publishes a press with its credential and waits for the receipt."""

import asyncio
import json
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

RECEIPT_WITHIN_S = 10.0


class GatewayAtHome:
    """The gateway number `index` of the ready file, with its button."""

    def __init__(self, ready: dict[str, Any], index: int) -> None:
        gateway = ready["gateways"][index]
        self._mqtt = ready["mqtt"]
        self._id: str = gateway["id"]
        self._password: str = gateway["password"]
        self._prefix = f"carebed/v1/{gateway['shard']}/{gateway['id']}"
        self._button = next(device["id"] for device in gateway["devices"] if device["kind"] == "button")

    async def press(self) -> str:
        """Press the button once; the id of the alarm that the receipt names."""
        return await asyncio.to_thread(self._press)

    def _press(self) -> str:
        message_id = uuid.uuid4().hex
        press = {"id": message_id, "time": datetime.now(UTC).isoformat(), "type": "sos", "value": True}
        receipts: list[dict[str, Any]] = []
        answered = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._id)
        client.username_pw_set(self._id, self._password)

        def receive(_client: Client, _userdata: object, message: MQTTMessage) -> None:
            receipts.append(json.loads(message.payload))
            answered.set()

        def subscribe(*_: object) -> None:
            client.subscribe(f"{self._prefix}/receipt/{self._button}", qos=1)

        def publish(*_: object) -> None:
            client.publish(f"{self._prefix}/alarm/{self._button}", json.dumps(press), qos=1)

        client.on_connect, client.on_subscribe, client.on_message = subscribe, publish, receive
        client.connect(self._mqtt["host"], self._mqtt["port"])
        client.loop_start()
        answered.wait(RECEIPT_WITHIN_S)
        client.disconnect()
        client.loop_stop()
        assert [one["id"] for one in receipts] == [message_id], f"no receipt for the press: {receipts}"
        assert receipts[0]["status"] == "accepted", receipts[0]
        alarm: str = receipts[0]["alarm"]
        return alarm
