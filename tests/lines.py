"""A line between a process of ours and a service: it can be cut, go dead without a word, and stop at the n-th packet.

Both protocols are read just far enough to tell packets apart: PostgreSQL's (a type byte and a length, after the start)
and MQTT's (a type and a variable length).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

#: Called with the first byte and the whole of each packet from our process, before it is passed on; True: not any more.
Watch = Callable[[int, bytes], bool]


class _Postgres:
    """Cuts the bytes of a PostgreSQL client into messages; what comes before the first one with a type is b""."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False

    def packets(self, data: bytes) -> list[bytes]:
        self._rest += data
        found = []
        while len(self._rest) >= 5:
            head = 1 if self._started else 0
            length = head + int.from_bytes(self._rest[head : head + 4], "big")
            if len(self._rest) < length:
                break
            packet, self._rest = self._rest[:length], self._rest[length:]
            # SSLRequest and the like are eight bytes long and answered by one; the start itself is longer.
            self._started = self._started or length > 8
            found.append(packet)
        return found


class _Mqtt:
    """Cuts the bytes of an MQTT client into control packets."""

    def __init__(self) -> None:
        self._rest = b""

    def packets(self, data: bytes) -> list[bytes]:
        self._rest += data
        found = []
        while len(self._rest) >= 2:
            length = shift = 0
            position = 1
            while position < len(self._rest):
                byte = self._rest[position]
                length |= (byte & 0x7F) << shift
                shift += 7
                position += 1
                if byte < 0x80:
                    break
            else:
                break
            if len(self._rest) < position + length:
                break
            found.append(self._rest[: position + length])
            self._rest = self._rest[position + length :]
        return found


CUTTERS = {"postgres": _Postgres, "mqtt": _Mqtt}


@dataclass
class Line:
    """`port` is where our process connects. `watch` sees every packet of ours; `heard` every byte that comes back."""

    port: int = 0
    watch: Watch | None = None
    heard: Callable[[bytes], None] | None = None
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is set nothing passes, and nobody is told: not even whoever connects anew."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """End every connection, as if the cable were pulled on both sides."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(
        self, protocol: str, to_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection of our process."""
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there_writer}
        self._writers |= ends
        try:
            await asyncio.gather(
                self._there(CUTTERS[protocol](), reader, there_writer), self._back(there_reader, writer)
            )
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _there(self, cutter: "_Postgres | _Mqtt", reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._pass()
                for packet in cutter.packets(data):
                    if self.watch is not None and self.watch(packet[0], packet):
                        return
                    to.write(packet)
        to.transport.abort()

    async def _back(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._pass()
                if self.heard is not None:
                    self.heard(data)
                to.write(data)
        to.transport.abort()

    async def _pass(self) -> None:
        while self.dead.is_set():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def line(protocol: str, to_port: int) -> AsyncIterator[Line]:
    """A line to that port of this machine; `protocol`: postgres or mqtt."""
    one = Line()
    server = await asyncio.start_server(
        lambda reader, writer: one.serve(protocol, to_port, reader, writer), "127.0.0.1", 0
    )
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        one.cut()
