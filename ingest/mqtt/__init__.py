"""The MQTT subscriber of the hot path: permanent sessions in, batches out, acknowledged when the caller says so.

    sessions = [Session(host, port, user, password, filters) for user, password, filters in groups]
    async with Intake(sessions, max_batch=4000, linger_ms=20, max_pending=32_000) as intake:
        async for batch in intake:
            await store(batch.messages)     # one transaction; on failure keep the batch and try again
            intake.ack(batch)               # PUBACKs, in the order of arrival
            for receipt in receipts: message.session.publish(topic, payload)

Several batches may be held un-acked at a time (store the next while this one commits). Nothing is ever acknowledged
but by `ack`; what a lost connection had delivered comes again, so the caller needs an idempotency key.

Behind this interface stands the `mqtt5` codec on a small asyncio Protocol, with the figures in
docs/adr/0003-mqtt-subscriber.md; a stable client library could replace it.
"""

from ingest.mqtt.intake import Intake
from ingest.mqtt.message import Batch, Incoming
from ingest.mqtt.session import Session

__all__ = ["Batch", "Incoming", "Intake", "Session"]
