"""A TCP line that can go bad: between a process and the broker or the database, or between gateways and the broker.

It forwards bytes until it is told to stall (nothing moves, both ends stay open, later it goes on), to go dead (the same
for good: each end must notice by itself, as with a cable that was cut), or to reset.
"""

import asyncio
import socket
import struct
from typing import cast

#: A dead pair is taken away after this; whoever has not noticed by then has a keepalive far longer than ours.
_BURIED_AFTER_S = 90.0
_HIGH_WATER_BYTES = 256 * 1024


class End(asyncio.Protocol):
    """One end of a pair; what it reads goes out at the other one."""

    def __init__(self, pair: "Pair") -> None:
        self.pair = pair
        self.other: End | None = None
        self.early = b""
        """To be written as soon as it is connected."""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(_HIGH_WATER_BYTES)
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.early:
            transport.write(self.early)
        self.pair.made(self)

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        if self.other.transport is None:  # uvloop reads once even where reading was paused at once
            self.other.early += data
        elif not self.other.transport.is_closing():
            self.other.transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.pair.lost()

    def pause_writing(self) -> None:
        """The other end must read no more until this one has written what it has."""
        if self.other is not None:
            self.other.read(False)

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.read(not self.pair.still)

    def read(self, on: bool) -> None:
        """Read the socket or not."""
        if self.transport is not None and not self.transport.is_closing():
            (self.transport.resume_reading if on else self.transport.pause_reading)()


class Pair:
    """One connection through the line: the client's end and the server's."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self.still = False
        """Nothing moves."""
        self.dead = False
        """Nothing will ever move again, and nobody is told."""
        self._torn = False
        self.client = End(self)
        self.server = End(self)
        self.client.other, self.server.other = self.server, self.client

    def made(self, end: End) -> None:
        """An end is connected: the client's first, then the server is called, if the line works."""
        if end is self.server:
            self.stall(self.still)
            return
        end.read(False)
        self._line.pairs.append(self)
        if self._line.refuses:
            self.reset()
        elif self._line.swallows:
            self.still = True
        else:
            self._line.call(self)

    def stall(self, still: bool) -> None:
        """Nothing moves any more, or all goes on."""
        self.still = still
        if not still and self._torn:
            self.reset()
        elif not still and self.server.transport is None:
            self._line.call(self)
        else:
            self.client.read(not still)
            self.server.read(not still)

    def cut(self) -> None:
        """Dead from now on."""
        self.dead = True
        self.stall(True)
        asyncio.get_running_loop().call_later(_BURIED_AFTER_S, self.reset)

    def lost(self) -> None:
        """An end closed: so does the other, after what is under way; while nothing moves it does not hear of it."""
        self._torn = True
        if self.still:
            return
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.close()
        self._line.forget(self)

    def reset(self) -> None:
        """Both ends get a RST."""
        for end in (self.client, self.server):
            if end.transport is not None and not end.transport.is_closing():
                line = end.transport.get_extra_info("socket")
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if end.transport is not None:
                end.transport.abort()
        self.still = False
        self._line.forget(self)


class Line:
    """Listens on `port` of this machine and forwards to its port `target`."""

    def __init__(self, name: str, port: int, target: int) -> None:
        self.name, self.port, self.target = name, port, target
        self.pairs: list[Pair] = []
        self.swallows = False
        """New connections are taken and lead nowhere yet."""
        self.refuses = False
        """New connections are reset."""
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Pair(self).client, "127.0.0.1", self.port)

    def close(self) -> None:
        """Away with it."""
        if self._server is not None:
            self._server.close()
        for pair in list(self.pairs):
            pair.reset()

    def choose(self, share: float, pick: float) -> list[Pair]:
        """Part of the connections, at least one where there is one; `pick` (0 to 1) tells from which on."""
        living = [pair for pair in self.pairs if not pair.dead]
        count = max(1, round(share * len(living)))
        first = int(pick * len(living))
        return (living[first:] + living[:first])[:count]

    def mend(self) -> None:
        """Everything that is not dead for good moves again."""
        self.swallows = self.refuses = False
        for pair in list(self.pairs):
            if pair.still and not pair.dead:
                pair.stall(False)

    def forget(self, pair: Pair) -> None:
        """It is over."""
        if pair in self.pairs:
            self.pairs.remove(pair)

    def call(self, pair: Pair) -> None:
        """Connect the server's end."""
        task = asyncio.get_running_loop().create_task(self._call(pair))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _call(self, pair: Pair) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: pair.server, "127.0.0.1", self.target)
        except OSError:
            pair.reset()
