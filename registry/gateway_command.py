"""The work behind `carebed gateway`: a sentence to print. Needs the engine's role."""

from sqlalchemy import text

from carebed.command_database import command_database
from registry.pairing import revoke_gateway

# What is cut off with it, besides the gateway itself.
_BEHIND = text("""
    SELECT count(*) AS devices, count(DISTINCT home_id) AS homes FROM device
    WHERE gateway_id = :id AND device.id <> :id
""")


async def revoke(url: str, gateway_id: str) -> str:
    """Take its credential away; what that means. `PairingError` when there is none to take."""
    async with command_database(url, "carebed-gateway") as database, database.transaction() as conn:
        await revoke_gateway(conn, gateway_id)
        behind = (await conn.execute(_BEHIND, {"id": gateway_id})).one()
    devices = "1 device" if behind.devices == 1 else f"{behind.devices} devices"
    homes = "1 home" if behind.homes == 1 else f"{behind.homes} homes"
    return (
        f"Gateway {gateway_id} has no credential any more; the broker disconnects it within ten seconds. "
        f"{devices} in {homes} behind it cannot call for help, and no alarm says so: pair it again, or see to them."
    )
