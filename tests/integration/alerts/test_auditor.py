"""The auditor finds what neither the ladder nor the outbox can say of itself, and is silent outside when that is so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from station_world import StationWorld

from alerts.audit import Trouble
from alerts.auditor import Auditor
from alerts.moves import Move
from carebed.embedded.ports import free_port
from carebed.ids import new_id

# Real time is what counts: this makes the last shift of the clock one of ten minutes ago.
_LONG_AGO = "UPDATE clock_shift SET shifted_at = shifted_at - interval '10 minutes'"


async def _late(world: StationWorld) -> None:
    async with world.owner.transaction() as conn:
        await conn.exec_driver_sql(_LONG_AGO)


async def _audit(auditor: Auditor) -> dict[str, int]:
    found = await auditor.look()
    return {str(trouble): one.alarms for trouble, one in found.items()}


async def _message(world: StationWorld, alarm: UUID, channel: str = "sms", state: str = "pending") -> None:
    """A message that was due, or handed over, four minutes ago."""
    await world.do(
        "INSERT INTO notification (id, alarm_id, channel, staff_id, kind, step, life_critical, payload, state,"
        " created_at, due_at, next_attempt_at, handed_over_at, provider_id)"
        " VALUES (:id, :alarm, :channel, :staff, 'called', 1, true, '{}', :state, carebed_now(),"
        " carebed_now() - interval '4 minutes', clock_timestamp(), carebed_now() - interval '6 minutes', 'p-1')",
        id=new_id(), alarm=alarm, channel=channel, staff=world.people["lin"], state=state,
    )  # fmt: skip


@pytest.fixture
def auditor(world: StationWorld) -> Auditor:
    return Auditor(world.database)


async def test_a_night_on_which_all_is_well_raises_nothing(world: StationWorld, auditor: Auditor) -> None:
    await _late(world)
    assert await _audit(auditor) == {}
    await world.alarm()
    taken = await world.alarm("fall")
    await world.move("lin", Move.ACCEPT, taken)
    await world.press("leak", suspected=None)
    assert await _audit(auditor) == {}
    assert await world.open_alarms("audit") == []


async def test_what_it_finds_is_one_alarm_that_lists_it_and_ends_by_itself(
    world: StationWorld, auditor: Auditor
) -> None:
    overdue, stuck, unheard = [await world.alarm(kind) for kind in ("sos", "fall", "smoke")]
    await _late(world)
    await _message(world, stuck)
    await _message(world, unheard, state="handed_over")
    await _message(world, overdue, channel="live")
    assert await _audit(auditor) == {"message_stuck": 1, "message_undelivered": 1}
    (audit,) = await world.open_alarms("audit")
    row = await world.read(audit)
    assert row.why["found"] == {
        "message_stuck": {"alarms": 1, "ids": [str(stuck)]},
        "message_undelivered": {"alarms": 1, "ids": [str(unheard)]},
    }
    assert await world.told(audit) == []
    await world.tick()
    assert await world.told(audit) == ["desk", "manager", "night-desk"]
    # Something else comes to it: a remark, once.
    await world.do("UPDATE deadline SET due_at = carebed_now() - interval '1 minute' WHERE alarm_id = :id", id=overdue)
    for _ in range(2):
        assert (await _audit(auditor))["overdue"] == 1
    assert await world.log(audit) == ["raised", "paged", "comment"]
    # All mended: it is over, unless somebody has taken it.
    await world.do("DELETE FROM notification WHERE channel = 'sms'")
    await world.tick()
    assert await _audit(auditor) == {}
    assert await world.open_alarms("audit") == []
    assert (await world.log(audit))[-1] == "cleared"


async def test_an_alarm_that_nobody_was_called_to_and_one_whose_owner_has_left(
    world: StationWorld, auditor: Auditor
) -> None:
    held = await world.alarm("fall")
    await world.move("lin", Move.ACCEPT, held)
    await world.do("UPDATE staff SET active = false WHERE login = 'lin'")
    assert await _audit(auditor) == {"no_owner": 1}
    await world.do("UPDATE staff SET active = false")
    alone = await world.alarm("sos")
    assert (await world.read(alone)).step > 0
    assert await _audit(auditor) == {"no_owner": 2, "nobody_called": 1}


async def test_its_own_alarm_is_no_reason_for_itself(world: StationWorld, auditor: Auditor) -> None:
    await world.do("UPDATE staff SET active = false")
    await world.alarm()
    await auditor.look()
    await world.tick()
    found = await auditor.look()
    assert found[Trouble.NOBODY_CALLED].own, "nobody is there to be told"
    await world.do("UPDATE staff SET active = true")
    await world.after(1_000)
    assert {trouble: one.alarms for trouble, one in (await auditor.look()).items()} == {}
    assert await world.open_alarms("audit") == []


@asynccontextmanager
async def _outside(status: str = "200 OK") -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address that listens."""
    calls: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(await reader.readuntil(b"\r\n"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port := free_port())
    async with server:
        yield f"http://127.0.0.1:{port}/ping/secret", calls


async def test_outside_hears_of_it_while_escalation_works_and_only_then(world: StationWorld) -> None:
    async with _outside() as (url, calls):
        auditor = Auditor(world.database, dead_man_url=url)
        alarm = await world.alarm()
        assert await auditor.round()
        assert calls == [b"GET /ping/secret HTTP/1.1\r\n"]
        await _late(world)
        await _message(world, alarm)
        assert await auditor.round(), "a provider that is down is said inside"
        await world.do("UPDATE deadline SET due_at = carebed_now() - interval '1 minute' WHERE kind = 'alarm'")
        assert not await auditor.round(), "nobody may be left who says it inside"
        assert len(calls) == 2


async def test_outside_hears_nothing_of_an_engine_that_stands_still_before_anybody_has_called(
    world: StationWorld,
) -> None:
    beat = "INSERT INTO process_heartbeat (process, beat_at) VALUES (:loop, clock_timestamp() - interval '31 s')"
    async with _outside() as (url, calls):
        auditor = Auditor(world.database, dead_man_url=url)
        await world.do(beat, loop="alerts-ordinary")
        assert not await auditor.round()
        await world.do("UPDATE process_heartbeat SET beat_at = clock_timestamp() WHERE process = 'alerts-ordinary'")
        assert await auditor.round()
        await world.do(beat, loop="alerts-life-critical")
        assert not await auditor.round()
        assert len(calls) == 1


async def test_whatever_the_address_outside_does_harms_nothing(world: StationWorld) -> None:
    assert await Auditor(world.database).round()
    async with _outside("500 Oh") as (url, _):
        assert not await Auditor(world.database, dead_man_url=url).round()
    gone = f"http://127.0.0.1:{free_port()}/"
    for address in (gone, "http://", "no address"):
        assert not await Auditor(world.database, dead_man_url=address).round()


async def test_a_look_that_fails_calls_nobody_outside(world: StationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise RuntimeError

    async with _outside() as (url, calls):
        auditor = Auditor(world.database, dead_man_url=url)
        monkeypatch.setattr(auditor, "look", broken)
        assert not await auditor.round()
        assert calls == []
