"""What is to be seen of ingest from outside: the window of a lane, its sessions' counters, and how far it is behind.

Read when somebody asks (`/metrics`), so that the hot path keeps plain integers and a process that hangs in a batch
shows it.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from carebed.database import OUTAGE, Database
from carebed.logs import get_logger
from ingest.mqtt import Intake
from ingest.mqtt.counters import Counters
from ingest.watermark import read_ages

log = get_logger()

_LOOK_S = 5.0


class IntakeMetrics(Collector):
    """A lane's intake. Without one (`intake` None) it only describes itself."""

    def __init__(self, intake: Intake | None, lane: str) -> None:
        self._intake = intake
        self._lane = lane
        self._counting: list[Counters] = []
        self._gone: dict[str, int] = dict.fromkeys(Counters.meanings(), 0)

    def describe(self) -> Iterator[Metric]:
        """The families without samples: what the registry takes their names from."""
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        """One sample of each."""
        intake = self._intake
        if intake is None:
            return
        sessions = intake.sessions
        values: dict[str, float] = {
            **self._sums([session.counters for session in sessions]),
            "carebed_ingest_oldest_unacked_seconds": intake.oldest_unacked_s,
            "carebed_ingest_pending_messages": intake.pending,
            "carebed_ingest_pending_messages_limit": intake.max_pending,
            "carebed_ingest_pending_bytes": intake.pending_bytes,
            "carebed_ingest_pending_bytes_limit": intake.max_pending_bytes,
            "carebed_mqtt_sessions": len(sessions),
            "carebed_mqtt_sessions_unready": sum(session.unready is not None for session in sessions),
            "carebed_mqtt_sessions_paused": sum(session.paused for session in sessions),
        }
        for family in self._families():
            family.add_metric([self._lane], values[family.name])
            yield family

    def _families(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        for name, meaning in _GAUGES.items():
            yield GaugeMetricFamily(name, meaning, labels=["lane"])
        for counter, meaning in Counters.meanings().items():
            yield CounterMetricFamily(f"carebed_mqtt_{counter}", meaning, labels=["lane"])

    def _sums(self, counting: list[Counters]) -> dict[str, float]:
        """The counters of all sessions there have been: what one that has left had counted stays counted."""
        for counters in self._counting:
            if not any(counters is one for one in counting):
                for name, value in counters.as_dict().items():
                    self._gone[name] += value
        self._counting = counting
        now = [counters.as_dict() for counters in counting]
        return {f"carebed_mqtt_{name}": gone + sum(one[name] for one in now) for name, gone in self._gone.items()}


_GAUGES = {
    "carebed_ingest_oldest_unacked_seconds": "Age of the oldest message received and not yet acknowledged",
    "carebed_ingest_pending_messages": "Messages received and not yet acknowledged: the window",
    "carebed_ingest_pending_messages_limit": "Beyond three quarters of it busy sessions are not read",
    "carebed_ingest_pending_bytes": "Bytes of the pending messages, objects around them included",
    "carebed_ingest_pending_bytes_limit": "Likewise for bytes",
    "carebed_mqtt_sessions": "Sessions that this process serves",
    "carebed_mqtt_sessions_unready": "Of these, not connected and subscribed",
    "carebed_mqtt_sessions_paused": "Of these, not read at the moment because too much is pending",
}


@dataclass(frozen=True, slots=True)
class _Look:
    """Ages in seconds by (lane, group), as of a moment of `time.monotonic()`."""

    ages_s: dict[tuple[str, str], float]
    at_monotonic: float


class WatermarkMetrics(Collector):
    """How far each lane and shard group is behind, by the rows: the same whoever asks, and whether ingest lives or not.

    While the database cannot be asked the ages go on growing, for nothing is committed then.
    """

    def __init__(self, database: Database | None) -> None:
        self._database = database
        self._look = _Look({}, 0.0)

    def describe(self) -> Iterator[Metric]:
        """As above."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """One sample for each lane and group that has ever had a watermark."""
        family = self._family()
        since_s = monotonic() - self._look.at_monotonic
        for (lane, group), age_s in sorted(self._look.ages_s.items()):
            family.add_metric([lane, group], age_s + since_s)
        yield family

    def _family(self) -> GaugeMetricFamily:
        meaning = "Age of the newest committed sentinel: everything published before it is committed"
        return GaugeMetricFamily("carebed_watermark_age_seconds", meaning, labels=["lane", "group"])

    async def run(self) -> None:
        """A named task: look every few seconds."""
        assert self._database is not None
        while True:
            try:
                async with self._database.transaction() as conn:
                    ages_s = await read_ages(conn)
                self._look = _Look(ages_s, monotonic())
            except OUTAGE as error:
                log.warning("watermarks_not_read", error=type(error).__name__)
            await asyncio.sleep(_LOOK_S)
