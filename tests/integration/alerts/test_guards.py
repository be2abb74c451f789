"""What the database refuses at the commit, whoever asks: an open alarm without its one deadline, a changed log."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from station_world import StationWorld

from alerts.moves import Move
from carebed.embedded.postgres import DatabaseUrls

_CLOSE = "closed_at = now(), state = 'resolved', outcome = 'test'"
_ARM = "INSERT INTO deadline (kind, subject, alarm_id, due_at) VALUES ('alarm', gen_random_uuid()::text, '{id}', now())"
_RAISE = """
    INSERT INTO alarm (id, kind, priority, state, area_code, station_id, merge_key, raised_at, happened_at, policy, why)
    SELECT gen_random_uuid(), 'sos', 0, 'raised', area_code, station_id, 'another', now(), now(), policy, why
    FROM alarm LIMIT 1
"""

#: Each leaves an open alarm without exactly one armed deadline, or a closed one with a deadline.
_VIOLATIONS = {
    "an alarm without a deadline": _RAISE,
    "its deadline ended": "DELETE FROM deadline WHERE alarm_id = '{id}'",
    "its deadline given to something else": "UPDATE deadline SET kind = 'x', alarm_id = NULL WHERE alarm_id = '{id}'",
    "its deadline given to another alarm": "UPDATE deadline SET alarm_id = '{other}' WHERE alarm_id = '{id}'",
    "two deadlines": _ARM,
    "closed, its deadline still armed": f"UPDATE alarm SET {_CLOSE} WHERE id = '{{id}}'",
    "opened again without one": (
        "UPDATE alarm SET closed_at = NULL, outcome = NULL, state = 'raised' WHERE id = '{closed}'"
    ),
    "a deadline for what is closed": _ARM.replace("{id}", "{closed}"),
    "a deadline that never comes": "UPDATE deadline SET due_at = 'infinity' WHERE alarm_id = '{id}'",
    "a deadline put back for ever": "UPDATE deadline SET retry_at = 'infinity' WHERE alarm_id = '{id}'",
    "an alarm that is nobody's": "UPDATE alarm SET station_id = NULL WHERE id = '{id}'",
}


@pytest.fixture
async def alarms(world: StationWorld) -> dict[str, UUID]:
    """Two open alarms and a closed one."""
    closed = await world.alarm("smoke")
    await world.move("lin", Move.RESOLVE, closed)
    return {"id": await world.alarm(), "other": await world.alarm("leak"), "closed": closed}


@pytest.mark.parametrize("violation", _VIOLATIONS)
async def test_no_transaction_leaves_an_open_alarm_without_its_one_deadline(
    world: StationWorld, alarms: dict[str, UUID], violation: str
) -> None:
    with pytest.raises(DBAPIError, match=r"deadline|null value"):
        await world.do(_VIOLATIONS[violation].format(**alarms))
    assert (await world.read(alarms["id"])).due_in_s is not None
    assert (await world.read(alarms["closed"])).due_in_s is None


async def test_the_order_within_a_transaction_is_free(world: StationWorld, alarms: dict[str, UUID]) -> None:
    async with world.database.transaction() as conn:
        await conn.execute(text("DELETE FROM deadline WHERE alarm_id = :id"), alarms)
        await conn.execute(text(_ARM.format(**alarms)))
        await conn.execute(text("DELETE FROM deadline WHERE alarm_id = :other"), alarms)
        await conn.execute(text(f"UPDATE alarm SET {_CLOSE} WHERE id = :other"), alarms)
    assert (await world.read(alarms["other"])).due_in_s is None


_CHANGES = (
    "UPDATE alarm_event SET type = 'nothing'",
    "DELETE FROM alarm_event",
    "TRUNCATE alarm_event",
    "TRUNCATE alarm CASCADE",
    "TRUNCATE deadline",
    "INSERT INTO alarm_event SELECT * FROM alarm_event ON CONFLICT (seq) DO UPDATE SET type = 'nothing'",
)
_ROLES: dict[str, Callable[[DatabaseUrls], str]] = {
    "owner": lambda urls: urls.owner,
    "engine": lambda urls: urls.engine,
    "api": lambda urls: urls.api,
    "reader": lambda urls: urls.reader,
}


# By the trigger, by the grants before it, or because the role only reads.
_REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)


@pytest.mark.parametrize("role", _ROLES)
async def test_nobody_changes_the_log_or_empties_the_deadlines(
    world: StationWorld, alarms: dict[str, UUID], urls: DatabaseUrls, role: str
) -> None:
    before = await world.log(alarms["id"])
    with psycopg.connect(_ROLES[role](urls), autocommit=True) as conn:
        conn.execute("SELECT set_config('carebed.scope', '/', false)")
        for change in _CHANGES:
            with pytest.raises(_REFUSED):
                conn.execute(change.encode())
    assert await world.log(alarms["id"]) == before
    assert (await world.read(alarms["id"])).due_in_s is not None
