"""aiomqtt's client, and what it lacks for a home's line."""

import asyncio
import contextlib
import socket
from typing import Any

import aiomqtt


class Client(aiomqtt.Client):
    """aiomqtt's client, with a plug that can be pulled, and with what a PUBACK says."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._reasons: dict[int, asyncio.Future[int]] = {}

    async def told(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 1; the reason code of its PUBACK, which aiomqtt keeps to itself."""
        info = self._client.publish(topic, payload, 1)
        if info.rc != 0:
            raise aiomqtt.MqttCodeError(info.rc, "Could not publish message")
        reason: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reasons[info.mid] = reason
        try:
            async with asyncio.timeout(self.timeout):
                return await reason
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None
        finally:
            del self._reasons[info.mid]

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        super()._on_publish(client, userdata, mid, reason_code, properties)
        if (reason := self._reasons.get(mid)) is not None and not reason.done():
            reason.set_result(int(reason_code.value))

    def drop(self) -> None:
        """End the connection as a power cut does: no DISCONNECT, so the broker publishes the last will."""
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def forget_disconnection(self) -> None:
        """Mark the reason of the disconnection as seen: it came as an exception already."""
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()
