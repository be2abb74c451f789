"""The reading lane of a running house: held while a backlog gathers in the broker, then let go."""

import asyncio
import contextlib
import itertools
import os
import re
import signal
from collections.abc import Sequence
from typing import Any

import httpx

from benchmarks.backlog import messages
from benchmarks.loader import Loader

_STORED = re.compile(r"^carebed_readings_(?:stored|duplicate)_total (\S+)$", re.MULTILINE)
_POLL_S = 0.1
_PATIENCE_S = 60.0


class ReadingLane:
    """`carebed ingest --lane reading` as it stands in the ready file. `gateways` (entries of that file) publish
    `backlog` readings each time; whoever is connected as one of them is thrown out."""

    def __init__(self, ready: dict[str, Any], gateways: Sequence[dict[str, Any]], backlog: int) -> None:
        self._pid = int(ready["processes"]["ingest-reading"][0])
        self._metrics = ready["health"]["ingest-reading"][0].replace("/readyz", "").rstrip("/") + "/metrics"
        self._host, self._port = ready["mqtt"]["host"], int(ready["mqtt"]["port"])
        self._gateways = gateways
        self._each = backlog // len(self._gateways)
        self._runs = itertools.count()
        self._published = 0

    async def gather(self) -> None:
        """Stop the process and publish a backlog, every gateway its share; returns when the broker has all of it.

        It must not take longer than the broker's patience with a silent client: 1.5 keepalives, 15 s.
        """
        os.kill(self._pid, signal.SIGSTOP)
        try:
            await asyncio.to_thread(self._publish, f"load{next(self._runs)}")
        except BaseException:  # an interrupt too: no stopped process is left behind
            os.kill(self._pid, signal.SIGCONT)
            raise

    async def drain(self, client: httpx.AsyncClient) -> None:
        """Let it go, and wait until everything is stored."""
        os.kill(self._pid, signal.SIGCONT)
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                with contextlib.suppress(httpx.TransportError):  # it had hung up while it was held
                    answer = await client.get(self._metrics)
                    if sum(float(value) for value in _STORED.findall(answer.text)) >= self._published:
                        return
                await asyncio.sleep(_POLL_S)

    def _publish(self, run: str) -> None:
        for gateway in self._gateways:
            sensors = [(gateway["id"], device["id"]) for device in gateway["devices"] if device["kind"] != "gateway"]
            with Loader(self._host, self._port, gateway["id"], gateway["password"]) as loader:
                self._published += loader.publish(messages(sensors, run, self._each))
