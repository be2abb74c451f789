"""The line that goes bad: forwards, stalls and goes on, goes dead without a word, resets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from carebed.embedded.ports import free_port
from tests.chaos.line import Line

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echo_behind_a_line() -> AsyncIterator[Line]:
    """A server that says everything twice, behind a line."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1_000):
            writer.write(data * 2)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    line = Line("echo", free_port(), server.sockets[0].getsockname()[1])
    await line.open()
    try:
        yield line
    finally:
        line.close()
        server.close()


async def call(line: Line) -> Ends:
    return await asyncio.open_connection("127.0.0.1", line.port)


async def echo(ends: Ends, text: bytes) -> bytes:
    """What comes back."""
    ends[1].write(text)
    return await asyncio.wait_for(ends[0].read(1_000), 10)


async def nothing_comes(ends: Ends, text: bytes) -> bool:
    """Whether a line that does not move keeps what is sent, for half a second."""
    ends[1].write(text)
    try:
        await asyncio.wait_for(ends[0].read(1_000), 0.5)
    except TimeoutError:
        return True
    return False


async def test_it_forwards_both_ways_and_closes_both_ends() -> None:
    async with echo_behind_a_line() as line:
        ends = await call(line)
        assert await echo(ends, b"a") == b"aa"
        ends[1].close()
        async with asyncio.timeout(5):
            while line.pairs:
                await asyncio.sleep(0.01)


async def test_a_stalled_line_keeps_everything_until_it_is_mended() -> None:
    async with echo_behind_a_line() as line:
        ends = await call(line)
        assert await echo(ends, b"a") == b"aa"
        line.swallows = True
        for pair in line.choose(1.0, 0.0):
            pair.stall(True)
        newcomer = await call(line)
        assert await nothing_comes(ends, b"b")
        assert await nothing_comes(newcomer, b"c")
        line.mend()
        assert await asyncio.wait_for(ends[0].read(10), 5) == b"bb"
        assert await asyncio.wait_for(newcomer[0].read(10), 5) == b"cc"
        newcomer[1].close()
        ends[1].close()


async def test_a_dead_line_stays_dead_and_tells_nobody_while_new_ones_work() -> None:
    async with echo_behind_a_line() as line:
        ends = await call(line)
        assert await echo(ends, b"a") == b"aa"
        for pair in line.choose(1.0, 0.0):
            pair.cut()
        line.mend()
        assert await nothing_comes(ends, b"b")
        assert not ends[0].at_eof()
        again = await call(line)
        assert await echo(again, b"c") == b"cc"
        for writer in (ends[1], again[1]):
            writer.close()


async def test_a_reset_line_ends_with_an_error() -> None:
    async with echo_behind_a_line() as line:
        ends = await call(line)
        assert await echo(ends, b"a") == b"aa"
        for pair in line.choose(1.0, 0.0):
            pair.reset()
        with pytest.raises(ConnectionResetError):
            await ends[0].read(10)
        line.refuses = True
        with pytest.raises(ConnectionResetError):
            await echo(await call(line), b"b")
