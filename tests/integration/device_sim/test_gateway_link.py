"""A gateway's line on a real Mosquitto: resends until receipted, survives every crash, repeats its readings."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from killable_broker import Backend, KillableBroker, eventually

from device_sim.backoff import Backoff
from device_sim.gateway_link import Account, GatewayLink, utc_now
from device_sim.outbox import Outbox
from device_sim.shelf import Shelf
from gateway.wire import Command, Lane, Phrase, Status, command_topic, decode, say

GATEWAY = "gw-link"


@pytest.fixture
async def link(killable_broker: KillableBroker) -> AsyncIterator[GatewayLink]:
    """A connected gateway that resends a hundred times faster than a real one."""
    account = Account(killable_broker.host, killable_broker.port, GATEWAY, "")
    link = GatewayLink(
        account, outbox=Outbox(resend_s=(0.05, 0.2)), shelf=Shelf(pause_s=0.1), backoff=Backoff(longest_s=0.2)
    )
    task = asyncio.create_task(link.run())
    await asyncio.wait_for(link.connected.wait(), 10)
    yield link
    task.cancel()
    await asyncio.wait({task})


async def test_an_alarm_is_resent_byte_for_byte_until_it_is_receipted(link: GatewayLink, backend: Backend) -> None:
    answers = {1: None, 2: Status.HOLD, 3: None, 4: Status.ACCEPTED}
    backend.answer = lambda copies: answers.get(copies, Status.DUPLICATE)

    receipt = await asyncio.wait_for(link.alarm("button", link.message("sos", True)), 10)

    assert receipt is not None
    assert receipt.status is Status.ACCEPTED
    assert len(backend.of("alarm")) == 4
    assert len(set(backend.of("alarm"))) == 1
    assert len(link.outbox) == 0


@pytest.mark.usefixtures("backend")
async def test_a_press_while_the_broker_is_dead_arrives_when_it_is_back(
    link: GatewayLink, killable_broker: KillableBroker
) -> None:
    killable_broker.kill()
    await eventually(lambda: not link.connected.is_set())
    pressed = link.alarm("button", link.message("sos", True))
    killable_broker.start()

    receipt = await asyncio.wait_for(pressed, 15)

    assert receipt is not None
    assert receipt.status is Status.ACCEPTED


async def test_readings_are_repeated_after_a_crash_even_though_they_were_acknowledged(
    link: GatewayLink, backend: Backend, killable_broker: KillableBroker
) -> None:
    for _ in range(50):
        link.publish(Lane.READING, "motion", link.message("motion", True))
    await asyncio.wait_for(link.flushed(), 10)
    await eventually(lambda: len(backend.of("reading")) == 50)
    before = backend.of("reading")
    backend.seen.clear()

    killable_broker.kill()
    await eventually(lambda: not link.connected.is_set() and not backend.listening.is_set())
    link.publish(Lane.READING, "motion", last := link.message("motion", True))
    killable_broker.start()

    await eventually(lambda: len(backend.of("reading")) >= 51)
    repeated = backend.of("reading")
    assert repeated[:50] == before
    assert decode(repeated[50]) == [last]
    await asyncio.wait_for(link.flushed(), 10)


async def test_a_power_cut_sends_the_last_will_and_the_gateway_says_when_it_is_back(
    link: GatewayLink, backend: Backend
) -> None:
    await asyncio.wait_for(link.flushed(), 10)
    connections = link.connections
    link.cut()
    await eventually(lambda: backend.of("health", "offline"))
    (will,) = backend.of("health", "offline")
    assert b'"time":null' in will
    backend.seen.clear()

    link.restore()

    await eventually(lambda: backend.of("health", "online"))
    assert link.connections == connections + 1
    link.cut()
    await eventually(lambda: backend.of("health", "offline"))
    assert backend.of("health", "offline") != [will], "a will's id is unique per connection"


async def test_a_gateway_that_is_stopped_on_purpose_leaves_no_last_will(
    killable_broker: KillableBroker, backend: Backend
) -> None:
    link = GatewayLink(Account(killable_broker.host, killable_broker.port, "gw-polite", ""))
    task = asyncio.create_task(link.run())
    await asyncio.wait_for(link.connected.wait(), 10)
    await asyncio.wait_for(link.flushed(), 10)
    task.cancel()
    await asyncio.wait({task})

    other = GatewayLink(Account(killable_broker.host, killable_broker.port, "gw-after", ""))
    task = asyncio.create_task(other.run())
    await eventually(lambda: any(topic.gateway == "gw-after" for topic, _ in backend.seen))
    task.cancel()
    await asyncio.wait({task})

    assert backend.of("health", "offline") == []


@pytest.mark.usefixtures("link")
async def test_a_command_is_answered_with_its_id(backend: Backend) -> None:
    assert backend.client is not None
    command = Command(id="c-19", type="say", data={"phrase": "help_is_coming"})
    await backend.client.publish(command_topic(GATEWAY, "button"), command.encode(), qos=1)

    await eventually(lambda: backend.of("health", "command_result"))

    (answer,) = decode(backend.of("health", "command_result")[0])
    assert answer.id == "c-19"


async def test_a_command_that_comes_again_is_done_once_and_one_that_has_expired_not_at_all(
    link: GatewayLink, backend: Backend
) -> None:
    assert backend.client is not None
    now = utc_now()
    late = say("late", Phrase.HELP_IS_COMING, expires_at=now - timedelta(seconds=1))
    again = say("again", Phrase.HELP_IS_COMING, expires_at=now + timedelta(seconds=60))
    for command in (late, again, again):
        await backend.client.publish(command_topic(GATEWAY, "button"), command.encode(), qos=1)

    await eventually(lambda: len(backend.of("health", "command_result")) == 2)

    first, second = backend.of("health", "command_result")
    assert first == second
    assert link.heard == [("button", again)]


async def test_what_nobody_listened_to_is_kept_and_published_again(
    link: GatewayLink, killable_broker: KillableBroker
) -> None:
    link.publish(Lane.READING, "motion", link.message("motion", True, message_id="unheard"))
    await eventually(lambda: link.shelf.rests)
    assert not link.shelf.empty
    backend = Backend(killable_broker)
    listening = asyncio.create_task(backend.run())
    await asyncio.wait_for(backend.listening.wait(), 10)
    await asyncio.wait_for(link.flushed(), 10)
    await eventually(lambda: any("unheard" in str(one) for one in backend.of("reading")))
    listening.cancel()
    await asyncio.wait({listening})
