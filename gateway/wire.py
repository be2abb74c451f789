"""The wire contract in one import: topics, payloads, receipts, commands, lanes, limits (text: docs/protocol.md)."""

from gateway.command import Command, CommandType, Phrase, decode_command, say
from gateway.lanes import CANCELS, RAISED_WITHOUT_TIME, TYPES, AlarmType, HealthType, Lane, ReadingType
from gateway.message import Bad, Message, digest, encode
from gateway.payload import decode
from gateway.reason import Reason
from gateway.receipt import FINAL_STATUSES, Receipt, Status, decode_receipt
from gateway.time_rule import judge_time
from gateway.topics import (
    GATEWAY_ITSELF,
    GROUPS,
    PREFIX,
    SENTINEL_GATEWAY,
    BadTopic,
    Topic,
    alarm_filters,
    command_topic,
    group_of,
    is_device_id,
    is_gateway_id,
    parse_topic,
    reading_filters,
    receipt_topic,
    sentinel_topic,
    shard_of,
    stray_filters,
    up_topic,
)

__all__ = [
    "CANCELS",
    "FINAL_STATUSES",
    "GATEWAY_ITSELF",
    "GROUPS",
    "PREFIX",
    "RAISED_WITHOUT_TIME",
    "SENTINEL_GATEWAY",
    "TYPES",
    "AlarmType",
    "Bad",
    "BadTopic",
    "Command",
    "CommandType",
    "HealthType",
    "Lane",
    "Message",
    "Phrase",
    "ReadingType",
    "Reason",
    "Receipt",
    "Status",
    "Topic",
    "alarm_filters",
    "command_topic",
    "decode",
    "decode_command",
    "decode_receipt",
    "digest",
    "encode",
    "group_of",
    "is_device_id",
    "is_gateway_id",
    "judge_time",
    "parse_topic",
    "reading_filters",
    "receipt_topic",
    "say",
    "sentinel_topic",
    "shard_of",
    "stray_filters",
    "up_topic",
]
