"""HTTP as far as it takes to stand in for a provider: requests in, a status and JSON out, the connection kept."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """`target`: path and query as they came; `headers`: by their names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """`content`: as JSON, None for an empty body."""

    status: int = 200
    content: Any = None

    def encoded(self) -> bytes:
        """As it is sent."""
        body = b"" if self.content is None else json.dumps(self.content).encode()
        kind = "content-type: application/json\r\n" if body else ""
        return f"HTTP/1.1 {self.status} X\r\n{kind}content-length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def serving(answer: Callable[[Request], Awaitable[Answer | None]]) -> AsyncIterator[str]:
    """The address, on a free port, at which `answer` is asked; None closes the line."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None and (given := await answer(request)) is not None:
                writer.write(given.encoded())
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the sender gave up, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next one of the line; None at its end."""
    if not (line := (await reader.readline()).decode()):
        return None
    method, target, _ = line.split(" ")
    headers: dict[str, str] = {}
    while (header := (await reader.readline()).decode().strip()) != "":
        name, value = header.split(":", 1)
        headers[name.lower()] = value.strip()
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
