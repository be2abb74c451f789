"""Writes what a night is set in: an area of its own with a station and a home, people, methods, rotas and ladders."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.policy import policy_json
from alerts.rota_pattern import Layer, layers_json
from alerts.rota_rewrite import lock, rewrite
from carebed.ids import new_id
from tests.nights.program import CAST, Night, Rule

_SET_CLOCK = text("UPDATE clock_shift SET shift = :at - clock_timestamp(), shifted_at = clock_timestamp()")
_PLACE = (
    "INSERT INTO area (code, name, level, time_zone) VALUES (:area, 'here', 'community', :zone)",
    "INSERT INTO station (id, name, area_code) VALUES (:station, 'S', :area)",
    "INSERT INTO home (id, name, area_code, station_id) VALUES (:home, 'H', :area, :station)",
)
_PUT_PERSON = text("""
    INSERT INTO staff (id, login, name, role, area_code, station_id, password_hash)
    VALUES (:id, :login, :name, :role, :area, :station, :password)
""")
_PAIR = text("INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (:id, :home, :staff, :relation)")
_PUT_METHOD = text("""
    INSERT INTO contact_method (id, staff_id, channel, address, rank, wait_s, verified_at)
    VALUES (:id, :staff, :channel, :address, :rank, :wait_s, carebed_now())
""")
_PUT_POLICY = text("""
    INSERT INTO policy (id, station_id, home_id, area_code, kind, priority, from_time, to_time, ladder)
    VALUES (:id, :station, :home, :area, :kind, :priority, :since, :until, CAST(:ladder AS jsonb))
""")
_PUT_SHIFT = text("""
    INSERT INTO rota (id, station_id, staff_id, tier, starts_at, ends_at)
    VALUES (:id, :station, :staff, 2, carebed_now() - interval '1 hour', carebed_now() + interval '1 month')
""")
_PUT_PATTERN = text("INSERT INTO rota_pattern (id, station_id, tier, name) VALUES (:pattern, :station, 1, 'nights')")
_PUT_VERSION = text("""
    INSERT INTO rota_version (id, pattern_id, layers, holds_from)
    VALUES (:id, :pattern, CAST(:layers AS jsonb), carebed_now() - interval '1 day')
""")


@dataclass(frozen=True)
class Ground:
    """Where a night plays. `number`: of its area."""

    number: int
    station: UUID = field(default_factory=new_id)
    home: UUID = field(default_factory=new_id)
    pattern: UUID = field(default_factory=new_id)
    people: dict[str, UUID] = field(default_factory=lambda: {name: new_id() for name, _, _ in CAST})
    dead: set[str] = field(default_factory=set)
    """Addresses to which nothing can be delivered."""

    @property
    def area(self) -> str:
        """Below no other and above none."""
        return f"3501{self.number:05d}001"


async def set_clock(conn: AsyncConnection, night: Night) -> None:
    """As the owner of the database."""
    await conn.execute(_SET_CLOCK, {"at": night.starts_at})


async def found(conn: AsyncConnection, night: Night, ground: Ground) -> None:
    """Write all of it."""
    place = {"area": ground.area, "station": ground.station, "home": ground.home, "pattern": ground.pattern}
    for statement in _PLACE:
        await conn.execute(text(statement), place | {"zone": night.zone})
    for name, role, relation in CAST:
        staff = ground.people[name]
        works_here = role in ("operator", "manager", "caregiver")
        person = {"id": staff, "name": name, "role": role, "area": ground.area,
                  "login": f"{name}-{ground.number}" if works_here else None,
                  "station": ground.station if works_here else None,
                  "password": "-" if works_here else None}  # fmt: skip
        await conn.execute(_PUT_PERSON, person)
        if relation:
            await conn.execute(_PAIR, {"id": new_id(), "home": ground.home, "staff": staff, "relation": relation})
        for rank, method in enumerate(night.methods[name]):
            address = f"{method.channel}-{name}-{ground.number}"
            if method.dead:
                ground.dead.add(address)
            row = {"id": new_id(), "staff": staff, "address": address, "rank": rank}
            await conn.execute(_PUT_METHOD, row | {"channel": method.channel, "wait_s": method.wait_s})
    for rule in night.rules:
        await conn.execute(_PUT_POLICY, policy_row(rule, ground))
    await conn.execute(_PUT_SHIFT, {"id": new_id(), "station": ground.station, "staff": ground.people["wu"]})
    layer = Layer(
        tuple(ground.people[name] for name in night.turns), (night.starts_at - timedelta(days=9)).date(), 1,
        night.handover,
    )  # fmt: skip
    await conn.execute(_PUT_PATTERN, place)
    await conn.execute(_PUT_VERSION, {"id": new_id(), "pattern": ground.pattern, "layers": layers_json((layer,))})
    await rewrite(conn, await lock(conn), [ground.pattern])


def policy_row(rule: Rule, ground: Ground) -> dict[str, object]:
    """A rule as a row."""
    since, until = rule.span or (None, None)
    return {
        "id": new_id(), "station": ground.station if rule.place == "station" else None,
        "home": ground.home if rule.place == "home" else None, "area": ground.area if rule.place == "area" else None,
        "kind": rule.kind, "priority": rule.priority, "since": since, "until": until,
        "ladder": policy_json(rule.ladder),
    }  # fmt: skip
