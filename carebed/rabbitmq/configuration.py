"""`rabbitmq.conf` and `enabled_plugins`: limits that lose nothing, with the reasons beside them.

`deploy/rabbitmq` holds the same texts for a broker of its own; a test compares them.
"""

ENABLED_PLUGINS = "[rabbitmq_auth_backend_http,rabbitmq_management,rabbitmq_mqtt,rabbitmq_prometheus].\n"

#: Longest session, in seconds. Ingest asks for just this; RabbitMQ counts milliseconds in 32 bits: at most 49 days.
SESSION_EXPIRY_S = 30 * 86_400

#: The user that the doorkeeper manages the others with.
KEEPER = "carebed-doorkeeper"

#: A policy, set by the doorkeeper: RabbitMQ throws a message away that was delivered 20 times and not acknowledged.
POLICY = {"pattern": "^mqtt-subscription-", "apply-to": "quorum_queues", "definition": {"delivery-limit": -1}}


def configuration(*, listener: str, management: str, metrics: str, doorkeeper: str, log: str) -> str:
    """`rabbitmq.conf`. `listener`, `management` and `metrics`: address and port; `doorkeeper`: its address and port as
    the broker reaches it; `log`: lines that say where the log goes."""
    management_ip, management_port = management.rsplit(":", 1)
    metrics_ip, metrics_port = metrics.rsplit(":", 1)
    return f"""\
# Made by Carebed (carebed/rabbitmq/configuration.py): change it there.
mqtt.listeners.tcp.1 = {listener}
# No AMQP: its clients would pass by the check of the client id.
listeners.tcp = none
mqtt.allow_anonymous = false
anonymous_login_user = none

# Passwords of our own users are RabbitMQ's; a gateway's are checked by the doorkeeper, which has them from the database
# and lets nobody in whose client id is not the user name. Otherwise every gateway could take over ingest's sessions.
auth_backends.1 = internal
auth_backends.2.authn = http
auth_backends.2.authz = internal
auth_http.http_method = post
auth_http.user_path = http://{doorkeeper}/rabbitmq/user

# A session's queue is a replicated log (of one copy on one machine): written and synced before the PUBACK, so that
# neither a kill nor a power cut loses what was acknowledged. Choose before the first start; sessions keep their kind.
# Gateways connect without a permanent session and get a light queue of their own.
mqtt.durable_queue_type = quorum

# The default of a day throws the backlog away after a day without ingest, whatever the session asked for.
mqtt.max_session_expiry_interval_seconds = {SESSION_EXPIRY_S}

# The default of 10 caps ingest at 10 messages for each commit: the broker takes the smaller of this and the client's
# Receive Maximum. Ingest bounds itself.
mqtt.prefetch = 10000

# Larger packets end the connection, which is seen. A payload may be 512 KiB; a larger one must still arrive, so that
# it lands in quarantine and not in a resend loop.
mqtt.max_packet_size_authenticated = 2097152
max_message_size = 2097152

# Receipts do not wait for a delayed TCP acknowledgement; many gateways come back at once.
mqtt.tcp_listen_options.nodelay = true
mqtt.tcp_listen_options.backlog = 4096

# Beyond either limit the broker takes nothing from anybody who publishes, ingest's acknowledgements included, until a
# person makes room: watch both well before. The defaults are 60 % of memory and a mere 50 MB of disk.
vm_memory_high_watermark.relative = 0.6
disk_free_limit.absolute = 2GB

# Users, rights and forced disconnects. Figures of 100,000 connections would cost more than the connections.
management.tcp.ip = {management_ip}
management.tcp.port = {management_port}
management_agent.disable_metrics_collector = true
prometheus.tcp.ip = {metrics_ip}
prometheus.tcp.port = {metrics_port}

# One line a connection would fill the disk with a fleet on bad links; who is connected stands in gateway state.
log.connection.level = error
{log}"""


def keeper_login(password: str) -> str:
    """Two more lines, for a file that nobody else reads: the user that a new broker begins with."""
    return f"default_user = {KEEPER}\ndefault_pass = {password}\n"
