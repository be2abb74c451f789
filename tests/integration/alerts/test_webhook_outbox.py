"""Stories of the webhook channel: told twice rather than never, and no receiver's trouble is anybody else's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from station_world import StationWorld, founded
from webhook_receiver import SECRET, Delivery, Receiver, receiving

from alerts import outbox as outbox_module
from alerts.channel.webhook import WebhookChannel
from alerts.moves import Move
from alerts.outbox import Outbox
from alerts.webhook import Webhook
from carebed.embedded.postgres import DatabaseUrls
from tests.at_work import at_work


@pytest.fixture
async def world(urls: DatabaseUrls) -> AsyncIterator[StationWorld]:
    """The station, with the webhook alone as channel."""
    async with founded(urls.engine, urls.owner, ("webhook",)) as world:
        yield world


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Where the webhooks go."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def outbox(world: StationWorld, receiver: Receiver) -> AsyncIterator[Outbox]:
    """The delivery worker."""
    webhook = Webhook(receiver.url, SECRET)
    yield Outbox(world.database, [WebhookChannel(webhook)])
    await webhook.close()


@pytest.fixture
async def running(outbox: Outbox) -> AsyncIterator[None]:
    """The worker's loops, as in `carebed alerts`."""
    async with at_work(outbox):
        yield


async def states(world: StationWorld) -> dict[str, int]:
    """How many messages are in which delivery state."""
    rows = await world.rows("SELECT state, count(*) AS n FROM notification GROUP BY state")
    return {row.state: row.n for row in rows}


async def until(world: StationWorld, **wanted: int) -> None:
    """Wait until that many messages are in these states; fails after 5 s, before a send that hangs is given up."""
    async with asyncio.timeout(5):
        while {state: n for state, n in (await states(world)).items() if state in wanted} != wanted:
            await asyncio.sleep(0.02)


async def due_again(world: StationWorld) -> None:
    """Let every pause and lease be over."""
    await world.do("UPDATE notification SET next_attempt_at = clock_timestamp() WHERE state = 'pending'")


@pytest.mark.usefixtures("running")
async def test_everybody_called_is_told_once_with_the_alarm_and_a_signature_that_others_can_check(
    world: StationWorld, receiver: Receiver
) -> None:
    alarm = await world.alarm()
    await until(world, delivered=4)
    assert len(receiver.deliveries) == 4
    for delivery in receiver.deliveries:
        assert delivery.signed_by(SECRET)
        assert not delivery.signed_by("whsec_" + "A" * 32)
        content = delivery.content
        assert content["type"] == "alarm.called"
        data: dict[str, Any] = content["data"]
        assert (data["alarm_id"], data["kind"], data["step"], data["attempt"]) == (str(alarm), "called", 1, 1)
        assert data["alarm"]["id"] == str(alarm)
        assert data["alarm"]["state"] == "raised"
        assert data["notification"] == delivery.id
    assert {one.content["data"]["staff"] for one in receiver.deliveries} == {
        str(world.people[login]) for login in ("lin", "chen", "desk", "night-desk")
    }


async def test_a_failing_receiver_is_tried_again_after_growing_pauses_of_real_time(
    world: StationWorld, receiver: Receiver, outbox: Outbox
) -> None:
    async def fail(_: Delivery) -> int:
        return 500

    receiver.answer = fail
    alarm = await world.alarm()
    pauses = []
    for attempt in range(1, 9):
        await due_again(world)
        assert await outbox.cycle() == 4
        (row,) = await world.rows(
            "SELECT max(extract(epoch FROM next_attempt_at - clock_timestamp()))::float8 AS pause, "
            "min(attempts) AS attempts, min(error) AS error FROM notification"
        )
        assert (row.attempts, row.error) == (attempt, "HTTP 500")
        pauses.append(round(row.pause + 0.4))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert await outbox.cycle() == 0, "not before its time"
    receiver.answer = lambda _: _status(200)
    await due_again(world)
    await outbox.cycle()
    assert await states(world) == {"delivered": 4}
    ids = [delivery.id for delivery in receiver.deliveries]
    assert len(ids) == 36
    assert len(set(ids)) == 4, "a repeat has the id of the first attempt"
    assert receiver.deliveries[-1].content["data"]["attempt"] == 9
    assert await world.told(alarm) == ["chen", "desk", "lin", "night-desk"]


async def _status(status: int) -> int:
    return status


@pytest.mark.parametrize("status", [301, 404, 429, 503, None])
async def test_whatever_is_no_success_is_tried_again(
    world: StationWorld, receiver: Receiver, outbox: Outbox, status: int | None
) -> None:
    async def refuse(_: Delivery) -> int | None:
        return status

    receiver.answer = refuse
    await world.alarm()
    assert await outbox.cycle() == 4
    assert await states(world) == {"pending": 4}


async def test_a_receiver_that_is_down_costs_nothing_but_time(world: StationWorld) -> None:
    webhook = Webhook("http://127.0.0.1:9/hook", SECRET)
    await world.alarm()
    await Outbox(world.database, [WebhookChannel(webhook)]).cycle()
    await webhook.close()
    (row,) = await world.rows("SELECT DISTINCT state, error FROM notification")
    assert (row.state, row.error) == ("pending", "ConnectError")


@pytest.mark.usefixtures("running")
async def test_messages_that_hang_hold_up_no_other_and_no_later_one(world: StationWorld, receiver: Receiver) -> None:
    hang = asyncio.Event()
    stuck = {str(world.people["lin"]), str(world.people["chen"])}

    async def answer(delivery: Delivery) -> int:
        if delivery.content["data"]["staff"] in stuck:
            await hang.wait()
        return 200

    receiver.answer = answer
    await world.alarm()
    await until(world, delivered=2)
    # Both loops go on beside the messages that hang: the ordinary one too.
    await world.alarm("smoke")
    await world.alarm("leak")
    await until(world, delivered=6)
    hang.set()
    await until(world, delivered=12)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(("drill", "slots", "comes"), [(False, 8, "sos"), (True, 4, "assist")])
async def test_messages_that_fill_every_slot_leave_those_of_a_class_above_alone(
    world: StationWorld, receiver: Receiver, drill: bool, slots: int, comes: str
) -> None:
    hang = asyncio.Event()

    async def answer(delivery: Delivery) -> int:
        if delivery.content["data"]["alarm"]["kind"] == "leak":
            await hang.wait()
        return 200

    receiver.answer = answer
    for number in range(4):
        await world.alarm("leak", key=f"{'drill:' if drill else 'home-'}{number}", drill=drill)
    async with asyncio.timeout(10):
        while len(receiver.deliveries) < slots:
            await asyncio.sleep(0.02)
    await world.alarm(comes)
    await until(world, delivered=4)
    assert len(receiver.deliveries) == slots + 4  # and not one more of those that hang
    hang.set()
    await until(world, delivered=20)


async def test_a_receiver_that_answers_too_late_is_told_again(
    world: StationWorld, receiver: Receiver, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.webhook._SEND_S", 0.5)
    late = asyncio.Event()

    async def answer(_: Delivery) -> int:
        await late.wait()
        return 200

    receiver.answer = answer
    await world.alarm()
    await outbox.cycle()
    (row,) = await world.rows("SELECT DISTINCT state, error FROM notification")
    assert (row.state, row.error) == ("pending", "TimeoutError")
    late.set()
    monkeypatch.setattr("alerts.webhook._SEND_S", 30.0)
    await due_again(world)
    await outbox.cycle()
    assert await states(world) == {"delivered": 4}
    assert len(receiver.deliveries) == 8


async def test_what_a_dying_process_had_in_hand_is_sent_by_the_next_one(
    world: StationWorld, receiver: Receiver, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.alarm()

    async def die(*_: object) -> None:
        raise OSError("the process is gone before it could settle")

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_settle", die)
        assert await outbox.cycle() == 4
    assert len(receiver.deliveries) == 4
    assert await states(world) == {"pending": 4}
    assert await outbox.cycle() == 0, "leased to the one that died"
    await due_again(world)
    assert await outbox.cycle() == 4
    assert await states(world) == {"delivered": 4}
    assert len({delivery.id for delivery in receiver.deliveries}) == 4


async def test_two_workers_share_the_messages_and_send_none_twice(
    world: StationWorld, receiver: Receiver, outbox: Outbox
) -> None:
    for number in range(5):
        await world.alarm(key=f"home-{number}")
    webhook = Webhook(receiver.url, SECRET)
    other = Outbox(world.database, [WebhookChannel(webhook)])
    while sum(await asyncio.gather(outbox.cycle(), other.cycle())):
        pass
    await webhook.close()
    assert await states(world) == {"delivered": 20}
    assert len(receiver.deliveries) == len({delivery.id for delivery in receiver.deliveries}) == 20


async def test_only_what_nobody_needs_any_more_expires(world: StationWorld, receiver: Receiver, outbox: Outbox) -> None:
    receiver.answer = lambda _: _status(500)
    sos, leak = await world.alarm(), await world.alarm("leak")
    await world.shift(90_000)
    await due_again(world)
    await outbox.cycle()
    rows = await world.rows("SELECT alarm_id, state FROM notification GROUP BY alarm_id, state")
    assert {(row.alarm_id, row.state) for row in rows} == {(sos, "pending"), (leak, "expired")}
    await world.move("lin", Move.RESOLVE, sos)
    await world.shift(90_000)
    await due_again(world)
    await outbox.cycle()
    assert set(await states(world)) == {"expired"}, "an alarm that is long over wakes nobody months later"


@pytest.mark.usefixtures("running")
async def test_the_worker_outlives_a_lost_database(world: StationWorld) -> None:
    (row,) = await world.rows(
        """SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = 'carebed_engine'"""
    )
    assert row.n >= 1
    await world.alarm()
    await until(world, delivered=4)
    assert outbox_module._LEASE_S > 10, "longer than a send"
