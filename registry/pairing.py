"""Pairing: gateways and devices get their identity and credential, and lose it again.

Everything here runs in the caller's transaction. A gateway's password is returned once and stored as the broker's own
hash; the broker's password file follows the `carebed_registry` notification that each change sends at commit.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.deadline import Arm, arm
from carebed.embedded.broker_config import RESERVED_PREFIXES
from carebed.embedded.broker_users import password_hash
from carebed.errors import CarebedError
from gateway.topics import GATEWAY_ITSELF, is_device_id, is_gateway_id
from registry.home import FIRST_SIGN_S
from registry.room import ROOMS

#: NOTIFY channel of every change to gateways and devices; the payload is the gateway's id.
CHANNEL = "carebed_registry"

#: A gateway speaks at least this often: its own heartbeat is what tells a power cut from a quiet home.
GATEWAY_HEARTBEAT_S = 30

_FIND_GATEWAY = text("""
    SELECT home_id, station_id, hosted, revoked_at IS NOT NULL AS revoked FROM gateway WHERE id = :id FOR UPDATE
""")

_FIND_DEVICE = text("SELECT gateway_id FROM device WHERE id = :id")

# A gateway that was paired before gets a new password and place; its history stays with its id.
_PUT_GATEWAY = text("""
    INSERT INTO gateway (id, home_id, station_id, hosted, secret_hash)
    VALUES (:id, :home_id, :station_id, :hosted, :secret_hash)
    ON CONFLICT (id) DO UPDATE SET home_id = EXCLUDED.home_id, station_id = EXCLUDED.station_id,
        hosted = EXCLUDED.hosted, secret_hash = EXCLUDED.secret_hash, revoked_at = NULL
""")

# What stands in the gateway's home moves with it.
_MOVE_DEVICES = text("""
    UPDATE device SET home_id = :home_id, resident_id = NULL, in_home_since = carebed_now()
    WHERE gateway_id = :id AND home_id IS DISTINCT FROM :home_id
""")

# Only devices of this gateway are changed; the row count tells who stands elsewhere, even in a race.
_PUT_DEVICE = text("""
    INSERT INTO device (id, gateway_id, home_id, resident_id, kind, name, heartbeat_s, room)
    VALUES (:id, :gateway_id, :home_id, :resident_id, :kind, :name, :heartbeat_s, :room)
    ON CONFLICT (id) DO UPDATE SET gateway_id = EXCLUDED.gateway_id, home_id = EXCLUDED.home_id,
        resident_id = EXCLUDED.resident_id, kind = EXCLUDED.kind, name = EXCLUDED.name,
        heartbeat_s = EXCLUDED.heartbeat_s, room = EXCLUDED.room,
        in_home_since = CASE WHEN device.home_id IS DISTINCT FROM EXCLUDED.home_id THEN carebed_now()
            ELSE device.in_home_since END
    WHERE (device.gateway_id = EXCLUDED.gateway_id OR :move) AND device.id <> device.gateway_id
""")

_RESIDENT_LIVES_THERE = text("SELECT FROM resident WHERE id = :id AND home_id = :home_id")

_REVOKE = text("UPDATE gateway SET revoked_at = carebed_now() WHERE id = :id AND revoked_at IS NULL")

# The gateways that a move takes devices from.
_ELSEWHERE = text("SELECT DISTINCT gateway_id FROM device WHERE id = ANY(:ids) AND gateway_id <> :gateway_id")

_FIRST_SIGN_S = text("SELECT first_sign_s FROM home WHERE id = :home_id")

_NOTIFY = text("SELECT pg_notify('carebed_registry', :id)")


class PairingError(CarebedError):
    """A gateway or device cannot be paired as asked; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device to pair. `home_id`: only behind a hosted gateway; elsewhere the gateway's home counts.

    `heartbeat_s`: expected seconds between signs of life (10 to 86,400); None: nobody judges its silence.
    `room`: where it is (`registry.room.ROOMS`); None: nobody has said.
    """

    id: str
    kind: str
    resident_id: UUID | None = None
    home_id: UUID | None = None
    name: str | None = None
    heartbeat_s: int | None = None
    room: str | None = None


def check_gateway_id(gateway_id: str) -> None:
    """Raise `PairingError` unless this can be a gateway's id, user name and client id."""
    if gateway_id.lower().startswith(RESERVED_PREFIXES):
        raise PairingError(f"{gateway_id!r} cannot be a gateway's id: ingest-... and carebed-... are ours.")
    if gateway_id == GATEWAY_ITSELF or not is_gateway_id(gateway_id):
        raise PairingError(f"{gateway_id!r} cannot be a gateway's id: use 1 to 64 of A-Z a-z 0-9 _ -.")


def check_device_id(device_id: str) -> None:
    """Raise `PairingError` unless this can be a device's id."""
    if device_id == GATEWAY_ITSELF or not is_device_id(device_id):
        raise PairingError(f"{device_id!r} cannot be a device's id: use 1 to 64 of A-Z a-z 0-9 _ : . -.")


def new_secret() -> str:
    """A gateway's password: 144 random bits."""
    return secrets.token_urlsafe(18)


async def pair_gateway(
    conn: AsyncConnection, gateway_id: str, *, home_id: UUID | None, station_id: UUID, hosted: bool = False,
    move: bool = False,
) -> str:  # fmt: skip
    """Pair a gateway with a home (or, `hosted`, with a station) and return its new password.

    Pairing it again in its place renews the password and undoes a revocation. `PairingError`: malformed or reserved id,
    no home, or it stands in another place and `move` was not given.
    """
    check_gateway_id(gateway_id)
    if not hosted and home_id is None:
        raise PairingError("A gateway stands in a home: name the home, or pair it as hosted.")
    there = (await conn.execute(_FIND_GATEWAY, {"id": gateway_id})).one_or_none()
    if there is not None and not move and (there.home_id, there.hosted) != (home_id, hosted):
        raise PairingError(f"Gateway {gateway_id} is paired with another home: unpair it there, or ask for a move.")
    as_device = (await conn.execute(_FIND_DEVICE, {"id": gateway_id})).scalar_one_or_none()
    if as_device not in (None, gateway_id):
        raise PairingError(f"{gateway_id} is the id of a device behind gateway {as_device}: choose another.")
    password = new_secret()
    place = {"id": gateway_id, "home_id": home_id}
    await conn.execute(
        _PUT_GATEWAY, {**place, "station_id": station_id, "hosted": hosted, "secret_hash": password_hash(password)}
    )
    if not hosted:
        await conn.execute(_MOVE_DEVICES, place)
    if as_device is None:
        itself = NewDevice(gateway_id, "gateway", heartbeat_s=GATEWAY_HEARTBEAT_S)
        await conn.execute(_PUT_DEVICE, _row(gateway_id, home_id, itself, move=False))
    await _await_first_sign(conn, {gateway_id: home_id})
    await conn.execute(_NOTIFY, {"id": gateway_id})
    return password


async def pair_devices(
    conn: AsyncConnection, gateway_id: str, devices: Sequence[NewDevice], *, move: bool = False
) -> None:
    """Pair devices behind a gateway; one that is there already is brought up to date.

    `PairingError`: unknown or revoked gateway, malformed id, a resident of another home, or a device that stands behind
    another gateway and `move` was not given. Then nothing is changed for the caller's transaction to keep.
    """
    gateway = (await conn.execute(_FIND_GATEWAY, {"id": gateway_id})).one_or_none()
    if gateway is None or gateway.revoked:
        raise PairingError(f"Gateway {gateway_id} is not paired: pair it first.")
    names = {"ids": [device.id for device in devices], "gateway_id": gateway_id}
    left = (await conn.execute(_ELSEWHERE, names)).scalars().all() if move else []
    expected: dict[str, UUID | None] = {}
    for device in sorted(devices, key=lambda one: one.id):
        check_device_id(device.id)
        if device.room is not None and device.room not in ROOMS:
            raise PairingError(f"{device.room!r} is no room: use one of {', '.join(ROOMS)}.")
        home_id = device.home_id if gateway.hosted else gateway.home_id
        if device.resident_id is not None:
            lives = {"id": device.resident_id, "home_id": home_id}
            if (await conn.execute(_RESIDENT_LIVES_THERE, lives)).one_or_none() is None:
                raise PairingError(f"Device {device.id} is meant for a resident who does not live in that home.")
        written = await conn.execute(_PUT_DEVICE, _row(gateway_id, home_id, device, move=move))
        if written.rowcount == 0:
            other = (await conn.execute(_FIND_DEVICE, {"id": device.id})).scalar_one()
            if other == device.id:
                raise PairingError(f"{device.id} is the id of a gateway: choose another for the device.")
            raise PairingError(f"Device {device.id} is paired with gateway {other}: unpair it, or ask for a move.")
        if device.heartbeat_s is not None:
            expected[device.id] = home_id
    await _await_first_sign(conn, expected)
    for one in [gateway_id, *left]:
        await conn.execute(_NOTIFY, {"id": one})


async def _await_first_sign(conn: AsyncConnection, devices: Mapping[str, UUID | None]) -> None:
    """Arm the deadline of devices that must be heard of now that they are paired; one that stands is left alone."""
    now = await clock_now(conn)
    spans: dict[UUID | None, int] = {}
    for home_id in set(devices.values()):
        found = (await conn.execute(_FIRST_SIGN_S, {"home_id": home_id})).scalar_one_or_none()
        spans[home_id] = FIRST_SIGN_S if found is None else found
    data = {"paired_at": now.isoformat()}
    await arm(
        conn,
        [Arm("offline", one, now + timedelta(seconds=spans[home]), data=data) for one, home in devices.items()],
    )


async def revoke_gateway(conn: AsyncConnection, gateway_id: str) -> None:
    """Take a gateway's credential away; the broker disconnects it. `PairingError` when there is none to take."""
    if (await conn.execute(_REVOKE, {"id": gateway_id})).rowcount == 0:
        raise PairingError(f"Gateway {gateway_id} is not paired, or its credential was taken away before.")
    await conn.execute(_NOTIFY, {"id": gateway_id})


def _row(gateway_id: str, home_id: UUID | None, device: NewDevice, *, move: bool) -> dict[str, Any]:
    return {
        "id": device.id,
        "gateway_id": gateway_id,
        "home_id": home_id,
        "resident_id": device.resident_id,
        "kind": device.kind,
        "name": device.name,
        "heartbeat_s": device.heartbeat_s,
        "room": device.room,
        "move": move,
    }
