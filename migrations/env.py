"""Alembic's environment: one transaction under an advisory lock, with time-outs on locks and statements.

The database URL and the connection come from `carebed.migrate`; there is no alembic.ini.
"""

import re
from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from carebed.schema import load_schema

# Two migrations at once would corrupt each other; the second waits here, and then finds nothing to do.
_LOCK = text("SELECT pg_advisory_xact_lock(7270142)")


# Days and hours of readings, months of hourly figures.
_PARTITION = re.compile(r"reading(_hour)?_(default|\d{8}(_\d\d)?)")


def _ours(obj: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Partitions come and go with the calendar; they are no part of the compared schema."""
    if kind == "table":
        return not _PARTITION.fullmatch(str(name))
    return not (kind == "index" and _PARTITION.fullmatch(str(obj.table.name)))


def run() -> None:
    """Run with the connection that `carebed.migrate` handed in."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=load_schema(),
        include_object=_ours,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        connection.execute(_LOCK)
        # Only now: the other migration may take longer than a table's lock may keep everybody waiting.
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        context.run_migrations()


run()
