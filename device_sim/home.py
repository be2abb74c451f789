"""A simulated home: one resident, the devices around him and the gateway that speaks for them."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from device_sim.fleet import Broker, Gateway
from device_sim.gateway_link import Account, GatewayLink, utc_now
from device_sim.habits import Reading, Resident
from gateway.wire import GATEWAY_ITSELF, HealthType, Lane, ReadingType, Receipt

#: Every device and the gateway say that they are alive so often.
HEARTBEAT_S = 30.0

_STEP_S = 5.0
_LOOK_S = 0.5


class Home:
    """Normal life until a scenario interferes: `still` silences the resident, `link.cut()` the whole home."""

    def __init__(
        self,
        gateway: Gateway,
        broker: Broker,
        *,
        clock: Callable[[], datetime] = utc_now,
        zone: ZoneInfo | None = None,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """`clock` is the devices' clock (aware UTC), `zone` where the resident's day runs (default: China)."""
        self.gateway = gateway
        self.link = GatewayLink(Account(broker.host, broker.port, gateway.id, gateway.password), clock=clock)
        self.still = False
        self.dark = False
        self._resident = Resident(gateway.id, zone or ZoneInfo("Asia/Shanghai"))
        self._heartbeat_s = heartbeat_s

    @property
    def name(self) -> str:
        """What logs call it."""
        return self.gateway.id

    def device(self, *kinds: str) -> str:
        """The wire name of the first device of one of these kinds, else the gateway itself."""
        for kind in kinds:
            for device in self.gateway.devices:
                if device.kind == kind:
                    return self.gateway.wire_name(device)
        return GATEWAY_ITSELF

    def has(self, kind: str) -> bool:
        """Whether the home has such a device."""
        return any(device.kind == kind for device in self.gateway.devices)

    async def raise_alarm(self, device: str, kind: str, data: dict[str, Any] | None = None) -> Receipt | None:
        """Send an alarm-lane message and wait for its final receipt (None after 30 min of resending)."""
        return await self.link.alarm(device, self.link.message(kind, True, data=data))

    def move(self) -> None:
        """The resident walks past a motion sensor, or at least moves the arm with the wristband."""
        device = self.device("motion", "wristband")
        self.link.publish(Lane.READING, device, self.link.message(ReadingType.MOTION, True))

    def tell(self, kind: str, reading: str, value: bool) -> None:
        """A device of this kind says so, where the home has one."""
        if self.has(kind):
            self.link.publish(Lane.READING, self.device(kind), self.link.message(reading, value))

    def tell_health(self, kind: str, value: float | bool, device: str = GATEWAY_ITSELF) -> None:
        """Send a health message."""
        self.link.publish(Lane.HEALTH, device, self.link.message(kind, value))

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run())
            tasks.create_task(self._live())
            tasks.create_task(self._beat())

    async def _live(self) -> None:
        while True:
            readings = self._resident.step(self.link.clock())
            if not self.still and not self.dark:
                self._tell(readings)
            await asyncio.sleep(_STEP_S)

    def _tell(self, readings: list[Reading]) -> None:
        for reading in readings:
            if self.has(reading.device_kind):
                message = self.link.message(reading.type, reading.value, reading.unit)
                message = msgspec.structs.replace(message, time=reading.time)
                self.link.publish(Lane.READING, self.device(reading.device_kind), message)

    async def _beat(self) -> None:
        self.tell_health(HealthType.MAINS, True)
        names = {GATEWAY_ITSELF, *(self.gateway.wire_name(device) for device in self.gateway.devices)}
        due = self.link.clock()
        while True:
            now = self.link.clock()
            if now >= due:
                if not self.dark:
                    for name in sorted(names):
                        self.tell_health(HealthType.HEARTBEAT, True, name)
                due = now + timedelta(seconds=self._heartbeat_s * random.uniform(0.9, 1.0))
            # The devices' clock may leap (a demo's is shifted): then a beat is due at once.
            await asyncio.sleep(min(_LOOK_S, max(0.01, (due - now).total_seconds())))
