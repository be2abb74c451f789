"""PostgreSQL's backends: found in the moment that a fault waits for, then ended, killed or frozen."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psycopg

#: Looks for the wanted moment, then takes any backend of that process.
_LOOK_FOR_S = 2.0

_OF = """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name LIKE ANY(%s) AND backend_type = 'client backend'
"""

#: Moment -> what a backend looks like in it.
MOMENTS = {
    "": "true",
    "in_transaction": "state LIKE 'idle in transaction%%' OR (state = 'active' AND xact_start < query_start)",
    "at_commit": "state = 'active' AND query ILIKE 'commit%%'",
}


async def find(url: str, process: str, moment: str, pick: float, look_for_s: float = _LOOK_FOR_S) -> int | None:
    """PID of a backend of `process` in that moment; after a while of any of them, None where there is none."""
    # A worker's lease hangs on a connection of its own.
    asked = [[f"carebed-{process}%", f"carebed-{process.replace('ingest-', 'lease-')}%"]]
    end = time.monotonic() + look_for_s
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as conn:
        while time.monotonic() < end:
            rows = await (await conn.execute(f"{_OF} AND ({MOMENTS[moment]}) ORDER BY pid", asked)).fetchall()
            if rows:
                return int(rows[int(pick * len(rows))][0])
            if not moment:
                return None
            await asyncio.sleep(0.001)
        rows = await (await conn.execute(f"{_OF} ORDER BY pid", asked)).fetchall()
    return int(rows[int(pick * len(rows))][0]) if rows else None


async def call(url: str, function: str, pid: int) -> None:
    """`pg_terminate_backend` or `pg_cancel_backend`."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as conn:
        await conn.execute(f"SELECT {function}(%s)", [pid])


class Backend:
    """A backend as a process. It is signalled through a descriptor, so that no other process can be meant."""

    def __init__(self, pid: int, postmaster: int) -> None:
        """`ProcessLookupError` when there is no such child of that postmaster any more."""
        self._descriptor = os.pidfd_open(pid)
        try:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            parent = 0
        if parent != postmaster:
            os.close(self._descriptor)
            raise ProcessLookupError(pid)

    def send(self, number: signal.Signals) -> None:
        """Signal it, if it is still there."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def close(self) -> None:
        """Done with it."""
        os.close(self._descriptor)


async def lock_table(url: str, table: str, span_s: float) -> None:
    """Hold a table against all writers for a while."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=5) as conn:
        await conn.execute("SET LOCAL lock_timeout = '5s'")
        await conn.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        await asyncio.sleep(span_s)
