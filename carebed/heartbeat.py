"""Heartbeats of our own processes: losing the scheduler or an engine must be visible to the others."""

from sqlalchemy import Column, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant
from carebed.database import metadata

process_heartbeat = Table(
    "process_heartbeat",
    metadata,
    Column("process", Text, primary_key=True),
    instant("beat_at", required=True),
    comment="real time of each process's last completed cycle",
)

# Never waits: a process of the same name that was paused in the middle of its beat must not stop the others.
_BEAT = text("""
    WITH free AS (SELECT process FROM process_heartbeat WHERE process = :process FOR UPDATE SKIP LOCKED),
    beaten AS (UPDATE process_heartbeat SET beat_at = clock_timestamp() FROM free
               WHERE process_heartbeat.process = free.process)
    INSERT INTO process_heartbeat (process, beat_at) SELECT :process, clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM process_heartbeat WHERE process = :process)
    ON CONFLICT (process) DO NOTHING
""")


async def beat(conn: AsyncConnection, process: str) -> None:
    """Say that `process` has completed a cycle."""
    await conn.execute(_BEAT, {"process": process})
