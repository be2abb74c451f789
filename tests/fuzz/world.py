"""The fleet of the fuzz: known gateways and devices, a hosted one, a revoked one, and strangers."""

import uuid
from dataclasses import dataclass, field
from random import Random

from sqlalchemy import text

from carebed.database import Database
from gateway.wire import PREFIX, Lane, shard_of
from registry.pairing import NewDevice, pair_devices, pair_gateway

HOMES = 300
AREA = "350102001001"
_KINDS = ("button", "motion", "door", "band")
_STRANGERS = ("nobody", "gw-unknown", "-", "_", "ingest-alarm-0", "carebed-sentine", "x" * 64)


@dataclass
class World:
    """Which devices are known behind which gateway; filled in by `begin`."""

    devices: dict[str, list[str]] = field(default_factory=dict)
    revoked: str = "gw-revoked"

    async def begin(self, database: Database) -> "World":
        """Write it into an empty registry."""
        station = uuid.uuid4()
        async with database.transaction() as conn:
            await conn.execute(
                text("INSERT INTO area (code, name, level) VALUES (:a, 'here', 'community')"), {"a": AREA}
            )
            await conn.execute(
                text("INSERT INTO station (id, name, area_code) VALUES (:id, 'desk', :a)"), {"id": station, "a": AREA}
            )
            for number in range(HOMES):
                gateway = f"gw-{number}"
                hosted = number % 50 == 49
                home = None if hosted else uuid.uuid4()
                if home is not None:
                    values = {"id": home, "a": AREA, "station": station, "person": uuid.uuid4()}
                    await conn.execute(
                        text("INSERT INTO home (id, name, area_code, station_id) VALUES (:id, 'home', :a, :station)"),
                        values,
                    )
                    await conn.execute(
                        text("INSERT INTO resident (id, home_id, name) VALUES (:person, :id, 'x')"), values
                    )
                await pair_gateway(conn, gateway, home_id=home, station_id=station, hosted=hosted)
                names = [f"{gateway}-{kind}" for kind in _KINDS]
                await pair_devices(
                    conn, gateway, [NewDevice(one, kind) for one, kind in zip(names, _KINDS, strict=True)]
                )
                self.devices[gateway] = [*names, gateway]
            await pair_gateway(conn, self.revoked, home_id=None, station_id=station, hosted=True)
            await conn.execute(text("UPDATE gateway SET revoked_at = now() WHERE id = :id"), {"id": self.revoked})
        return self

    def knows(self, gateway: str, device: str | None = None) -> bool:
        """Whether the registry has this gateway (and this device behind it)."""
        return gateway in self.devices and (device is None or device in self.devices[gateway])

    def topic(self, chance: Random, lane: Lane) -> str:
        """The topic of a known device."""
        gateway = f"gw-{chance.randrange(HOMES)}"
        device = chance.choice([*self.devices[gateway][:-1], "_"])
        return f"{PREFIX}/{shard_of(gateway)}/{gateway}/{lane}/{device}"

    def odd_topic(self, chance: Random, lane: Lane) -> bytes:
        """One that breaks the contract, or names somebody whom nobody knows."""
        levels = self.topic(chance, lane).split("/")
        way = chance.randrange(12)
        if way < 2:
            levels[2] = chance.choice(["00", "ff", "FF", "a", "abc", "", "zz", "+", "𝟘0"])
        elif way < 4:
            levels[3] = chance.choice([*_STRANGERS, self.revoked])
            levels[2] = shard_of(levels[3])
        elif way < 6:
            levels[5] = chance.choice(["nobody", "a b", "", "家", "x" * 65, "gw-1-button", "\x00", "\x7f", "a+b", "#"])
        elif way == 6:
            levels[4] = chance.choice(["alarm", "reading", "health", "receipt", "command", "ALARM", "", "news"])
        elif way == 7:
            levels = levels[: chance.randrange(len(levels))]
        elif way == 8:
            levels.insert(chance.randrange(len(levels) + 1), chance.choice(["", "x", "alarm"]))
        elif way == 9:
            levels[3] = chance.choice(["gw 1", "gw-1\x00", "", "家", "x" * 65, "gw-1/../gw-2", "a" * 30_000])
        raw = bytearray("/".join(levels).encode())
        if way == 10 and raw:
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        if way == 11:
            raw = bytearray(chance.randbytes(chance.randint(0, 40)))
        return bytes(raw)
