"""An installer pairs gateways and devices: identity, credential, place; and takes them away again."""

import asyncio
import base64
import hashlib
from uuid import UUID

import pytest
from click.testing import Result
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

from carebed.cli import app
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id
from registry.pairing import NewDevice, PairingError, pair_devices, pair_gateway, revoke_gateway


@pytest.fixture
async def homes(database: Database) -> tuple[UUID, UUID, UUID, UUID]:
    """(station, home, other home, resident of the first home)."""
    station, home, other, resident = new_id(), new_id(), new_id(), new_id()
    async with database.transaction() as conn:
        await conn.execute(text("INSERT INTO area (code, name, level) VALUES ('350102000000', 'a', 'county')"))
        await conn.execute(
            text("INSERT INTO station (id, name, area_code) VALUES (:id, 's', '350102000000')"), {"id": station}
        )
        for one in (home, other):
            await conn.execute(
                text("INSERT INTO home (id, name, area_code, station_id) VALUES (:id, 'h', '350102000000', :station)"),
                {"id": one, "station": station},
            )
        await conn.execute(
            text("INSERT INTO resident (id, home_id, name) VALUES (:id, :home, 'r')"), {"id": resident, "home": home}
        )
    return station, home, other, resident


async def _rows(conn: AsyncConnection, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await conn.execute(text(statement))]


async def test_a_paired_gateway_has_a_password_and_is_a_device_that_beats(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID]
) -> None:
    station, home, _, _ = homes
    async with database.transaction() as conn:
        password = await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        ((stored,),) = await _rows(conn, "SELECT secret_hash FROM gateway")
        devices = await _rows(conn, "SELECT id, gateway_id, kind, heartbeat_s, home_id FROM device")
    assert devices == [("gw-1", "gw-1", "gateway", 30, home)]
    # As Mosquitto checks it: PBKDF2 with SHA-512, salt and rounds from the line itself.
    _, kind, rounds, salt, digest = str(stored).split("$")
    assert (kind, rounds) == ("7", "101")
    expected = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), 101)
    assert base64.b64decode(digest) == expected


async def test_the_broker_hears_of_every_change_at_its_commit(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID]
) -> None:
    station, home, _, _ = homes
    heard: asyncio.Queue[str] = asyncio.Queue()
    ready = asyncio.Event()

    async def listen() -> None:
        async for _, payload in database.listen("carebed_registry", ready=ready.set):
            heard.put_nowait(payload)

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(10):
        await ready.wait()
        async with database.transaction() as conn:
            await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        assert await heard.get() == "gw-1"
        async with database.transaction() as conn:
            await pair_devices(conn, "gw-1", [NewDevice("b", "button")])
        assert await heard.get() == "gw-1"
        async with database.transaction() as conn:
            await revoke_gateway(conn, "gw-1")
        assert await heard.get() == "gw-1"
    listening.cancel()
    await asyncio.wait([listening])


@pytest.mark.parametrize(
    "gateway",
    ["", "a" * 65, "gw 1", "gw/1", "gw+", "gw#", "gw\n", "ü", "ingest-alarm-0", "carebed-x", "INGEST-1", "_", "a:b"],
)
async def test_an_id_that_could_be_taken_for_something_else_is_refused(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID], gateway: str
) -> None:
    station, home, _, _ = homes
    async with database.transaction() as conn:
        with pytest.raises(PairingError, match="cannot be a gateway's id"):
            await pair_gateway(conn, gateway, home_id=home, station_id=station)
        assert await _rows(conn, "SELECT id FROM gateway") == []


async def test_pairing_again_in_its_place_renews_the_password_and_elsewhere_needs_a_move(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID]
) -> None:
    station, home, other, resident = homes
    async with database.transaction() as conn:
        first = await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        await pair_devices(conn, "gw-1", [NewDevice("band", "wristband", resident_id=resident, heartbeat_s=60)])
        assert await pair_gateway(conn, "gw-1", home_id=home, station_id=station) != first
        with pytest.raises(PairingError, match="another home"):
            await pair_gateway(conn, "gw-1", home_id=other, station_id=station)
        await pair_gateway(conn, "gw-1", home_id=other, station_id=station, move=True)
        rows = await _rows(conn, "SELECT id, home_id, resident_id FROM device ORDER BY id")
    assert rows == [("band", other, None), ("gw-1", other, None)], "nobody of the old home is taken along"


async def test_a_device_behind_another_gateway_is_refused_unless_it_is_moved(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID]
) -> None:
    station, home, other, _ = homes
    async with database.transaction() as conn:
        await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        await pair_gateway(conn, "gw-2", home_id=other, station_id=station)
        await pair_devices(conn, "gw-1", [NewDevice("b", "button")])
        with pytest.raises(PairingError, match="paired with gateway gw-1"):
            await pair_devices(conn, "gw-2", [NewDevice("b", "button")])
        with pytest.raises(PairingError, match="is the id of a gateway"):
            await pair_devices(conn, "gw-2", [NewDevice("gw-1", "button")], move=True)
        with pytest.raises(PairingError, match="device behind gateway gw-1"):
            await pair_gateway(conn, "b", home_id=home, station_id=station)
        await pair_devices(conn, "gw-2", [NewDevice("b", "button")], move=True)
        assert await _rows(conn, "SELECT gateway_id, home_id FROM device WHERE id = 'b'") == [("gw-2", other)]


async def test_a_device_of_a_resident_who_lives_elsewhere_is_refused(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID]
) -> None:
    station, _, other, resident = homes
    async with database.transaction() as conn:
        await pair_gateway(conn, "gw-2", home_id=other, station_id=station)
        with pytest.raises(PairingError, match="does not live in that home"):
            await pair_devices(conn, "gw-2", [NewDevice("band", "wristband", resident_id=resident)])
        for bad in ("", "_", "a b", "x" * 65, "a/b"):
            with pytest.raises(PairingError, match="cannot be a device's id"):
                await pair_devices(conn, "gw-2", [NewDevice(bad, "button")])


async def test_a_revoked_gateway_gets_no_devices_until_it_is_paired_again(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID]
) -> None:
    station, home, _, _ = homes
    async with database.transaction() as conn:
        with pytest.raises(PairingError, match="not paired"):
            await revoke_gateway(conn, "gw-1")
        await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        await revoke_gateway(conn, "gw-1")
        with pytest.raises(PairingError, match="taken away before"):
            await revoke_gateway(conn, "gw-1")
        with pytest.raises(PairingError, match="pair it first"):
            await pair_devices(conn, "gw-1", [NewDevice("b", "button")])
        await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        assert await _rows(conn, "SELECT revoked_at FROM gateway") == [(None,)]


async def test_somebody_at_the_keyboard_revokes_a_gateway_and_is_told_who_cannot_call_any_more(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID], urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    station, home, _, _ = homes
    async with database.transaction() as conn:
        await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        await pair_devices(conn, "gw-1", [NewDevice("b", "button"), NewDevice("d", "door")])
    monkeypatch.setenv("CAREBED_DATABASE_URL", urls.engine)

    async def carebed(*arguments: str) -> Result:
        result: Result = await asyncio.to_thread(CliRunner().invoke, app, ["gateway", *arguments])
        return result

    done = await carebed("revoke", "gw-1")
    assert done.exit_code == 0, done.output
    assert "2 devices in 1 home behind it cannot call for help" in done.stdout
    async with database.transaction() as conn:
        ((revoked,),) = await _rows(conn, "SELECT revoked_at IS NOT NULL FROM gateway")
    assert revoked
    for gateway, why in (("gw-1", "taken away before"), ("gw-2", "is not paired")):
        refused = await carebed("revoke", gateway)
        assert isinstance(refused.exception, PairingError)
        assert why in str(refused.exception)


async def test_a_hosted_gateway_serves_many_homes(database: Database, homes: tuple[UUID, UUID, UUID, UUID]) -> None:
    station, home, other, resident = homes
    async with database.transaction() as conn:
        with pytest.raises(PairingError, match="stands in a home"):
            await pair_gateway(conn, "cloud", home_id=None, station_id=station)
        await pair_gateway(conn, "cloud", home_id=None, station_id=station, hosted=True)
        devices = [NewDevice("a", "wristband", resident, home), NewDevice("b", "button", None, other)]
        await pair_devices(conn, "cloud", devices)
        rows = await _rows(conn, "SELECT id, home_id FROM device WHERE kind <> 'gateway' ORDER BY id")
    assert rows == [("a", home), ("b", other)]


async def test_two_installers_who_pair_one_device_at_once_do_not_both_get_it(
    database: Database, homes: tuple[UUID, UUID, UUID, UUID]
) -> None:
    station, home, other, _ = homes
    async with database.transaction() as conn:
        await pair_gateway(conn, "gw-1", home_id=home, station_id=station)
        await pair_gateway(conn, "gw-2", home_id=other, station_id=station)

    async def pair(gateway: str) -> bool:
        try:
            async with database.transaction() as conn:
                await pair_devices(conn, gateway, [NewDevice(f"b{number}", "button") for number in range(20)])
        except PairingError:
            return False
        return True

    assert sorted(await asyncio.gather(pair("gw-1"), pair("gw-2"))) == [False, True]
    async with database.transaction() as conn:
        rows = await _rows(conn, "SELECT count(DISTINCT gateway_id), count(*) FROM device WHERE kind = 'button'")
    assert rows == [(1, 20)]
