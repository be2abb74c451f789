"""A fast publisher: fills a broker with a backlog, in order, QoS 1, within the broker's Receive Maximum."""

import socket
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import mqtt5
from mqtt5 import ConnAckPacket, ConnectPacket, DisconnectPacket, PubAckPacket, PublishPacket, QoS

Message = tuple[str, bytes]

_MOST_IDS = 65_000
_WRITE_BYTES = 64 * 1024


class Loader:
    """A blocking MQTT 5 connection that can only publish. `with Loader(...) as loader: loader.publish(messages)`."""

    def __init__(self, host: str, port: int, username: str, password: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._next_id = 0
        self._socket.sendall(ConnectPacket(username, username=username, password=password.encode(), clean_start=True,
                                           keep_alive=0).write())  # fmt: skip
        try:
            packet = next(self._packets())
            if not isinstance(packet, ConnAckPacket) or packet.reason_code != 0:
                raise ConnectionError(f"the broker refused {username}: {packet}")
        except OSError:
            self._socket.close()
            raise
        self._window = min(packet.receive_max, _MOST_IDS)

    def publish(self, messages: Iterable[Message]) -> int:
        """Send all, in order; returns their number once the broker has acknowledged every one."""
        sent = acknowledged = 0
        chunk = bytearray()
        for topic, payload in messages:
            self._next_id = self._next_id % _MOST_IDS + 1
            chunk += PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=self._next_id).write()
            sent += 1
            full = sent - acknowledged >= self._window
            if full or len(chunk) >= _WRITE_BYTES:
                self._socket.sendall(chunk)
                chunk.clear()
            if full:
                acknowledged += self._acknowledgements()
        self._socket.sendall(chunk)
        while acknowledged < sent:
            acknowledged += self._acknowledgements()
        return sent

    def close(self) -> None:
        """Leave in order."""
        self._socket.sendall(DisconnectPacket().write())
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._socket.close()

    def _acknowledgements(self) -> int:
        """Wait for at least one packet; how many PUBACKs came."""
        count = 0
        for packet in self._packets():
            if not isinstance(packet, PubAckPacket) or int(packet.reason_code) >= 0x80:
                raise ConnectionError(f"the broker answered {packet}")
            count += 1
        return count

    def _packets(self) -> Iterator[mqtt5.Packet]:
        """What one read brings, at least one packet."""
        data = self._rest
        found = False
        while not found:
            more = self._socket.recv(_WRITE_BYTES)
            if not more:
                raise ConnectionError("the broker closed the connection")
            data += more
            position = 0
            view = memoryview(data)
            while position < len(data):
                try:
                    packet, size = mqtt5.read(view[position:])
                except IndexError:
                    break
                position += size
                found = True
                yield packet
            data = data[position:]
        self._rest = data
