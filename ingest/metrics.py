"""The subscriber's counters as Prometheus metrics."""

import asyncio

from prometheus_client import Gauge

from ingest.mqtt import Intake

_COUNTERS = Gauge("carebed_mqtt", "Counters of the MQTT sessions, summed", ["lane", "counter"])
_PENDING = Gauge("carebed_mqtt_pending", "Messages received and not yet acknowledged", ["lane"])


async def watch_intake(intake: Intake, lane: str) -> None:
    """A named task: copy the counters once a second, off the hot path."""
    while True:
        sums: dict[str, int] = {}
        for session in intake.sessions:
            for name, value in session.counters.as_dict().items():
                sums[name] = sums.get(name, 0) + value
        for name, value in sums.items():
            _COUNTERS.labels(lane, name).set(value)
        _PENDING.labels(lane).set(intake.pending)
        await asyncio.sleep(1.0)
