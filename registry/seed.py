"""Seeds the demo: a district with stations, staff, a rota and simulated homes, and a neighbour district to keep apart.

Runs under the owner's role before anything else is started. What is there is left alone: a second start finds the same
people, passwords and homes, and adds the homes that are missing.
"""

import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from carebed.embedded.broker_users import password_hash
from carebed.embedded.datadir import read_json, write_atomically
from carebed.errors import StartError
from carebed.ids import new_id
from gateway.topics import shard_of
from registry import demo_district as district
from registry.pairing import new_secret
from registry.sign_in import hash_password, new_password

_FILE = "demo.json"

#: Homes of the neighbour district.
_OTHER_HOMES = 2

# A database that holds a real programme must never get demo people or a clock that can be shifted.
_IS_FOREIGN = """
    SELECT EXISTS (SELECT FROM staff) AND NOT (SELECT shiftable FROM clock_shift)
"""

_PUT_AREA = """
    INSERT INTO area (code, name, level, parent_code) VALUES (%s, %s, %s, %s) ON CONFLICT (code) DO NOTHING
"""

_PUT_STATION = """
    INSERT INTO station (id, name, area_code, telephone) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""

_PUT_STAFF = """
    INSERT INTO staff (id, login, name, role, area_code, station_id, password_hash) VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (login) DO UPDATE SET password_hash = EXCLUDED.password_hash
"""

_PUT_COMPANION = """
    INSERT INTO staff (id, name, role, area_code, language) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""

_PUT_IN_CIRCLE = """
    INSERT INTO care_circle (id, home_id, staff_id, relation, rank)
    SELECT %s, home_id, %s, %s, %s FROM gateway WHERE id = %s AND home_id IS NOT NULL
    ON CONFLICT (home_id, staff_id, relation) DO NOTHING
"""

_GATEWAYS = """
    SELECT id, home_id, (SELECT json_agg(json_build_object('id', d.id, 'kind', d.kind)
                                         ORDER BY d.kind = 'gateway', d.kind <> 'button', d.id)
                         FROM device d WHERE d.gateway_id = g.id)
    FROM gateway g WHERE id = ANY(%s) ORDER BY id
"""


@dataclass(frozen=True)
class DemoCredentials:
    """Users and gateways as the ready file lists them (protocol, "Starting").

    `gateways` are those of the demo district; the neighbour's homes exist to prove that nobody else sees them.
    """

    users: list[dict[str, Any]]
    gateways: list[dict[str, Any]]


@dataclass
class _Kept:
    """The passwords of this data directory: login -> password, gateway id -> password."""

    users: dict[str, str]
    gateways: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "_Kept":
        content = read_json(path)
        return cls(dict(content.get("users", {})), dict(content.get("gateways", {})))

    def write(self, path: Path) -> None:
        write_atomically(path, json.dumps({"users": self.users, "gateways": self.gateways}, indent=1))


def seed_demo(owner_url: str, homes: int, data_dir: Path) -> DemoCredentials:
    """Make sure that the demo district with at least `homes` homes is there, and say how to get in.

    Blocking. `owner_url`: `postgresql://...` of the owner role, schema up to date. Passwords are kept in
    `data_dir`/demo.json (mode 0600). `StartError` when the database belongs to a real programme.
    """
    wanted = [district.demo_home(number) for number in range(1, homes + 1)]
    others = [district.other_home(number) for number in range(1, _OTHER_HOMES + 1)]
    path = data_dir / _FILE
    kept = _Kept.read(path)
    with psycopg.connect(owner_url, application_name="carebed-seed", options="-c timezone=UTC") as conn:
        if _one(conn, _IS_FOREIGN):
            raise StartError(
                "This database already holds a programme that is no demo: choose a new --data-dir for --demo, "
                "or start without it."
            )
        there = {row[0] for row in conn.execute("SELECT id FROM gateway").fetchall()}
        missing = [home for home in (*wanted, *others) if home.gateway not in there]
        stale_users = [person for person in district.PEOPLE if person.login not in kept.users]
        lost_gateways = sorted(there - kept.gateways.keys())
        kept.users |= {person.login: new_password() for person in stale_users}
        kept.gateways |= {gateway: new_secret() for gateway in lost_gateways}
        kept.gateways |= {home.gateway: kept.gateways.get(home.gateway) or new_secret() for home in missing}
        # Before the commit: a password that the database knows and nobody else would lock everybody out.
        kept.write(path)
        _put_people(conn, wanted, kept.users, {person.login for person in stale_users})
        _put_homes(conn, missing, kept.gateways)
        _put_circles(conn, homes)
        for gateway in lost_gateways:
            secret = password_hash(kept.gateways[gateway])
            conn.execute("UPDATE gateway SET secret_hash = %s WHERE id = %s", [secret, gateway])
        conn.execute("UPDATE clock_shift SET shiftable = true")
        conn.execute("SELECT pg_notify('carebed_registry', '')")
        return _credentials(conn, kept)


def _put_people(
    conn: "psycopg.Connection[Any]", homes: Sequence[district.DemoHome], passwords: Mapping[str, str], new: set[str]
) -> None:
    communities = {district.community_of(number) for number in range(1, len(homes) + 1)}
    areas = [*district.AREAS, *((code, name, "community", district.STREET) for code, name in sorted(communities))]
    cursor = conn.cursor()
    cursor.executemany(_PUT_AREA, areas)
    cursor.executemany(_PUT_STATION, district.STATIONS)
    known = {row[0] for row in conn.execute("SELECT login FROM staff").fetchall()}
    for one in district.PEOPLE:
        if one.login in new or one.login not in known:
            secret = hash_password(passwords[one.login])
            conn.execute(_PUT_STAFF, [one.id, one.login, one.name, one.role, one.area, one.station, secret])
    # By name, for rotas are the next room's, and this one imports no other.
    importlib.import_module("alerts.demo_rota").put_demo_rota(conn)


def _put_homes(
    conn: "psycopg.Connection[Any]", homes: Sequence[district.DemoHome], passwords: Mapping[str, str]
) -> None:
    """Bulk rows by COPY: 5,000 homes are 45,000 rows."""
    ids = {home.gateway: (new_id(), new_id()) for home in homes}
    _copy(
        conn,
        "home (id, name, address, area_code, station_id)",
        ((ids[home.gateway][0], home.name, home.address, home.area, home.station) for home in homes),
    )
    _copy(
        conn,
        "resident (id, home_id, name, born_on)",
        ((ids[one.gateway][1], ids[one.gateway][0], one.resident, date(one.born_year, 1, 1)) for one in homes),
    )
    _copy(
        conn,
        "bed (id, home_id, resident_id, number, state)",
        ((new_id(), *ids[home.gateway], home.bed, "in_service") for home in homes),
    )
    _copy(
        conn,
        "gateway (id, home_id, station_id, secret_hash)",
        ((one.gateway, ids[one.gateway][0], one.station, password_hash(passwords[one.gateway])) for one in homes),
    )
    _copy(
        conn,
        "device (id, gateway_id, home_id, resident_id, kind, heartbeat_s, room)",
        (
            (
                one.id,
                home.gateway,
                ids[home.gateway][0],
                ids[home.gateway][1] if one.worn else None,
                one.kind,
                one.heartbeat_s,
                one.room,
            )
            for home in homes
            for one in home.devices
        ),
    )


def _put_circles(conn: "psycopg.Connection[Any]", homes: int) -> None:
    """Who is paired with the first homes."""
    people = {person.login: person.id for person in district.PEOPLE}
    paired = [(people[login], "assigned", 1, number) for login, number in district.ASSIGNED]
    for one in district.COMPANIONS:
        if one.home <= homes:
            area, _ = district.community_of(one.home)
            conn.execute(_PUT_COMPANION, [one.id, one.name, one.relation, area, one.language])
            paired.append((one.id, one.relation, one.rank, one.home))
    for staff, relation, rank, number in paired:
        if number <= homes:
            gateway = district.demo_home(number).gateway
            conn.execute(_PUT_IN_CIRCLE, [new_id(), staff, relation, rank, gateway])


def _copy(conn: "psycopg.Connection[Any]", target: str, rows: Iterable[tuple[object, ...]]) -> None:
    with conn.cursor().copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _one(conn: "psycopg.Connection[Any]", statement: str) -> object:
    row = conn.execute(statement).fetchone()
    return None if row is None else row[0]


def _credentials(conn: "psycopg.Connection[Any]", kept: _Kept) -> DemoCredentials:
    users = [
        {"login": one.login, "password": kept.users[one.login], "role": one.role, "area": one.area}
        for one in district.PEOPLE
    ]
    ours = [gateway for gateway in kept.gateways if not gateway.startswith("gw-other-")]
    gateways = [
        {"id": gateway, "shard": shard_of(gateway), "password": kept.gateways[gateway], "home": str(home),
         "devices": devices}
        for gateway, home, devices in conn.execute(_GATEWAYS, [ours]).fetchall()
    ]  # fmt: skip
    return DemoCredentials(users, gateways)
