"""Who may read and write what on RabbitMQ: the rights of Mosquitto's access list in RabbitMQ's own words.

RabbitMQ translates MQTT topics to AMQP's: `/` becomes `.` (and `.` becomes `/`), `+` becomes `*`. Its patterns are
regular expressions over the translated topic or filter. A subscription is checked once, as the filter that it is, so
a filter must not be able to say more than its pattern: no `#` where a single level is meant.

Beside topics there are resources: a session is a queue named after its client id, and every message goes through the
exchange `amq.topic`. A user may touch its own session's queue alone.
"""

import re
from typing import NamedTuple

from carebed.embedded.broker_config import COMMAND, GROUPS, STRAY, WATCH

EXCHANGE = "amq.topic"

_LEVEL = r"[^.#]*"
_TO_WRITE = r"[^.]*"


class Rights(NamedTuple):
    """Regular expressions: over resource names (`configure`, `write`, `read`) and over topics."""

    configure: str
    write: str
    read: str
    topic_write: str
    topic_read: str


def gateway_rights(gateway: str) -> Rights:
    """A gateway stays below its own name. The shard is free: ingest raises alarms under a wrong one all the same."""
    return _of(
        gateway,
        topic_write=rf"^carebed\.v1\.{_TO_WRITE}\.{{username}}\.(alarm|reading|health)(\..*)?$",
        topic_read=rf"^carebed\.v1\.{_LEVEL}\.{{username}}\.(receipt|command)\.{_LEVEL}$",
    )


def own_rights() -> dict[str, Rights]:
    """Our own users: each of ingest reads its group, writes receipts and its own sentinel.

    A subscription is judged as a whole, so nothing keeps well-formed shards out of the stray users' filters, as
    Mosquitto's denials do: ingest gets those messages twice, and drops the second ones.
    """
    rights: dict[str, Rights] = {}
    for lane, topics in (("alarm", "alarm"), ("reading", "(reading|health)")):
        user = f"ingest-{lane}-{STRAY}"
        rights[user] = _ingest(user, rf"{_LEVEL}\.{_LEVEL}\.{topics}\..*", [])
    # RabbitMQ says nothing under $SYS; whoever listens there is let be, not thrown out every few seconds.
    rights[WATCH] = _of(WATCH, topic_write="^$", topic_read=r"^\$SYS\.broker\.")
    commands = rf"^carebed\.v1\.{_TO_WRITE}\.{_TO_WRITE}\.command\.{_TO_WRITE}$"
    rights[COMMAND] = _of(COMMAND, topic_write=commands, topic_read="^$")
    for group in GROUPS:
        for lane, beneath, sentinel in (("alarm", rf"{_LEVEL}\.alarm\..*", "alarm"), ("reading", ".*", "health")):
            user = f"ingest-{lane}-{group}"
            sentinels = [rf"{group}0\.carebed-sentinel\.{sentinel}\._"]
            rights[user] = _ingest(user, rf"{group}[0-9a-f]\.{beneath}", sentinels)
    return rights


def _ingest(user: str, reads: str, sentinels: list[str]) -> Rights:
    writes = "|".join([rf"{_TO_WRITE}\.{_TO_WRITE}\.receipt\.{_TO_WRITE}", *sentinels])
    return _of(user, topic_write=rf"^carebed\.v1\.({writes})$", topic_read=rf"^carebed\.v1\.{reads}$")


def _of(user: str, *, topic_write: str, topic_read: str) -> Rights:
    """With the resources that MQTT needs for a session of `user`: its queue, and one more for a delayed last will."""
    own = rf"mqtt-(subscription-{re.escape(user)}qos[01]|will-{re.escape(user)})"
    exchange = re.escape(EXCHANGE)
    return Rights(f"^{own}$", rf"^({own}|{exchange}|amq\.default)$", f"^({own}|{exchange})$", topic_write, topic_read)
