"""A provider of messages in the benchmark's own process: takes every webhook, after a while, and notes when it came."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from carebed.embedded import ports

SECRET = "whsec_" + "bWVhc3VyZWQgbm90IGd1ZXNzZWQ="

_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Provider:
    """`delay_s`: how long it thinks about each message. `calls`: (alarm, ladder step) -> when each of its messages
    came (`time.perf_counter`)."""

    port: int
    delay_s: float = 0.0
    calls: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """What the processes need to know of it."""
        return {"CAREBED_WEBHOOK_URL": f"http://127.0.0.1:{self.port}/", "CAREBED_WEBHOOK_SECRET": SECRET}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a process that tells people."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                (length,) = (
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                body = await reader.readexactly(length)
                at = time.perf_counter()
                data = json.loads(body)["data"]
                if data["kind"] == "called":
                    self.calls.setdefault((data["alarm_id"], data["step"]), []).append(at)
                await asyncio.sleep(self.delay_s)
                writer.write(_TAKEN)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """It listens until the end of the block."""
    one = Provider(ports.free_port())
    server = await asyncio.start_server(one.serve, "127.0.0.1", one.port)
    try:
        yield one
    finally:
        server.close()
