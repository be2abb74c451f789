"""The database: one pool per process, one transaction per request, message batch or deadline batch.

Only the edge commits: whoever opens `Database.transaction()` owns the commit; everything called inside takes the
connection as an argument and never commits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import psycopg
from psycopg import AsyncConnection as PsycopgConnection
from sqlalchemy import MetaData
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from carebed.logs import get_logger

log = get_logger()

#: The database is away, or lost us, however that shows (`TimeoutError` is an `OSError`): who goes on tries again.
OUTAGE = (SQLAlchemyError, psycopg.Error, OSError)

#: The tables of all rooms. Fixed constraint names keep migrations and `alembic check` stable.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Nothing on the way of an alarm may wait for ever on a lock or a statement.
_LOCK_TIMEOUT_MS = 10_000
_STATEMENT_TIMEOUT_MS = 30_000
_LISTEN_AGAIN_S = 1.0
#: A line on which nothing comes is asked so often whether anybody is there, and left when nobody answers in time.
_LISTEN_ASK_S = 30.0
_LISTEN_ANSWER_S = 10.0
#: What was sent and not even acknowledged by the other machine for so long, is lost: TCP alone would try for 15 min.
_UNACKNOWLEDGED_MS = 15_000


def sqlalchemy_url(url: str) -> str:
    """`postgresql://...` as SQLAlchemy wants it for psycopg 3."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def connection_options() -> str:
    """libpq `options` every connection of ours starts with: UTC, and time-outs on locks and statements."""
    return f"-c timezone=UTC -c lock_timeout={_LOCK_TIMEOUT_MS} -c statement_timeout={_STATEMENT_TIMEOUT_MS}"


class Database:
    """A pool of connections under one role. `url`: `postgresql://user:password@host:port/name`.

    `patience_s`: how long a transaction may take in all, else it is given up with `TimeoutError`. The server's own
    time-outs do not help where a line takes everything and answers nothing (a frozen proxy, a stopped server).
    """

    def __init__(self, url: str, *, application: str, pool_size: int = 5, patience_s: float | None = None) -> None:
        self.url = url
        self._patience_s = patience_s
        self._application = application
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            hide_parameters=True,  # an error's text goes into logs; bound values may be names and notes
            connect_args={
                "application_name": application,
                "options": connection_options(),
                "connect_timeout": 5,
                # A vanished database host is noticed in about 15 s instead of TCP's two hours.
                "keepalives_idle": 5,
                "keepalives_interval": 5,
                "keepalives_count": 2,
                "tcp_user_timeout": _UNACKNOWLEDGED_MS,
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back by any exception."""
        async with asyncio.timeout(self._patience_s), self.engine.begin() as conn:
            yield conn

    async def listen(self, *channels: str, ready: Callable[[], object] | None = None) -> AsyncIterator[tuple[str, str]]:
        """Yield `(channel, payload)` of every NOTIFY; raises `psycopg.OperationalError` when the line is lost, and
        `TimeoutError` when nobody answers on it.

        `ready` is called once listening has begun, so that a caller can read what happened before.
        """
        conn = await PsycopgConnection.connect(
            self.url, autocommit=True, application_name=self._application + "-listen", options="-c timezone=UTC",
            connect_timeout=5, keepalives_idle=5, keepalives_interval=5, keepalives_count=2,
            tcp_user_timeout=_UNACKNOWLEDGED_MS,
        )  # fmt: skip
        async with conn:
            for channel in channels:
                await conn.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
            if ready is not None:
                ready()
            while True:
                async for note in conn.notifies(timeout=_LISTEN_ASK_S):
                    yield note.channel, note.payload
                async with asyncio.timeout(_LISTEN_ANSWER_S):
                    await conn.execute("SELECT")

    async def wake_on(self, channel: str, wake: Callable[[str], object]) -> None:
        """A named task: call `wake` with the payload of every NOTIFY, and with "" whenever something may have been
        missed (listening has begun, the line is lost); tried again every second for ever, while the caller's own tick
        does the work."""
        while True:
            try:
                async for _, payload in self.listen(channel, ready=partial(wake, "")):
                    wake(payload)
            except (psycopg.Error, OSError) as error:
                log.warning("listen_lost", channel=channel, error=type(error).__name__)
            wake("")
            await asyncio.sleep(_LISTEN_AGAIN_S)

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def text_array(texts: Iterable[str]) -> str:
    """A PostgreSQL array of ids, times or UUIDs (nothing with quotes or backslashes) as the text of one parameter, for
    `CAST(:name AS text[])`: the driver's own way takes ten times as long for the thousands of a batch."""
    joined = '","'.join(texts)
    return f'{{"{joined}"}}' if joined else "{}"


async def psycopg_of(conn: AsyncConnection) -> "PsycopgConnection[Any]":
    """The psycopg connection under a SQLAlchemy one, in the same transaction: for COPY and pipelines."""
    raw = await conn.get_raw_connection()
    return cast("PsycopgConnection[Any]", raw.driver_connection)
