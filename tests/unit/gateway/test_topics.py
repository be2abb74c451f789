"""Topics: where a message came from, and what can still be said of a topic that breaks the contract."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.topics import (
    GROUPS,
    BadTopic,
    Topic,
    alarm_filters,
    group_of,
    is_gateway_id,
    parse_topic,
    reading_filters,
    receipt_topic,
    sentinel_topic,
    shard_of,
    up_topic,
)
from gateway.wire import Lane, Reason

gateway_ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
device_ids = st.from_regex(r"[A-Za-z0-9_:.-]{1,64}", fullmatch=True)


def test_the_shard_is_the_first_byte_of_sha256_of_the_gateway_id() -> None:
    assert shard_of("gw-0001") == sha256(b"gw-0001").hexdigest()[:2]
    assert group_of("a7") == "a"


@given(gateway_ids, st.sampled_from(Lane), device_ids)
def test_every_topic_that_a_gateway_may_write_reads_back(gateway: str, lane: Lane, device: str) -> None:
    text = up_topic(gateway, lane, device)
    topic = parse_topic(text)
    assert isinstance(topic, Topic)
    assert (topic.gateway, topic.lane, topic.device, str(topic)) == (gateway, lane, device, text)
    assert topic.receipt == receipt_topic(gateway, device)


def test_a_wrong_shard_leaves_the_topic_readable_so_that_its_alarm_can_be_raised() -> None:
    wrong = "00" if shard_of("gw-0001") != "00" else "01"
    for shard in (wrong, "zz", "", "A7", "0123"):
        bad = parse_topic(f"carebed/v1/{shard}/gw-0001/alarm/h0001-button")
        assert isinstance(bad, BadTopic)
        assert bad.reason is Reason.WRONG_SHARD
        assert bad.topic == Topic(shard, "gw-0001", Lane.ALARM, "h0001-button")
        assert bad.receipt == f"carebed/v1/{shard}/gw-0001/receipt/h0001-button"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "carebed/v1",
        "carebed/v2/a7/gw/alarm/_",
        "other/v1/a7/gw/alarm/_",
        "carebed/v1/a7/gw/alarm",
        "carebed/v1/a7/gw/alarm/a/b",
        "carebed/v1/a7/gw/alarm/",
        "carebed/v1/a7/gw/alarm/按钮",
        "carebed/v1/a7/gw/alarms/_",
        "carebed/v1/a7/g w/alarm/_",
        "carebed/v1/a7//alarm/_",
        "carebed/v1/a7/" + "g" * 65 + "/alarm/_",
        "carebed/v1/a7/gw/alarm/" + "d" * 65,
        "carebed/v1/a7/gw\n/alarm/_",
        "/carebed/v1/a7/gw/alarm/_",
    ],
)
def test_a_malformed_topic_is_named_as_such(text: str) -> None:
    bad = parse_topic(text)
    assert isinstance(bad, BadTopic)
    assert bad.reason is Reason.MALFORMED_TOPIC
    assert bad.topic is None


def test_a_malformed_device_still_says_which_gateway_and_lane_and_where_to_answer() -> None:
    bad = parse_topic("carebed/v1/a7/gw-0001/alarm/a b")
    assert isinstance(bad, BadTopic)
    assert (bad.gateway, bad.lane, bad.receipt) == ("gw-0001", Lane.ALARM, "carebed/v1/a7/gw-0001/receipt/a b")


@given(st.text())
def test_no_topic_makes_the_reader_raise(text: str) -> None:
    assert isinstance(parse_topic(text), Topic | BadTopic)


@given(st.lists(st.sampled_from(["carebed", "v1", "a7", "gw", "alarm", "_", "", "ü", "+", "#"]), max_size=8))
def test_no_nearly_right_topic_makes_the_reader_raise(levels: list[str]) -> None:
    assert isinstance(parse_topic("/".join(levels)), Topic | BadTopic)


def test_ids_of_our_own_users_are_reserved() -> None:
    assert is_gateway_id("gw-0001")
    assert not is_gateway_id("ingest-alarm-0")
    assert not is_gateway_id("carebed-sentinel")
    assert not is_gateway_id("a/b")


def test_sixteen_groups_of_sixteen_filters_cover_every_shard_once() -> None:
    for filters in (alarm_filters, reading_filters):
        shards = [text.split("/")[2] for group in GROUPS for text in filters(group)]
        assert sorted(shards) == [f"{number:02x}" for number in range(256)]


def test_sentinels_of_every_group_travel_on_a_shard_of_that_group() -> None:
    for group in GROUPS:
        topic = parse_topic(sentinel_topic(group, Lane.HEALTH))
        assert isinstance(topic, Topic)
        assert topic.group == group


def test_the_cache_of_topics_is_bounded() -> None:
    assert parse_topic.cache_info().maxsize
    assert shard_of.cache_info().maxsize
