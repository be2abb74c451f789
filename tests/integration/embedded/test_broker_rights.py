"""What a stolen gateway password is worth: that gateway's own three lanes, and nothing else."""

import aiomqtt
import pytest
from broker_clients import connected, hashes, is_cut_off, next_message, tries_to_publish

from carebed.embedded.broker import EmbeddedBroker
from gateway.wire import Lane, stray_filters


async def test_a_gateway_cannot_publish_under_anothers_name(broker: EmbeddedBroker) -> None:
    async with connected(broker, "ingest-reading-a") as ingest, connected(broker, "gw-1") as first:
        await ingest.subscribe("carebed/v1/a7/#", qos=1)
        await tries_to_publish(broker, "gw-2", "carebed/v1/a7/gw-1/reading/d")
        await first.publish("carebed/v1/a7/gw-1/reading/d", b"genuine", qos=1)
        assert await next_message(ingest) == ("carebed/v1/a7/gw-1/reading/d", b"genuine")


async def test_nobody_but_ingest_writes_receipts_to_a_gateway(broker: EmbeddedBroker) -> None:
    async with connected(broker, "ingest-alarm-a") as ingest, connected(broker, "gw-1") as first:
        await first.subscribe("carebed/v1/+/gw-1/receipt/+", qos=1)
        await first.subscribe("carebed/v1/+/gw-1/command/+", qos=1)
        for down in ("receipt", "command"):
            await tries_to_publish(broker, "gw-2", f"carebed/v1/a7/gw-1/{down}/d")
        await tries_to_publish(broker, "ingest-alarm-b", "carebed/v1/a7/gw-1/command/d")
        await ingest.publish("carebed/v1/a7/gw-1/receipt/d", b"genuine", qos=1)
        assert (await next_message(first))[1] == b"genuine"


async def test_commands_come_from_one_user_that_can_do_nothing_else(broker: EmbeddedBroker) -> None:
    async with connected(broker, "gw-1") as first:
        await first.subscribe("carebed/v1/+/gw-1/command/+", qos=1)
        await first.subscribe("carebed/v1/+/gw-1/receipt/+", qos=1)
        await tries_to_publish(broker, "carebed-command", "carebed/v1/a7/gw-1/receipt/d")
        async with connected(broker, "carebed-command") as ours:
            await ours.subscribe("#", qos=1)
            await ours.publish("carebed/v1/a7/gw-1/command/d", b"genuine", qos=1)
            assert await next_message(first) == ("carebed/v1/a7/gw-1/command/d", b"genuine")
            await first.publish("carebed/v1/a7/gw-1/alarm/d", b"private", qos=1)
            assert len(ours.messages) == 0


async def test_a_gateway_hears_its_own_receipts_and_nobody_elses(broker: EmbeddedBroker) -> None:
    async with connected(broker, "ingest-alarm-a") as ingest, connected(broker, "gw-2") as second:
        await second.subscribe("#", qos=1)
        await second.subscribe("carebed/v1/+/gw-1/receipt/+", qos=1)
        await second.subscribe("carebed/v1/+/gw-2/receipt/+", qos=1)
        await ingest.publish("carebed/v1/a7/gw-1/receipt/d", b"not yours", qos=1)
        await ingest.publish("carebed/v1/a7/gw-2/receipt/d", b"yours", qos=1)
        assert (await next_message(second))[1] == b"yours"


async def test_a_gateway_reads_no_alarms_not_even_its_own(broker: EmbeddedBroker) -> None:
    async with connected(broker, "ingest-alarm-a") as ingest, connected(broker, "gw-2") as second:
        await second.subscribe("carebed/v1/#", qos=1)
        await ingest.subscribe("carebed/v1/a7/+/alarm/#", qos=1)
        await second.publish("carebed/v1/a7/gw-2/alarm/d", b"help", qos=1)
        assert await next_message(ingest) == ("carebed/v1/a7/gw-2/alarm/d", b"help")
        await ingest.publish("carebed/v1/a7/gw-2/receipt/d", b"accepted", qos=1)
        assert (await next_message(second))[1] == b"accepted"


@pytest.mark.parametrize("claimed", ["gw-1", "ingest-alarm-0"])
async def test_nobody_takes_over_a_session_by_claiming_its_client_id(broker: EmbeddedBroker, claimed: str) -> None:
    mine = "carebed/v1/a7/gw-1/receipt/d" if claimed == "gw-1" else "carebed/v1/0a/gw-1/alarm/d"
    async with connected(broker, claimed, keep_session=True) as owner:
        await owner.subscribe(mine, qos=1)
        async with connected(broker, "gw-2", client_id=claimed) as thief:
            await thief.subscribe(mine, qos=1)
            # The owner is still connected, and it alone hears what is meant for it.
            sender = "ingest-alarm-a" if claimed == "gw-1" else "gw-1"
            async with connected(broker, sender, client_id="any") as other:
                await other.publish(mine, b"for the owner", qos=1)
            assert (await next_message(owner))[1] == b"for the owner"
            assert len(thief.messages) == 0
    # Nor has the thief's clean start thrown the owner's permanent session away.
    async with connected(broker, "gw-3", client_id=claimed):
        pass
    async with connected(broker, "ingest-alarm-a" if claimed == "gw-1" else "gw-1") as other:
        await other.publish(mine, b"while away", qos=1)
    async with connected(broker, claimed, keep_session=True) as owner:
        assert (await next_message(owner))[1] == b"while away"


async def test_wrong_password_and_nobody_are_turned_away(broker: EmbeddedBroker) -> None:
    for user, password in (("gw-1", "guess"), ("gw-9", "guess"), (None, None)):
        with pytest.raises(aiomqtt.MqttError, match=r"Not authorized|Bad user name"):
            async with aiomqtt.Client("127.0.0.1", broker.port, username=user, password=password, timeout=5):
                pass


async def test_a_revoked_gateway_is_disconnected_and_the_others_stay(broker: EmbeddedBroker) -> None:
    async with connected(broker, "gw-1") as stays:
        async with connected(broker, "gw-2") as revoked:
            broker.set_gateways(row for row in hashes() if row[0] != "gw-2")
            await is_cut_off(revoked)
        await stays.publish("carebed/v1/a7/gw-1/reading/d", b"still here", qos=1)
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        async with connected(broker, "gw-2"):
            pass


async def test_each_ingest_user_reads_its_own_group_only(broker: EmbeddedBroker) -> None:
    async with connected(broker, "ingest-alarm-b") as other_group:
        await other_group.subscribe("carebed/v1/+/+/alarm/#", qos=1)
        async with connected(broker, "gw-1") as gateway:
            await gateway.publish("carebed/v1/a7/gw-1/alarm/d", b"group a", qos=1)
            await gateway.publish("carebed/v1/b7/gw-1/alarm/d", b"group b", qos=1)
        assert (await next_message(other_group))[1] == b"group b"


@pytest.mark.parametrize(("user", "lanes"), [("alarm", ("alarm",)), ("reading", ("reading", "health"))])
async def test_what_comes_under_no_shard_is_read_by_somebody_and_nothing_is_read_twice(
    broker: EmbeddedBroker, user: str, lanes: tuple[str, ...]
) -> None:
    """The stray users' filters match every shard; the broker keeps the well-formed ones out."""
    async with connected(broker, f"ingest-{user}-stray") as stray, connected(broker, "gw-1") as gateway:
        for topic_filter in stray_filters(Lane(user)):
            await stray.subscribe(topic_filter, qos=1)
        for lane in lanes:
            for shard in ("00", "a7", "ff"):
                await gateway.publish(f"carebed/v1/{shard}/gw-1/{lane}/d", b"somebody else's", qos=1)
            for shard in ("zz", "A7", "a", "a7b", ""):
                await gateway.publish(f"carebed/v1/{shard}/gw-1/{lane}/d", f"{shard} {lane}".encode(), qos=1)
        expected = [f"{shard} {lane}".encode() for lane in lanes for shard in ("zz", "A7", "a", "a7b", "")]
        assert [(await next_message(stray))[1] for _ in expected] == expected


async def test_ingest_may_write_receipts_and_its_own_sentinel(broker: EmbeddedBroker) -> None:
    async with connected(broker, "ingest-alarm-a") as alarm, connected(broker, "ingest-reading-a") as reading:
        await alarm.subscribe("carebed/v1/a0/+/alarm/#", qos=1)
        await reading.subscribe("carebed/v1/a0/#", qos=1)
        await alarm.publish("carebed/v1/a0/carebed-sentinel/alarm/_", b"1", qos=1)
        await reading.publish("carebed/v1/a0/carebed-sentinel/health/_", b"2", qos=1)
        assert (await next_message(alarm))[1] == b"1"
        assert {(await next_message(reading))[1] for _ in range(2)} == {b"1", b"2"}
