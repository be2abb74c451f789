"""What came of a batch: counted, remembered and answered only after its transaction has committed."""

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from prometheus_client import Counter, Gauge

from ingest.quarantine import QUARANTINED, Rejected

STORED = Counter("carebed_readings_stored", "Readings stored")
DUPLICATES = Counter("carebed_readings_duplicate", "Readings that had been stored before")
STORED_AT = Gauge("carebed_readings_stored_timestamp_seconds", "When readings were last stored (Unix time)")


class Answer(Protocol):
    """What a lane wants sent after the commit."""

    def send(self) -> None:
        """Send it; a device that does not get it asks again."""


class Outcome(msgspec.Struct, eq=False):
    """One transaction's share. A transaction that is tried again begins a new one, so nothing counts twice."""

    answers: list[Answer] = msgspec.field(default_factory=list)
    """In the order in which they are sent."""
    stored: int = 0
    duplicates: int = 0
    """Readings, and how many of the batch had been stored before."""
    rejected: Sequence[Rejected] = ()
    """What was put aside."""
    remember: list[Callable[[], None]] = msgspec.field(default_factory=list)
    """What memory may rely on once the rows are there."""

    def committed(self) -> None:
        """Call once, after the commit: counts, and lets memory follow."""
        if self.stored:
            STORED.inc(self.stored)
            STORED_AT.set_to_current_time()
        DUPLICATES.inc(self.duplicates)
        for (lane, reason), count in Tally((str(one.lane), str(one.reason)) for one in self.rejected).items():
            QUARANTINED.labels(lane, reason).inc(count)
        for each in self.remember:
            each()
