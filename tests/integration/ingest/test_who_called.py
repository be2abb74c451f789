"""Whose alarm it is: residents, unknown devices, hosted gateways, strange topics, changes of the registry."""

import asyncio

import pytest
from small_district import STATION, Line, Pipeline, message
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.wire import Status, shard_of
from ingest import alarm_lane, who
from registry.pairing import NewDevice, pair_devices, revoke_gateway


async def test_two_residents_of_one_home_have_two_alarms(pipeline: Pipeline) -> None:
    """Each wears a device of his own; a device of the home belongs to neither."""
    home, (anna, bo) = await pipeline.home(residents=2)
    await pipeline.pair(
        "gw-1", home, NewDevice("gw-1-a", "wristband", resident_id=anna),
        NewDevice("gw-1-b", "wristband", resident_id=bo), NewDevice("gw-1-button", "button"),
    )  # fmt: skip
    receipts = [await pipeline.press(device=device) for device in ("gw-1-a", "gw-1-b", "gw-1-button")]
    assert len({receipt.alarm for receipt in receipts}) == 3
    people = [row.resident_id for row in await pipeline.rows("SELECT resident_id FROM alarm ORDER BY raised_at")]
    assert people == [anna, bo, None]
    await pipeline.press("sos_cancel", device="gw-1-a")
    (cancelled,) = await pipeline.rows("SELECT resident_id FROM alarm WHERE state = 'cancelled'")
    assert cancelled.resident_id == anna


async def test_an_unknown_device_of_a_known_gateway_alarms_at_that_home(pipeline: Pipeline) -> None:
    """A call for help from a button that nobody paired; anything else from it is refused."""
    home = await pipeline.simple_home()
    receipt = await pipeline.press("sos", device="new-button")
    assert receipt.status is Status.ACCEPTED
    alarm = await pipeline.row("SELECT home_id, device_id, why FROM alarm")
    assert (alarm.home_id, alarm.device_id, alarm.why["known_device"]) == (home, "new-button", False)
    refused = await pipeline.press("check_in", device="new-button")
    assert (refused.status, refused.reason) == (Status.REJECTED, "unknown_device")
    assert await pipeline.count("quarantine", "reason = 'unknown_device'") == 1


async def test_an_unknown_device_of_a_hosted_gateway_alarms_at_the_stations_desk(pipeline: Pipeline) -> None:
    """Nobody knows the home, so the desk is asked; two such devices are two alarms."""
    await pipeline.pair("lora-1", None)
    first = await pipeline.press("sos", "watch-7", "lora-1")
    second = await pipeline.press("sos", "watch-8", "lora-1")
    assert first.alarm != second.alarm
    for alarm in await pipeline.rows("SELECT home_id, station_id FROM alarm"):
        assert (alarm.home_id, alarm.station_id) == (None, STATION)


async def test_a_device_of_a_hosted_gateway_alarms_at_its_own_home(pipeline: Pipeline) -> None:
    """One cloud, two homes."""
    first, _ = await pipeline.home()
    second, _ = await pipeline.home()
    await pipeline.pair(
        "cloud", None, NewDevice("w-1", "watch", home_id=first), NewDevice("w-2", "watch", home_id=second)
    )
    await pipeline.press("sos", "w-1", "cloud")
    await pipeline.press("sos", "w-2", "cloud")
    assert {row.home_id for row in await pipeline.rows("SELECT home_id FROM alarm")} == {first, second}


async def test_an_unknown_or_revoked_gateway_is_refused_and_put_aside(pipeline: Pipeline) -> None:
    """With its receipt, so that the device knows."""
    await pipeline.simple_home()
    assert (await pipeline.press("sos", "x", "gw-nowhere")).reason == "unknown_gateway"
    async with pipeline.database.transaction() as conn:
        await revoke_gateway(conn, "gw-1")
    pipeline.who.forget()
    assert (await pipeline.press("sos")).reason == "unknown_gateway"
    assert await pipeline.count("quarantine", "reason = 'unknown_gateway'") == 2
    assert await pipeline.count("alarm") == 0


async def test_a_device_counts_only_behind_its_own_gateway(pipeline: Pipeline) -> None:
    """Another home's gateway that names my device calls for itself, not for me."""
    await pipeline.simple_home("gw-1")
    other = await pipeline.simple_home("gw-2")
    await pipeline.press("sos", device="gw-1-button", gateway="gw-2")
    assert (await pipeline.row("SELECT home_id FROM alarm")).home_id == other


async def test_a_newly_paired_device_is_known_with_its_first_message_and_a_moved_one_at_its_new_home(
    pipeline: Pipeline,
) -> None:
    """What is not known is looked up every time; what was known is forgotten on the registry's word."""
    await pipeline.simple_home("gw-1")
    assert (await pipeline.press("check_in", device="gw-1-new")).status is Status.REJECTED
    home = (await pipeline.row("SELECT home_id FROM gateway")).home_id
    who, pipeline.who = pipeline.who, type(pipeline.who)(pipeline.database)  # nobody tells the lanes
    await pipeline.pair("gw-1", home, NewDevice("gw-1-new", "button"))
    pipeline.who = who
    assert (await pipeline.press("check_in", device="gw-1-new")).status is Status.ACCEPTED
    new_home, _ = await pipeline.home()
    await pipeline.pair("gw-1", new_home, move=True)
    await pipeline.press("sos", device="gw-1-new")
    assert (await pipeline.row("SELECT home_id FROM alarm")).home_id == new_home


async def test_a_change_of_the_registry_in_the_middle_of_a_batch_spoils_nothing(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch keeps the senders that it has looked up."""
    home = await pipeline.simple_home()
    remember = alarm_lane.remember

    async def change(conn: AsyncConnection, *rest: object) -> object:
        pipeline.who.forget()
        return await remember(conn, *rest)

    monkeypatch.setattr(alarm_lane, "remember", change)
    assert (await pipeline.press("sos")).status is Status.ACCEPTED
    assert (await pipeline.row("SELECT home_id FROM alarm")).home_id == home


async def test_an_answer_of_the_registry_that_was_overtaken_by_a_change_is_not_kept(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgotten while the question was under way: it is asked again."""
    await pipeline.simple_home()
    look_up, questions = who._look_up, 0

    async def overtaken(*arguments: object) -> object:
        nonlocal questions
        questions += 1
        answer = await look_up(*arguments)
        if questions == 1:
            pipeline.who.forget()
        return answer

    monkeypatch.setattr(who, "_look_up", overtaken)
    assert (await pipeline.press("check_in")).status is Status.ACCEPTED
    assert questions == 2
    assert len(pipeline.who.known) == 1


async def test_a_change_at_one_gateway_forgets_that_one_alone(pipeline: Pipeline) -> None:
    """A day of pairing must not look a whole city up again with every gateway."""
    await pipeline.simple_home()
    await pipeline.simple_home("gw-2")
    for gateway in ("gw-1", "gw-2"):
        await pipeline.alarm(pipeline.incoming(message("check_in"), gateway, f"{gateway}-button"))
    pipeline.who.forget("gw-1")
    assert [sender.topic.gateway for sender in pipeline.who.known.values()] == ["gw-2"]


async def test_a_device_that_moved_to_another_gateway_counts_there_at_once_and_no_longer_here(
    pipeline: Pipeline,
) -> None:
    """Both gateways are named to whoever keeps the registry in memory."""
    await pipeline.simple_home()
    await pipeline.simple_home("gw-2")
    assert (await pipeline.press("check_in")).status is Status.ACCEPTED
    told: list[str] = []
    following = asyncio.create_task(pipeline.database.wake_on("carebed_registry", told.append))
    async with asyncio.timeout(10):
        while not told:
            await asyncio.sleep(0.01)
        async with pipeline.database.transaction() as conn:
            await pair_devices(conn, "gw-2", [NewDevice("gw-1-button", "button")], move=True)
        while len(told) < 3:
            await asyncio.sleep(0.01)
    following.cancel()
    assert sorted(told) == ["", "gw-1", "gw-2"]
    for gateway in told:
        pipeline.who.forget(gateway)
    moved, left = pipeline.incoming(message("check_in"), "gw-2", "gw-1-button"), pipeline.incoming(message("check_in"))
    receipts = await pipeline.alarm(moved, left)
    assert [receipt.status for receipt in receipts][-2:] == [Status.ACCEPTED, Status.REJECTED]


@pytest.mark.parametrize(
    ("shard", "line"), [("00", "ingest-alarm-0"), ("zz", "ingest-alarm-stray"), ("A7", "ingest-alarm-stray")]
)
async def test_an_alarm_under_a_wrong_shard_is_raised_all_the_same(pipeline: Pipeline, shard: str, line: str) -> None:
    """Put aside as well, and answered where the device listens: under the shard that it wrote."""
    await pipeline.simple_home()
    assert shard_of("gw-1") != "00"
    topic = f"carebed/v1/{shard}/gw-1/alarm/gw-1-button"
    stray = Line(line)
    await pipeline.alarm(pipeline.incoming(message("sos"), topic=topic, line=stray))
    ((where, _),) = stray.sent
    assert where == f"carebed/v1/{shard}/gw-1/receipt/gw-1-button"
    ((_, receipt),) = stray.receipts()
    assert receipt.status is Status.ACCEPTED
    assert await pipeline.count("alarm") == 1
    assert await pipeline.count("quarantine", "reason = 'wrong_shard'") == 1


async def test_what_the_stray_session_sees_of_well_formed_shards_is_left_to_their_own_session(
    pipeline: Pipeline,
) -> None:
    """It sees every alarm; only one of the two may take it."""
    await pipeline.simple_home()
    stray = Line("ingest-alarm-stray")
    assert await pipeline.alarm(pipeline.incoming(message("sos"), line=stray)) == []
    assert await pipeline.count("inbox") == 0
    assert await pipeline.count("quarantine") == 0
