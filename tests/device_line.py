"""A gateway of the demo for stories: publishes what the test says and keeps every receipt."""

import json
import queue
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

NOW = object()


class DeviceLine:
    """One connection with a gateway's credential from the ready file; a context manager. It obeys no command."""

    def __init__(self, ready: dict[str, Any], gateway: dict[str, Any]) -> None:
        self.gateway = gateway
        self.receipts: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.commands: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._prefix = f"carebed/v1/{gateway['shard']}/{gateway['id']}"
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=gateway["id"], protocol=mqtt.MQTTv5)
        self._client.username_pw_set(gateway["id"], gateway["password"])
        self._client.on_message = self._received
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"{self._prefix}/{down}/+", 1) for down in ("receipt", "command")]
        )
        self._subscribed = queue.Queue[bool]()
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.connect(ready["mqtt"]["host"], ready["mqtt"]["port"])

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._subscribed.get(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()  # of its own accord only when it is collected, and then too late for warnings

    def device(self, kind: str) -> str:
        """Id of the home's first device of that kind."""
        return next(str(one["id"]) for one in self.gateway["devices"] if one["kind"] == kind)

    def send(
        self,
        lane: str,
        device: str,
        kind: str,
        *,
        value: object = True,
        at: object = NOW,
        message_id: str | None = None,
        data: dict[str, object] | None = None,
    ) -> str:
        """Publish one message at QoS 1 and wait for the broker; the message's id."""
        message = {
            "id": message_id or uuid.uuid4().hex[:12],
            "time": datetime.now(UTC).isoformat() if at is NOW else at,
            "type": kind,
            "value": value,
            "data": data or {},
        }
        self._client.publish(f"{self._prefix}/{lane}/{device}", json.dumps(message), qos=1).wait_for_publish(10)
        return str(message["id"])

    def receipt(self, message_id: str, timeout_s: float = 10) -> dict[str, Any]:
        """The receipt of that message; queue.Empty when none comes in time."""
        end = time.monotonic() + timeout_s
        while True:
            _, receipt = self.receipts.get(timeout=max(0.01, end - time.monotonic()))
            if receipt["id"] == message_id:
                return receipt

    def press(self, kind: str = "sos", device_kind: str = "button") -> str:
        """Press, and return the id of the alarm from the receipt."""
        receipt = self.receipt(self.send("alarm", self.device(device_kind), kind))
        assert receipt["status"] == "accepted", receipt
        return str(receipt["alarm"])

    def _received(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        _, down, device = message.topic.rsplit("/", 2)
        told = self.receipts if down == "receipt" else self.commands
        told.put((device if down == "command" else message.topic, json.loads(message.payload)))
