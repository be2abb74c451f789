"""The watch over the pipeline is armed even where the database comes later than the process."""

import asyncio
from urllib.parse import urlsplit

from carebed.database import Database
from carebed.embedded.ports import free_port
from carebed.embedded.postgres import DatabaseUrls
from ingest.silence import arm_watches
from tests.chaos.line import Line

_ARMED = "SELECT count(*) FROM deadline WHERE kind = 'lag'"


async def test_a_database_that_is_away_is_waited_for(urls: DatabaseUrls, database: Database) -> None:
    port = urlsplit(urls.engine).port
    assert port is not None
    line = Line("database", free_port(), port)
    line.refuses = True
    await line.open()
    away = Database(urls.engine.replace(f":{port}/", f":{line.port}/"), application="test", pool_size=1)
    arming = asyncio.create_task(arm_watches(away))
    try:
        done, _ = await asyncio.wait({arming}, timeout=0.5)
        assert not done
        line.mend()
        async with asyncio.timeout(20):
            while not await _armed(database):
                await asyncio.sleep(0.05)
        assert not arming.done()
    finally:
        arming.cancel()
        await asyncio.wait({arming})
        await away.close()
        line.close()


async def _armed(database: Database) -> bool:
    async with database.transaction() as conn:
        return bool((await conn.exec_driver_sql(_ARMED)).scalar_one())
