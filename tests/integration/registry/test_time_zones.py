"""An area's time zone is refused where it is written, unless both the database and we know it by that name."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from carebed.database import Database

_PUT = text("INSERT INTO area (code, name, level, time_zone) VALUES (:code, 'a', 'county', :zone)")


_WRONG = (
    "Asia/Shangai", "asia/shanghai", "Shanghai", "Asia/Shanghai ", "", "CST", "cst8", "Asia/Shangai8", "+8", "8",
    "UTC+8", "<+08>-8", "GMT+8", "Etc/Nowhere", "Etc/utc", "DEFAULT", "../Asia/Shanghai",
)  # fmt: skip


@pytest.mark.parametrize("statement", [str(_PUT), "UPDATE area SET time_zone = :zone WHERE code <> :code"])
async def test_what_is_no_zone_is_refused_at_the_write(database: Database, statement: str) -> None:
    async with database.transaction() as conn:
        await conn.execute(_PUT, {"code": "350103000000", "zone": "Asia/Shanghai"})
    for zone in _WRONG:
        with pytest.raises(DBAPIError, match="there is no time zone"):
            async with database.transaction() as conn:
                await conn.execute(text(statement), {"code": "350102000000", "zone": zone})


async def test_zones_by_their_names_are_taken_and_the_writers_own_stays(database: Database) -> None:
    zones = ("Asia/Urumqi", "America/Port-au-Prince", "America/North_Dakota/New_Salem", "UTC", "Etc/GMT-8")
    async with database.transaction() as conn:
        await conn.execute(text("SET TIME ZONE 'Europe/Berlin'"))
        for number, zone in enumerate(zones):
            ZoneInfo(zone)
            await conn.execute(_PUT, {"code": f"35010{number}000000", "zone": zone})
        assert (await conn.execute(text("SHOW TIME ZONE"))).scalar_one() == "Europe/Berlin"
        assert (await conn.execute(text("SELECT array_agg(time_zone ORDER BY code) FROM area"))).scalar_one() == list(
            zones
        )
