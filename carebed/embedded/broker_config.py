"""The broker's two static files: `mosquitto.conf` and the access list.

The access list never changes while the broker runs: Mosquitto 2.0 fails open when it cannot read a changed one at
SIGHUP. Rights therefore hang on the user name (`%u`), and a gateway is revoked by taking its password away.
`deploy/mosquitto` holds the same texts for docker compose; a test compares them.
"""

from collections.abc import Iterator

GROUPS = "0123456789abcdef"
LANES = ("alarm", "reading")
#: The group of whatever comes under a shard that is none.
STRAY = "stray"
#: Reads what the broker says of itself, and nothing else (`carebed.broker_watch`).
WATCH = "carebed-watch"
#: Writes commands to homes, and reads nothing (`alerts.homeward`).
COMMAND = "carebed-command"

#: The figures that it may read.
BROKER_FIGURES = (
    "$SYS/broker/publish/messages/dropped",
    "$SYS/broker/store/messages/count",
    "$SYS/broker/store/messages/bytes",
    "$SYS/broker/clients/connected",
)

#: User names that no gateway may have: a gateway's id is its user name.
RESERVED_PREFIXES = ("ingest-", "carebed-")

# A payload may be 512 KiB; a larger one must still arrive, so that it lands in quarantine and not in a resend loop.
_MAX_PACKET_BYTES = 2 * 1024 * 1024


def ingest_users() -> list[str]:
    """The users of ingest: for each lane one for each shard group, and one for malformed shards."""
    return [f"ingest-{lane}-{group}" for lane in LANES for group in (*GROUPS, STRAY)]


def own_users() -> list[str]:
    """All users of ours."""
    return [*ingest_users(), WATCH, COMMAND]


def access_list() -> str:
    """Who may read and write what. A gateway stays below its own name; ingest reads its group and writes receipts."""
    return "\n".join([*_gateway_rules(), *_ingest_rules(), *_watch_rules(), *_command_rules()]) + "\n"


def _gateway_rules() -> Iterator[str]:
    yield "# Every user below its own name. The shard is free: ingest raises alarms under a wrong one all the same."
    for lane in ("alarm", "reading", "health"):
        yield f"pattern write carebed/v1/+/%u/{lane}/#"
    for down in ("receipt", "command"):
        yield f"pattern read carebed/v1/+/%u/{down}/+"


def _ingest_rules() -> Iterator[str]:
    for group in GROUPS:
        yield from _rules(f"ingest-alarm-{group}", [f"{shard}/+/alarm/#" for shard in _shards(group)], "alarm", group)
        yield from _rules(f"ingest-reading-{group}", [f"{shard}/#" for shard in _shards(group)], "health", group)
    yield from _stray_rules("alarm", ["alarm"])
    yield from _stray_rules("reading", ["reading", "health"])


def _stray_rules(lane: str, topics: list[str]) -> Iterator[str]:
    """No filter says "not two hex digits", so every well-formed shard is denied: else each message came twice. Not its
    receipts, by which the session learns whether the others are there (`ingest.mqtt.roll_call`). Mosquitto looks at
    denials when a message is published, at the last ones first; those of one topic cost it 0.2 µs."""
    yield from _rules(f"ingest-{lane}-{STRAY}", [f"+/+/{topic}/#" for topic in topics], None, "")
    for topic in reversed(topics):
        for group in GROUPS:
            yield from (f"topic deny carebed/v1/{shard}/+/{topic}/#" for shard in _shards(group))


def _rules(user: str, filters: list[str], sentinel_lane: str | None, group: str) -> Iterator[str]:
    yield ""
    yield f"user {user}"
    for topic_filter in filters:
        yield f"topic read carebed/v1/{topic_filter}"
    yield "topic write carebed/v1/+/+/receipt/+"
    if sentinel_lane is not None:
        yield f"topic write carebed/v1/{group}0/carebed-sentinel/{sentinel_lane}/_"


def _watch_rules() -> Iterator[str]:
    yield ""
    yield f"user {WATCH}"
    for topic in BROKER_FIGURES:
        yield f"topic read {topic}"


def _command_rules() -> Iterator[str]:
    yield ""
    yield f"user {COMMAND}"
    yield "topic write carebed/v1/+/+/command/+"


def _shards(group: str) -> list[str]:
    return [group + second for second in GROUPS]


def configuration(*, listener: str, files: str, store: str, log: str) -> str:
    """`mosquitto.conf`, with limits that lose nothing and the reasons beside them.

    `listener`: port and address; `files` and `store`: the directories of its two lists and of its state, each ending
    in a slash; `log`: the log destination.
    """
    return f"""\
# Made by Carebed (carebed/embedded/broker_config.py): change it there.
listener {listener}
# The client id is the user name, so nobody can take over another's session, ours included.
use_username_as_clientid true

allow_anonymous false
password_file {files}passwords
acl_file {files}acl

# Without it a command or a receipt waits up to 43 ms for the peer's delayed TCP acknowledgement.
set_tcp_nodelay true

# The default of 20 caps a consumer at window / commit time: 2,000 messages/s at 10 ms. Ingest bounds itself by its
# Receive Maximum and by not reading the socket.
max_inflight_messages 10000

# The default of 1,000 drops acknowledged messages of a consumer that is away for seconds. Bounded by memory instead:
# 1 GiB a session is some days of one group's share of a city (16 groups, 500 messages/s of 200 bytes).
max_queued_messages 0
max_queued_bytes 1073741824

# Larger packets end the connection, which is seen; message_size_limit would acknowledge and drop them.
max_packet_size {_MAX_PACKET_BYTES}

# A session that nobody came back to. Longer than any outage that readings should outlive; a cap on what a client asks.
persistent_client_expiration 60d

# Mosquitto keeps messages in memory and writes them out as a whole, during which nothing else moves. So by time: by
# number of changes (autosave_on_changes) a backlog of 200,000 would be written out every few hundred messages. A kill
# -9 with ingest away loses at most the last 5 s of what was acknowledged: alarms are resent until receipted, and
# gateways keep readings for 2 min after the acknowledgement and republish them after each reconnect.
persistence true
persistence_location {store}
autosave_on_changes false
autosave_interval 5

# What the broker says of itself; $SYS/broker/publish/messages/dropped is worth an alarm. Only carebed-watch reads it.
sys_interval 10

log_dest {log}
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%SZ
# One line a connection would fill the disk with a fleet on bad links; who is connected stands in gateway state.
connection_messages false
"""
