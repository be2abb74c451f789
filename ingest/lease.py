"""Leases on shard groups: rows that say which worker serves which group, and under which epoch.

A group's owner holds its lease until he gives it back or is found dead. `epoch` grows with every owner, and a batch
commits only while the epoch in which it was received stands, so whoever was only paused commits nothing (`still_ours`).

Time here is real database time (`clock_timestamp()`), never the shiftable clock: a lease measures whether a process
lives, and when a demo's clock leaps by an hour nobody has died. And it is not the time at which a transaction began
(`now()`): a paused worker's transaction would go on in the past.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant, refers
from carebed.database import metadata
from gateway.topics import GROUPS
from ingest.balance import Colleague

#: The group of what comes under a shard that is none.
STRAY = "stray"
#: All groups of a lane.
LANE_LEASES = (*GROUPS, STRAY)

#: Woken when leases may be had: somebody came, went, or handed a group over.
CHANNEL = "carebed_lease"

_LANES = "lane IN ('alarm', 'reading')"

ingest_worker = Table(
    "ingest_worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("lane", Text, CheckConstraint(_LANES, name="lane"), nullable=False),
    instant("expires_at", required=True, comment="end of all its leases, unless renewed; real time, never shifted"),
)

lease = Table(
    "lease",
    metadata,
    Column("lane", Text, CheckConstraint(_LANES, name="lane"), primary_key=True),
    Column("shard_group", Text, CheckConstraint("shard_group ~ '^([0-9a-f]|stray)$'", name="group"), primary_key=True),
    Column("epoch", BigInteger, nullable=False, server_default=text("0"),
           comment="grows with every owner; a batch commits under the epoch it was received in"),
    refers("owner", "ingest_worker.id", required=False),
    instant("taken_at", comment="real time, never shifted"),
)  # fmt: skip
lease.c.owner.comment = "null: free"

# What follows may be lost in a crash of the database (a renewal) or is made durable by the first batch that depends on
# it (a new epoch), so it waits for no disk. Nor for long on a lock, for the renewal stands behind it.
_LIMITS = text("""
    SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '1s', true),
        set_config('statement_timeout', '2s', true), set_config('idle_in_transaction_session_timeout', '5s', true)
""")

# Comes to work, or renews its leases; true where it was not known (any more).
_RENEW = text("""
    INSERT INTO ingest_worker (id, lane, expires_at)
    VALUES (:me, :lane, clock_timestamp() + make_interval(secs => :lease_s))
    ON CONFLICT (id) DO UPDATE SET expires_at = EXCLUDED.expires_at
    RETURNING xmax = 0
""")

# The lane's workers. Each has one connection named after itself, which ends with its process.
_WORKERS = text("""
    WITH connected AS MATERIALIZED
        (SELECT application_name FROM pg_stat_activity WHERE application_name ^@ CAST(:named AS text))
    SELECT id, expires_at, expires_at <= clock_timestamp() AS expired,
        CAST(:named AS text) || id NOT IN (SELECT application_name FROM connected) AS gone
    FROM ingest_worker WHERE lane = :lane ORDER BY id
""")

_LEASES = text("SELECT shard_group, epoch, owner FROM lease WHERE lane = :lane")

# Ends what a dead worker has open: it may only be paused, in the middle of a transaction that holds its leases.
_END_SESSIONS = text("""
    SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE application_name = ANY(:names)
""")

# The dead worker, unless it has renewed since we looked, or somebody else buries it at this moment.
_STILL_DEAD = text("""
    SELECT FROM ingest_worker WHERE id = :dead AND expires_at = :expires_at FOR UPDATE SKIP LOCKED
""")

_FREE_ALL = text("UPDATE lease SET owner = NULL WHERE owner = :worker")

_STRIKE_OFF = text("DELETE FROM ingest_worker WHERE id = :worker")

# Some of what is free; what another one is taking at this moment is left to him.
_TAKE = text("""
    WITH free AS (SELECT shard_group FROM lease WHERE lane = :lane AND owner IS NULL
        ORDER BY shard_group LIMIT :count FOR UPDATE SKIP LOCKED)
    UPDATE lease SET epoch = lease.epoch + 1, owner = :me, taken_at = clock_timestamp()
    FROM free WHERE lease.lane = :lane AND lease.shard_group = free.shard_group
    RETURNING lease.shard_group, lease.epoch
""")

_GIVE_BACK = text("""
    UPDATE lease SET owner = NULL WHERE lane = :lane AND shard_group = :group AND owner = :me AND epoch = :epoch
""")

# Of these groups those that are ours under these epochs, held until the commit: whoever takes one waits for it.
_STILL_OURS = text("""
    SELECT lease.shard_group FROM lease
    JOIN unnest(CAST(:groups AS text[]), CAST(:epochs AS bigint[])) AS mine (shard_group, epoch)
        USING (shard_group, epoch)
    WHERE lease.lane = :lane AND lease.owner = :me ORDER BY lease.shard_group FOR SHARE OF lease
""")

_WAKE = text("SELECT pg_notify(:channel, :lane)")


@dataclass(frozen=True, slots=True)
class View:
    """One look: the lane's workers with the end of their leases, and group -> (epoch, owner)."""

    workers: dict[str, tuple[Colleague, datetime]]
    leases: dict[str, tuple[int, str | None]]


class LeaseBook:
    """One worker's dealings with the rows of its lane; each function within the caller's transaction."""

    def __init__(self, lane: str, worker: str, lease_s: float) -> None:
        self.lane = lane
        self.worker = worker
        self.lease_s = lease_s
        self._me = {"lane": lane, "me": worker}

    async def look(self, conn: AsyncConnection) -> View:
        """Renew our leases (or come to work), and look around."""
        await conn.execute(_LIMITS)
        if (await conn.execute(_RENEW, self._me | {"lease_s": self.lease_s})).scalar_one():
            await self._wake_all(conn)
        rows = await conn.execute(_WORKERS, {"lane": self.lane, "named": keeper_name(self.lane, "")})
        workers = {row.id: (Colleague(row.id, row.expired, row.gone), row.expires_at) for row in rows}
        leases = {row.shard_group: (row.epoch, row.owner) for row in await conn.execute(_LEASES, {"lane": self.lane})}
        return View(workers, leases)

    async def bury(self, conn: AsyncConnection, dead: str, expires_at: datetime) -> bool:
        """Free all that a dead worker held; False if it lives after all."""
        await conn.execute(_LIMITS)
        names = [keeper_name(self.lane, dead), worker_name(self.lane, dead)]
        await conn.execute(_END_SESSIONS, {"names": names})
        if (await conn.execute(_STILL_DEAD, {"dead": dead, "expires_at": expires_at})).first() is None:
            return False
        await self._strike_off(conn, dead)
        return True

    async def take(self, conn: AsyncConnection, count: int) -> dict[str, int]:
        """Take up to `count` free groups; group -> epoch."""
        await conn.execute(_LIMITS)
        rows = await conn.execute(_TAKE, self._me | {"count": count})
        return {row.shard_group: row.epoch for row in rows}

    async def give_back(self, conn: AsyncConnection, group: str, epoch: int) -> None:
        """Hand a group over to whoever takes it."""
        await conn.execute(_LIMITS)
        await conn.execute(_GIVE_BACK, self._me | {"group": group, "epoch": epoch})
        await self._wake_all(conn)

    async def leave(self, conn: AsyncConnection) -> None:
        """Hand everything over and go."""
        await conn.execute(_LIMITS)
        await self._strike_off(conn, self.worker)

    async def still_ours(self, conn: AsyncConnection, epochs: Mapping[str, int]) -> set[str]:
        """Of these groups (with the epochs in which we took them) those that stay ours until `conn` commits."""
        asked = {"groups": list(epochs), "epochs": list(epochs.values())}
        return set((await conn.execute(_STILL_OURS, self._me | asked)).scalars())

    async def _strike_off(self, conn: AsyncConnection, worker: str) -> None:
        await conn.execute(_FREE_ALL, {"worker": worker})
        await conn.execute(_STRIKE_OFF, {"worker": worker})
        await self._wake_all(conn)

    async def _wake_all(self, conn: AsyncConnection) -> None:
        await conn.execute(_WAKE, {"channel": CHANNEL, "lane": self.lane})


def worker_name(lane: str, worker: str) -> str:
    """What a worker's database connections are called (at most 63 bytes, or PostgreSQL cuts it)."""
    return f"carebed-ingest-{lane} {worker}"


def keeper_name(lane: str, worker: str) -> str:
    """What the connection is called by whose end others know that the worker's process has ended."""
    return f"carebed-lease-{lane} {worker}"
