"""What the homes say: a steady stream, and what goes wrong in it: poison, floods, repeats, wrong clocks, backlogs."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from carebed.settings import Settings
from gateway.wire import GATEWAY_ITSELF, Lane, Message, encode, shard_of, up_topic
from tests.chaos.gateway import Gateway
from tests.chaos.ledger import Call, Letter
from tests.chaos.poison import Poison, brew
from tests.chaos.schedule import Fault

_TICK_S = 0.05
_HEARTBEAT_S = 3.0
#: What may be repeated.
_REMEMBERED = 20_000
_YEARS = timedelta(days=365)
_KEPT = timedelta(days=Settings.model_fields["readings_kept_days"].default)

#: Kind of an alarm message and how often it is one. Mostly "I'm OK": it raises nothing.
_CALLS = {"check_in": 75, "sos": 6, "assist": 5, "sos_cancel": 4, "doorbell": 3, "fall": 2, "fall_cancel": 2, "hum": 3}
_DANGER = {"sos", "assist", "doorbell", "fall", "smoke", "gas", "leak"}


class Home:
    """A gateway and the devices behind it."""

    def __init__(self, gateway: Gateway, devices: dict[str, str]) -> None:
        """`devices`: kind -> id."""
        self.gateway = gateway
        self.devices = devices
        self.clock_off = timedelta(0)


class Traffic:
    """Speaks for all homes. `rate` readings and `calls` alarm messages a second, all homes together."""

    def __init__(self, homes: Sequence[Home], rate: float, calls: float, chance: random.Random) -> None:
        self.homes = homes
        self._rate, self._calls, self._chance = rate, calls, chance
        self._ids = count(1)
        self._boot = f"c{time.time_ns() // 1_000_000:x}"
        self._remembered: deque[tuple[Gateway, str, bytes]] = deque(maxlen=_REMEMBERED)

    async def flow(self) -> None:
        """Until cancelled."""
        last = beat = time.monotonic()
        owed_readings = owed_calls = 0.0
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            owed_readings += (now - last) * self._rate
            owed_calls += (now - last) * self._calls
            last = now
            while owed_readings >= 1:
                owed_readings -= self._reading(self._chance.choice(self.homes))
            while owed_calls >= 1:
                self._call(self._chance.choice(self.homes))
                owed_calls -= 1
            if now - beat > _HEARTBEAT_S:
                beat = now
                self._beat()

    # Faults of what is sent

    async def poison(self, fault: Fault) -> str:
        """A few messages that cannot be taken."""
        home = self._home(fault)
        chance = random.Random(fault.pick)
        brewed = [self._poisoned(home, brew(chance, self._mark())) for _ in range(chance.randint(1, 12))]
        for letter in brewed:
            home.gateway.post(letter)
        return f"{len(brewed)} from {home.gateway.id}"

    async def garbage_flood(self, fault: Fault) -> str:
        """A gateway that sends nothing but noise, as fast as it can."""
        home = self._home(fault)
        size = 500 + int(fault.pick * 1_500)
        for _ in range(size):
            mark = self._mark()
            noise = mark.encode() + b" " + self._chance.randbytes(40)
            lane = self._chance.choice(list(Lane))
            topic = up_topic(home.gateway.id, lane, self._device(home))
            home.gateway.post(self._poisoned(home, Poison(topic, noise, mark)))
        return f"{size} from {home.gateway.id}"

    async def backlog(self, fault: Fault) -> str:
        """All homes have something to catch up with: arrays and single readings, thousands at once."""
        each = 20 + int(fault.pick * 200)
        total = 0
        for home in self.homes:
            for _ in range(each):
                total += self._reading(home)
        return f"{total} readings of {len(self.homes)} homes"

    async def repeats(self, fault: Fault) -> str:
        """What was said before is said again, out of order."""
        remembered = list(self._remembered)[-2_000:]
        chosen = [self._chance.choice(remembered) for _ in range(10 + int(fault.pick * 300))] if remembered else []
        for gateway, topic, payload in chosen:
            gateway.again(topic, payload)
        return f"{len(chosen)} messages"

    async def old_news(self, fault: Fault) -> str:
        """The same with what is older, also alarms that were receipted long ago."""
        remembered = list(self._remembered)
        chosen = [self._chance.choice(remembered) for _ in range(10 + int(fault.pick * 100))] if remembered else []
        for gateway, topic, payload in chosen:
            gateway.again(topic, payload)
        return f"{len(chosen)} messages"

    async def clock_wrong(self, fault: Fault) -> str:
        """A home whose clock is wrong by years, for a while."""
        home = self._home(fault)
        years = (1 + int(fault.pick * 8)) * _YEARS
        home.clock_off = -years if fault.target == "past" else years
        end = time.monotonic() + fault.span_s
        try:
            while time.monotonic() < end:
                for _ in range(3):
                    self._reading(home)
                self._call(home)
                await asyncio.sleep(0.2)
        finally:
            home.clock_off = timedelta(0)
        return f"{home.gateway.id}, {fault.target}"

    async def all_hang_up(self, _fault: Fault) -> str:
        """Every gateway loses its line in the same moment, and all come back at once."""
        for home in self.homes:
            home.gateway.hang_up()
        return f"{len(self.homes)} gateways"

    # Messages

    def _reading(self, home: Home) -> int:
        """One payload of readings, sometimes an array; how many readings."""
        size = self._chance.randint(2, 40) if self._chance.random() < 0.03 else 1
        device = self._device(home)
        messages = [self._message(home, "temperature", round(self._chance.uniform(15, 25), 1)) for _ in range(size)]
        if self._chance.random() < 0.3 and (motion := home.devices.get("motion")):
            device = motion
            messages[0].type, messages[0].value = "motion", True
        letter = self._letter(home, Lane.READING, device, messages)
        home.gateway.post(letter)
        self._remembered.append((home.gateway, letter.topic, letter.payload))
        return size

    def _beat(self) -> None:
        for home in self.homes:
            for device in (GATEWAY_ITSELF, *filter(None, [home.devices.get("wristband")])):
                home.gateway.post(self._letter(home, Lane.HEALTH, device, [self._message(home, "heartbeat", True)]))

    def _letter(self, home: Home, lane: Lane, device: str, messages: list[Message]) -> Letter:
        stored_as = home.gateway.id if device == GATEWAY_ITSELF else device
        gateway = home.gateway
        payload = encode(messages if len(messages) > 1 else messages[0])
        topic = up_topic(gateway.id, lane, device)
        # A time far ahead cannot be, and what is older than readings are kept is put aside.
        refused = home.clock_off > timedelta(0) or -home.clock_off > _KEPT
        return Letter(
            topic, payload, gateway=gateway.id, plain=gateway.plain, born_at=time.time(),
            messages=() if refused else tuple((stored_as, one.id) for one in messages),
            mark=messages[0].id if refused else None, old=home.clock_off < timedelta(0),
        )  # fmt: skip

    def _poisoned(self, home: Home, poison: Poison) -> Letter:
        topic = poison.topic.format(
            shard=shard_of(home.gateway.id), gateway=home.gateway.id, device=self._device(home),
            other_shard=f"{(int(shard_of(home.gateway.id), 16) + 1) % 256:02x}",
        )  # fmt: skip
        return Letter(
            topic, poison.payload, gateway=home.gateway.id, plain=home.gateway.plain, born_at=time.time(),
            mark=poison.mark,
        )  # fmt: skip

    def _call(self, home: Home) -> None:
        kind = self._chance.choices(list(_CALLS), list(_CALLS.values()))[0]
        device = home.devices["wristband" if kind.startswith("fall") else "button"]
        message = self._message(home, kind, True)
        gateway = home.gateway
        # Danger is raised with the time of receipt where the device's clock is ahead; the rest is rejected.
        kept = home.clock_off <= timedelta(0) or kind in _DANGER - {"doorbell"}
        call = Call(
            gateway.id, device, message.id, kind, up_topic(gateway.id, Lane.ALARM, device), encode(message), kept,
            time.time(),
        )  # fmt: skip
        gateway.press(call)
        self._remembered.append((gateway, call.topic, call.payload))

    def _message(self, home: Home, kind: str, value: float | bool) -> Message:
        time_ = datetime.now(UTC) + home.clock_off
        return Message(id=f"{self._boot}-{next(self._ids)}", time=time_, type=kind, value=value)

    def _mark(self) -> str:
        return f"poison-{self._boot}-{next(self._ids)}"

    def _device(self, home: Home) -> str:
        return home.devices[self._chance.choice(("motion", "door", "bed", "button"))]

    def _home(self, fault: Fault) -> Home:
        return self.homes[int(fault.pick * len(self.homes))]
