"""RabbitMQ's rights say the same as Mosquitto's access list, which is the reference."""

import re
from itertools import product

import pytest

from carebed.embedded.broker_config import BROKER_FIGURES, WATCH, access_list, own_users
from carebed.rabbitmq.rights import gateway_rights, own_rights
from gateway.lanes import Lane
from gateway.topics import GROUPS, alarm_filters, command_topic, reading_filters, receipt_topic, stray_filters

LEVELS = (
    ("a7", "00", "7f", "zz", ""),
    ("gw-1", "gw-2", "gw-11", "carebed-sentinel", "GW-1"),
    ("alarm", "reading", "health", "receipt", "command", "other"),
    ("d", "_", "gw-1", ""),
)
TOPICS = [f"carebed/v1/{'/'.join(levels)}" for levels in product(*LEVELS)]
TOPICS += [f"{topic}/more" for topic in TOPICS[::7]]
TOPICS += ["carebed/v1/a7/gw-1/alarm", "carebed/v2/a7/gw-1/alarm/d", "x/carebed/v1/a7/gw-1/alarm/d", "carebed", ""]
USERS = ["ingest-alarm-a", "ingest-alarm-0", "ingest-reading-a", "ingest-reading-7", "ingest-alarm-stray",
         "ingest-reading-stray", "gw-1", "gw-2"]  # fmt: skip


def mosquitto_allows(user: str, access: str, topic: str) -> bool:
    """What Mosquitto's list says of a topic to publish to; RabbitMQ has no counterpart of its denials."""
    section, allowed = None, False
    for line in access_list().splitlines():
        if line.startswith("user "):
            section = line.split()[1]
        kind, *rule = line.split(" ", 2)
        if kind not in ("pattern", "topic") or rule[0] != access or (kind == "topic" and section != user):
            continue
        allowed |= matches(rule[1].replace("%u", user), topic)
    return allowed


def matches(topic_filter: str, topic: str) -> bool:
    """MQTT's rule, with `#` standing for the level above, too."""
    expression = re.escape(topic_filter).replace(r"\+", "[^/]*").replace("/\\#", "(/.*)?")
    return re.fullmatch(expression, topic) is not None


def rabbit_allows(user: str, pattern: str, topic_or_filter: str) -> bool:
    """What RabbitMQ makes of it: variables filled in, the topic translated, the expression searched for."""
    translated = topic_or_filter.replace("/", ".").replace("+", "*")
    return re.search(pattern.replace("{username}", user), translated) is not None


@pytest.mark.parametrize("user", USERS)
def test_everybody_may_publish_what_mosquitto_lets_him(user: str) -> None:
    rights = own_rights().get(user) or gateway_rights(user)
    # Mosquitto's patterns hold for our own users, too; below their names there is nothing.
    topics = [topic for topic in TOPICS if user.startswith("gw-") or f"/{user}/" not in topic]
    allowed = {topic for topic in topics if rabbit_allows(user, rights.topic_write, topic)}
    assert allowed == {topic for topic in topics if mosquitto_allows(user, "write", topic)}
    assert allowed


def test_each_of_our_users_has_rights() -> None:
    assert sorted(own_rights()) == sorted(own_users())


def test_ingest_may_have_the_subscriptions_that_it_asks_for_and_no_other_groups() -> None:
    rights = own_rights()
    for group, other in product(GROUPS, GROUPS):
        for lane, filters_of in (("alarm", alarm_filters), ("reading", reading_filters)):
            pattern = rights[f"ingest-{lane}-{group}"].topic_read
            allowed = [rabbit_allows("", pattern, one) for one in filters_of(other)]
            assert allowed == [group == other] * 16
    for lane in (Lane.ALARM, Lane.READING):
        pattern = rights[f"ingest-{lane}-stray"].topic_read
        assert all(rabbit_allows("", pattern, one) for one in stray_filters(lane))


def test_the_watch_listens_to_the_broker_alone() -> None:
    rights = own_rights()[WATCH]
    assert all(rabbit_allows(WATCH, rights.topic_read, topic) for topic in BROKER_FIGURES)
    assert not [topic for topic in TOPICS if rabbit_allows(WATCH, rights.topic_read, topic)]
    assert not [topic for topic in TOPICS if topic and rabbit_allows(WATCH, rights.topic_write, topic)]


def test_a_gateway_hears_its_own_receipts_and_commands_and_no_filter_says_more() -> None:
    pattern = gateway_rights("gw-1").topic_read
    for topic_of in (receipt_topic, command_topic):
        assert rabbit_allows("gw-1", pattern, topic_of("gw-1", "+"))
        assert rabbit_allows(
            "gw-1", pattern, topic_of("gw-1", "+").replace("/" + topic_of("gw-1", "+").split("/")[2], "/+")
        )
    for wider in (
        "#", "+", "carebed/#", "carebed/v1/#", "carebed/v1/+/+/receipt/+", "carebed/v1/+/gw-2/receipt/+",
        "carebed/v1/+/#", "carebed/v1/#/gw-1/receipt/x", "carebed/v1/+/gw-1/#", "carebed/v1/+/gw-1/alarm/+",
        "carebed/v1/+/gw-1/receipt/#",
        "carebed/v1/*/*/receipt/*", "$share/g/carebed/v1/+/gw-1/receipt/+", "carebed/v1/+/gw-1/receipt/+/more",
    ):  # fmt: skip
        assert not rabbit_allows("gw-1", pattern, wider), wider


def test_a_user_touches_its_own_session_alone() -> None:
    rights = gateway_rights("gw-1")
    for allowed in (rights.configure, rights.write, rights.read):
        assert re.search(allowed, "mqtt-subscription-gw-1qos1")
        for foreign in ("mqtt-subscription-ingest-alarm-0qos1", "mqtt-subscription-gw-11qos1", "amq.direct", "other"):
            assert not re.search(allowed, foreign), foreign
    assert not re.search(rights.configure, "amq.topic")
