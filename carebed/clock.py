"""The database clock: the only clock that decides what is due. Tests and demos can shift it.

`carebed_now()` in SQL is `statement_timestamp()` plus the shift; it is STABLE, so an index on `due_at` serves it.
Python reads it once per transaction and hands it down. Tokens, signatures and back-off use real time, never this.
"""

from datetime import datetime, timedelta

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Interval, SmallInteger, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import metadata
from carebed.errors import CarebedError

clock_shift = Table(
    "clock_shift",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("shift", Interval, nullable=False, server_default=text("'0'")),
    Column("shiftable", Boolean, nullable=False, server_default=text("false")),
    # Real time of the last shift: what a shift made due has waited only since then.
    Column("shifted_at", DateTime(timezone=True), nullable=False, server_default=text("'epoch'")),
    comment="how far the database clock is ahead of real time; zero in production",
)

_NOW = text("SELECT carebed_now()")

# Moves the clock forward and wakes whoever waits for deadlines.
_ADVANCE = text("""
    UPDATE clock_shift SET shift = shift + :by, shifted_at = clock_timestamp()
    WHERE shiftable AND :by >= interval '0'
    RETURNING carebed_now() + :by, pg_notify('carebed_deadline', 'clock')
""")

_WAITED = text("SELECT extract(epoch FROM waited_since(:since))::float8")

_ALLOW = text("UPDATE clock_shift SET shiftable = true")

_SHIFTABLE = text("SELECT shiftable FROM clock_shift")


class ClockError(CarebedError):
    """The clock was asked for something it must not do."""


async def now(conn: AsyncConnection) -> datetime:
    """The database clock, aware UTC."""
    value: datetime = (await conn.execute(_NOW)).scalar_one()
    return value


async def is_demo(conn: AsyncConnection) -> bool:
    """Is this database a demo or a test, whose clock can be shifted?"""
    return bool((await conn.execute(_SHIFTABLE)).scalar_one())


async def advance(conn: AsyncConnection, by: timedelta) -> datetime:
    """Shift the clock forward by `by` and return the new time; `ClockError` outside demos and tests."""
    if by < timedelta(0):
        raise ClockError("The clock only goes forward: give a number of seconds that is not negative.")
    row = (await conn.execute(_ADVANCE, {"by": by})).one_or_none()
    if row is None:
        raise ClockError("This database is not a demo or a test: its clock cannot be shifted.")
    value: datetime = row[0]
    return value


async def waited_s(conn: AsyncConnection, since: datetime) -> float:
    """Seconds that have passed since `since`, at most those since the last shift of the clock."""
    value: float = (await conn.execute(_WAITED, {"since": since})).scalar_one()
    return value


async def allow_shifts(conn: AsyncConnection) -> None:
    """Mark the database as a demo or test whose clock may be shifted."""
    await conn.execute(_ALLOW)
