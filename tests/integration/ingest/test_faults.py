"""The database fails in its many ways: what waits, what is tried in smaller pieces, and that nothing loops for ever."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from small_district import Pipeline, message
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.wire import Status
from ingest import worker as worker_module
from ingest.mqtt import Incoming


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_RETRY_FIRST_S", 0.001)


async def _store(pipeline: Pipeline, *messages: Incoming) -> dict[str | None, Status]:
    for answer in await pipeline.worker().work().store(messages):
        answer.send()
    return {receipt.id: receipt.status for _, receipt in pipeline.line.receipts()}


async def test_a_key_that_is_always_taken_ends_in_quarantine_instead_of_a_loop(pipeline: Pipeline) -> None:
    """23505 is usually another worker that was faster; one that never passes must not hold up the stream."""
    await pipeline.simple_home()
    await pipeline.run_as_admin("CREATE UNIQUE INDEX always_taken ON inbox ((1)) WHERE message_id LIKE 'odd%'")
    batch = [pipeline.incoming(message("check_in", id=one)) for one in ("a", "odd-1", "b", "odd-2", "c")]
    statuses = await asyncio.wait_for(_store(pipeline, *batch), 20)
    assert statuses == {
        "a": Status.ACCEPTED, "b": Status.ACCEPTED, "c": Status.ACCEPTED, "odd-1": Status.ACCEPTED,
        "odd-2": Status.REJECTED,
    }  # fmt: skip
    assert await pipeline.count("quarantine", "reason = 'store_error'") == 1


async def test_a_message_that_even_quarantine_refuses_does_not_stop_the_stream(pipeline: Pipeline) -> None:
    """Nothing is left to try then but to say so loudly."""
    await pipeline.simple_home()
    await pipeline.run_as_admin("ALTER TABLE inbox ADD CONSTRAINT poison CHECK (message_id <> 'poison')")
    await pipeline.run_as_admin("ALTER TABLE quarantine ADD CONSTRAINT poison CHECK (reason <> 'store_error')")
    batch = [pipeline.incoming(message("check_in", id=one)) for one in ("poison", "a")]
    assert (await asyncio.wait_for(_store(pipeline, *batch), 20))["a"] is Status.ACCEPTED


@pytest.mark.parametrize(
    "trouble",
    [
        "REVOKE INSERT ON inbox FROM carebed_engine; GRANT INSERT ON inbox TO carebed_engine",
        "ALTER TABLE inbox RENAME TO elsewhere; ALTER TABLE elsewhere RENAME TO inbox",
        "ALTER DATABASE {name} SET {read_only} = on; ALTER DATABASE {name} RESET {read_only}",
    ],
    ids=["no rights", "not migrated", "failed over to a standby"],
)
async def test_while_the_database_refuses_everything_messages_wait_and_none_is_quarantined(
    pipeline: Pipeline, trouble: str
) -> None:
    """An outage of the house must not empty the broker into quarantine."""
    await pipeline.simple_home()
    name = '"' + pipeline.admin_url.rsplit("/", 1)[1] + '"'
    begin, end = trouble.format(name=name, read_only="default_transaction_read_only").split("; ")
    await pipeline.run_as_admin(begin)
    await _reconnect(pipeline)
    work = pipeline.worker().work()
    storing = asyncio.create_task(work.store([pipeline.incoming(message("sos", id="a"))]))
    for _ in range(200):
        await asyncio.sleep(0.01)
        if work.trouble is not None:
            break
    assert work.trouble is not None
    assert not storing.done()
    await pipeline.run_as_admin(end)
    await _reconnect(pipeline)
    (answer,) = await asyncio.wait_for(storing, 20)
    assert answer.receipt.status is Status.ACCEPTED
    assert await pipeline.count("quarantine") == 0
    assert work.trouble is None


async def test_a_lost_connection_is_tried_again_and_what_was_committed_is_a_duplicate(pipeline: Pipeline) -> None:
    """The line breaks during the batch: nothing of it is in the database, and the second try takes it whole."""
    await pipeline.simple_home()
    lane, process = pipeline.alarm_lane, pipeline.alarm_lane.process
    tries = 0

    async def broken(conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], *turn: object) -> Any:
        nonlocal tries
        tries += 1
        answers = await process(conn, now, messages, *turn)
        if tries == 1:
            with contextlib.suppress(Exception):
                await conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return answers

    lane.process = broken
    statuses = await _store(pipeline, *(pipeline.incoming(message("sos", id=one)) for one in "abc"))
    assert tries == 2
    assert statuses == {"a": Status.ACCEPTED, "b": Status.ACCEPTED, "c": Status.HOLD}
    assert await pipeline.count("alarm") == 1
    assert await pipeline.count("inbox") == 2


async def test_a_locked_alarm_delays_only_itself(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds one alarm's row and does not let go: the presses of other homes get through."""
    await pipeline.simple_home("gw-1")
    await pipeline.simple_home("gw-2")
    monkeypatch.setattr(worker_module, "_CONTESTED_TRIES", 2)
    held = await pipeline.press("sos")
    async with pipeline.database.transaction() as other:
        await other.exec_driver_sql("SELECT FROM deadline WHERE alarm_id = %s FOR UPDATE", (held.alarm,))
        process = pipeline.alarm_lane.process

        async def impatient(conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], *turn: object) -> Any:
            await conn.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            return await process(conn, now, messages, *turn)

        pipeline.alarm_lane.process = impatient
        statuses = await asyncio.wait_for(
            _store(
                pipeline, pipeline.incoming(message("sos", id="stuck")),
                pipeline.incoming(message("sos", id="free"), "gw-2", "gw-2-button"),
            ), 20,
        )  # fmt: skip
    assert statuses == {"free": Status.ACCEPTED}


async def test_a_deleted_device_that_is_still_remembered_is_looked_up_again(pipeline: Pipeline) -> None:
    """The database knows better than memory: the message is judged by the registry as it is."""
    await pipeline.simple_home()
    await pipeline.press("check_in")
    await pipeline.run("DELETE FROM device_state")
    await pipeline.run("DELETE FROM device WHERE id = 'gw-1-button'")
    statuses = await _store(pipeline, pipeline.incoming(message("sos", id="a")))
    assert statuses == {"a": Status.ACCEPTED}
    assert await pipeline.count("alarm") == 1
    assert await pipeline.count("quarantine") == 0


async def _reconnect(pipeline: Pipeline) -> None:
    """Settings of a database count for new connections."""
    await pipeline.run_as_admin(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'carebed_engine' AND datname = current_database()"
    )
