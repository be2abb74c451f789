"""The database of a command that somebody types: where it is, and a sentence when it cannot be used."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal

from carebed.database import OUTAGE, Database
from carebed.errors import CarebedError
from carebed.settings import Settings


def url_for(role: Literal["engine", "reader"], settings: Settings, data_dir: Path) -> str:
    """CAREBED_DATABASE_URL, or that of the `carebed up` that runs in `data_dir` under this role."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    from carebed.embedded.postgres import running_urls  # only here: every process imports the commands

    urls = running_urls(data_dir)
    return urls.engine if role == "engine" else urls.reader


@contextmanager
def one_sentence() -> Iterator[None]:
    """A database that is away, or another release's, raises `CarebedError`."""
    try:
        yield
    except OUTAGE as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[:1]
        raise CarebedError(
            f"The database cannot be used ({''.join(reason)}): look at CAREBED_DATABASE_URL, and at `carebed migrate`."
        ) from None


@asynccontextmanager
async def command_database(url: str, application: str, pool_size: int = 1) -> AsyncIterator[Database]:
    """Closed in the end; see `one_sentence`."""
    database = Database(url, application=application, pool_size=pool_size)
    try:
        with one_sentence():
            yield database
    finally:
        await database.close()
