"""`carebed clock advance`: shifts the clock of a running demo, found by its data directory."""

from datetime import datetime, timedelta
from pathlib import Path

from carebed.clock import advance
from carebed.database import Database
from carebed.embedded.postgres import running_urls
from carebed.settings import Settings


def owner_url(settings: Settings, data_dir: Path) -> str:
    """The owner's database URL: the setting, else that of the `carebed up` that runs in `data_dir`."""
    if settings.owner_database_url is not None:
        return settings.owner_database_url.get_secret_value()
    return running_urls(data_dir).owner


async def advance_clock(settings: Settings, data_dir: Path, by: timedelta) -> datetime:
    """Shift it and return the new time; `ClockError` where the database is no demo."""
    database = Database(owner_url(settings, data_dir), application="carebed-clock", pool_size=1)
    try:
        async with database.transaction() as conn:
            return await advance(conn, by)
    finally:
        await database.close()
