"""The last resort: the alarm lane cannot commit, so nothing that depends on the database can tell anybody.

Each webhook address in a file is called, signed like every notification of ours, from memory alone: that calls for
help wait, how many, since when, from which gateways. It is called again until the lane commits, and once more when it
does. The people behind the addresses telephone the homes.

Stuck is a lane that serves shard groups and has acknowledged nothing for 15 s. A sentinel a second comes through the
broker and is committed like any message, so that covers a database that is away, full, frozen or refusing, and a broker
that cannot be reached: for whoever presses it is the same. Time in which this process itself stood still is not counted
in.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from prometheus_client import Counter, Gauge

from alerts.last_resort_list import Addresses
from alerts.webhook import Webhook, secret_bytes
from carebed.logs import get_logger
from carebed.wake import woken_within
from gateway.payload import decode
from gateway.topics import SENTINEL_GATEWAY, BadTopic, parse_topic
from ingest.detect.signals import CALLS
from ingest.mqtt import Incoming

log = get_logger()

#: The lane may be without a commit for so long (docs/architecture.md).
AFTER_S = 15.0
_LOOK_S = 0.5
#: Pauses between calls that were taken: five times after a minute, then every five.
_AGAIN_S = (60.0, 60.0, 60.0, 60.0, 60.0, 300.0)
#: Pauses between calls that were not.
_RETRY_FIRST_S, _RETRY_LONGEST_S = 1.0, 15.0
#: For so long somebody who was called is told that it is over.
_OVER_S = 3_600.0
#: Gateway and type pairs in one call; calls for help come first, and the rest is counted.
_LISTED = 200

CALLS_MADE = Counter("carebed_last_resort_calls", "Calls of the last-resort list", ["outcome"])
STUCK = Gauge("carebed_alarm_lane_stuck_seconds", "Time for which the alarm lane has committed nothing")


class Watched(Protocol):
    """What is watched: the alarm lane's intake."""

    acked_monotonic: float
    """When a batch was acknowledged last, which is after its commit."""

    @property
    def unready(self) -> str | None:
        """Why the broker cannot be reached, if so."""

    @property
    def oldest_unacked_s(self) -> float:
        """Age of the oldest message that waits."""

    def waiting(self) -> Iterable[Incoming]:
        """Everything received and not yet acknowledged."""


class Outage:
    """One time in which the lane is stuck."""

    def __init__(self, stuck_s: float) -> None:
        self.id = str(uuid4())
        self.since = datetime.fromtimestamp(time.time() - stuck_s, UTC)
        self.over = asyncio.Event()

    @property
    def lasted_s(self) -> float:
        """Until now."""
        return round((datetime.now(UTC) - self.since).total_seconds(), 1)

    async def over_within(self, pause_s: float) -> bool:
        """Wait so long, or until it is over; whether it is."""
        return await woken_within(self.over, pause_s)


class LastResort:
    """Watches the alarm lane of one process. `secret` None: calls are not signed, which is better than not calling.
    `idle`: whether others are known to serve all shard groups; one that cannot know it counts as stuck.

    Raises `SettingsError` for a secret that is none.
    """

    def __init__(
        self, watched: Watched, file: Path, secret: str | None, *, idle: Callable[[], bool] = lambda: False,
        after_s: float = AFTER_S,
    ) -> None:  # fmt: skip
        self._watched = watched
        self._idle = idle
        self._addresses = Addresses(file)
        self._secret = secret
        self._after_s = after_s
        self._outage: Outage | None = None
        self._callers: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        """Callers of outages that are over, until everybody was told."""
        self._stuck_s = 0.0
        self._acked = watched.acked_monotonic
        self._looked = time.monotonic()
        self._addresses.read()
        if secret is None:
            log.error("last_resort_unsigned", trouble="CAREBED_WEBHOOK_SECRET is not set")
        else:
            secret_bytes(secret)

    def ready(self) -> str | None:
        """Readiness: the file can be used, and nobody has to be called."""
        if self._outage is not None:
            return f"the alarm lane has committed nothing for {self._outage.lasted_s:.0f} s: the last resort is called"
        self._addresses.read()
        return self._addresses.trouble

    async def run(self) -> None:
        """A named task: look twice a second until cancelled."""
        try:
            while True:
                await asyncio.sleep(_LOOK_S)
                self._look(time.monotonic())
        finally:
            for caller in (*self._callers.values(), *self._closing):
                caller.cancel()

    def _look(self, now: float) -> None:
        """Add up for how long nothing was committed, as far as we were there to see it."""
        elapsed, self._looked = now - self._looked, now
        acked, self._acked = self._acked, self._watched.acked_monotonic
        if acked != self._acked or self._idle():
            self._stuck_s = 0.0
        else:
            self._stuck_s += min(elapsed, 4 * _LOOK_S)
        STUCK.set(self._stuck_s)
        if self._outage is None and self._stuck_s >= self._after_s:
            self._begin()
        elif self._outage is not None and not self._stuck_s and self._watched.oldest_unacked_s < self._after_s:
            self._end(self._outage)
        if self._outage is not None:
            self._call_all(self._outage)

    def _begin(self) -> None:
        self._outage = Outage(self._stuck_s)
        log.critical("last_resort_begins", outage=self._outage.id, cause=self._cause())

    def _end(self, outage: Outage) -> None:
        log.warning("last_resort_over", outage=outage.id, lasted_s=outage.lasted_s)
        outage.over.set()
        self._outage = None
        for caller in self._callers.values():
            self._closing.add(caller)
            caller.add_done_callback(self._closing.discard)
        self._callers = {}

    def _call_all(self, outage: Outage) -> None:
        """A caller for each address, so that one that is dead delays no other; who left the file is let go."""
        addresses = self._addresses.read()
        for address in self._callers.keys() - set(addresses):
            self._callers.pop(address).cancel()
        for address in addresses:
            if address not in self._callers:
                self._callers[address] = asyncio.create_task(self._call(address, outage), name="last-resort-call")

    async def _call(self, address: str, outage: Outage) -> None:
        """Call one address until it is over, and then say so if anybody was told."""
        webhook = Webhook(address, self._secret)
        try:
            taken = failed = 0
            while not outage.over.is_set():
                if await self._send(webhook, address, f"{outage.id}.{taken}", self._calling(outage)):
                    pause_s = _AGAIN_S[min(taken, len(_AGAIN_S) - 1)]
                    taken, failed = taken + 1, 0
                else:
                    pause_s = _retry_s(failed)
                    failed += 1
                await outage.over_within(pause_s)
            if taken:
                await self._tell_over(webhook, address, outage)
        finally:
            await webhook.close()

    async def _tell_over(self, webhook: Webhook, address: str, outage: Outage) -> None:
        content = _message(
            "over", f"Calls for help are handled again, after {outage.lasted_s:.0f} s.",
            {"outage": outage.id, "since": outage.since, "lasted_s": outage.lasted_s},
        )  # fmt: skip
        failed = 0
        until = time.monotonic() + _OVER_S
        while not await self._send(webhook, address, f"{outage.id}.over", content) and time.monotonic() < until:
            await asyncio.sleep(_retry_s(failed))
            failed += 1

    async def _send(self, webhook: Webhook, address: str, message_id: str, content: object) -> bool:
        try:
            error = await webhook.send(message_id, int(time.time()), content)
        except Exception as unforeseen:  # noqa: BLE001 - no address may end its own caller
            error = type(unforeseen).__name__
        CALLS_MADE.labels("taken" if error is None else "failed").inc()
        # An address may hold somebody's key: the host says enough.
        outcome = {"host": urlsplit(address).hostname, "message": message_id}
        log.warning("last_resort_called", **outcome) if error is None else log.error(
            "last_resort_failed", error=error, **outcome
        )
        return error is None

    def _cause(self) -> str:
        """What is known of the reason, without personal data."""
        return self._watched.unready or "nothing could be stored in the database"

    def _calling(self, outage: Outage) -> dict[str, Any]:
        """What to say now: counted by gateway and type, each message once however often it was sent."""
        waiting = _waiting(self._watched.waiting())
        messages = sum(one["messages"] for one in waiting)
        oldest_s = max((one["oldest_s"] for one in waiting), default=0.0)
        words = (
            f"Carebed has handled no call for help since {outage.since:%Y-%m-%d %H:%M:%S} UTC: {self._cause()}. "
            f"{messages} messages of {len({one['gateway'] for one in waiting})} gateways are known to wait, "
            f"the oldest for {oldest_s:.0f} s."
        )
        return _message(
            "calling", words,
            {
                "outage": outage.id, "since": outage.since, "stuck_s": outage.lasted_s, "cause": self._cause(),
                "messages": messages, "oldest_s": oldest_s, "waiting": waiting[:_LISTED],
                "more": max(0, len(waiting) - _LISTED),
            },
        )  # fmt: skip


def _waiting(messages: Iterable[Incoming]) -> list[dict[str, Any]]:
    """`gateway`, `type`, `messages`, `oldest_s`: calls for help first, then what waits longest. `type` None: unread."""
    now = time.monotonic()
    seen: set[tuple[str, str, str | None]] = set()
    counted: dict[tuple[str, str | None], dict[str, Any]] = {}
    for incoming in messages:
        topic = parse_topic(incoming.topic)
        gateway = topic.gateway
        if gateway is None or gateway == SENTINEL_GATEWAY:
            continue
        device = topic.text if isinstance(topic, BadTopic) else topic.device
        for one in decode(incoming.payload) if incoming.defect is None else ():
            key = gateway, device, one.id
            line = counted.setdefault(
                (gateway, one.type), {"gateway": gateway, "type": one.type, "messages": 0, "oldest_s": 0.0}
            )
            line["oldest_s"] = max(line["oldest_s"], round(now - incoming.received_monotonic, 1))
            line["messages"] += key not in seen
            seen.add(key)
    return sorted(counted.values(), key=lambda line: (line["type"] not in CALLS, -line["oldest_s"]))


def _message(kind: str, words: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"last_resort.{kind}", "timestamp": datetime.now(UTC), "message": words, "data": data}


def _retry_s(failed: int) -> float:
    return min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2.0 ** min(failed, 10))
