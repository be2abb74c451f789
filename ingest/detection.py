"""Detection, live: looks at homes when something woke them or a detector wants to be asked.

One `detect` deadline per home. Its claim is the lock of all that is remembered of the home, so a look is exclusive, and
memory, alarms and the next deadline change in one transaction. A batch of homes is loaded and stored in a few
statements; in between everything is pure (`ingest.detect.fold`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from carebed.deadline import Deadline, end, rearm
from carebed.logs import get_logger
from carebed.turns import in_turns
from ingest.detect.catalogue import folded_detectors
from ingest.detect.core import Detector, Parameters
from ingest.detect.fold import Found, Memory, look, next_due
from ingest.detect.silence import SETTLE, Known, judge_known
from ingest.findings import Verdicts
from ingest.household import Household, read_households
from ingest.memory import Recollection, Shown, recall, remember
from ingest.news import News, read_news
from ingest.parameters import read_parameters

log = get_logger()

FAILED = Counter("carebed_detector_failures", "Times a detector raised an exception", ["detector"])

#: A home is looked at this often at least, so that what waits for nothing is shown, and pages stay small.
_AT_LEAST = timedelta(hours=6)
#: A due time is known to have passed when the next sentinels are through: sooner would be one look more.
_KNOWN_AFTER = timedelta(seconds=2)
#: Waiting to know more of a home: pauses grow from the first to the last.
_WAIT_FIRST, _WAIT_LONGEST = timedelta(seconds=1), SETTLE


class Looked(msgspec.Struct):
    """What came of a look at one home."""

    memory: Memory
    found: list[Found]
    again_at: datetime
    waiting: bool = False


class DetectHandler:
    """Handler of the deadline kind `detect`, whose subjects are homes."""

    def __init__(
        self, channels: Sequence[str] = LIVE_ONLY, detectors: Sequence[Detector[Any, Any]] | None = None
    ) -> None:
        self._channels = channels
        self._detectors = folded_detectors() if detectors is None else tuple(detectors)
        self._types = frozenset(kind for one in self._detectors for kind in one.events)
        for one in self._detectors:
            FAILED.labels(one.name)  # 0 from the start, or the first failure would be no increase

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One batch of homes."""
        rows = {UUID(row.subject): row for row in deadlines}
        homes = await read_households(conn, now, rows)
        await end(conn, [row for home_id, row in rows.items() if home_id not in homes])
        parameters = await read_parameters(conn, self._detectors, [one.where for one in homes.values()])
        known = await recall(conn, homes, self._detectors)
        for home_id in homes.keys() - known.keys():
            known[home_id] = Recollection({}, Shown())
        asked = {home_id: (one.home, known[home_id].shown) for home_id, one in homes.items()}
        news = await read_news(conn, now, asked, self._types)
        verdicts = Verdicts(now)
        changed: dict[UUID, Recollection] = {}
        moves: list[tuple[Deadline, datetime, dict[str, Any] | None]] = []
        async for home_id, household in in_turns(homes.items()):
            row, before, new = rows[home_id], known[home_id], news[home_id]
            looked = self._look(now, row, household, before.memory, new, parameters.of(household.where))
            verdicts.add(household, looked.found)
            if new.events or looked.memory != before.memory:
                changed[home_id] = Recollection(looked.memory, new.shown)
            moves.append((row, looked.again_at, {"waits": _waits(row) + 1} if looked.waiting else {}))
        cases = await verdicts.act(conn)
        await remember(conn, changed)
        await rearm(conn, moves)
        await book.finish(conn, now, cases, self._channels)

    def _look(
        self, now: datetime, row: Deadline, household: Household, memory: Memory, news: News,
        parameters: dict[str, Parameters],
    ) -> Looked:  # fmt: skip
        wait = min(_WAIT_LONGEST, _WAIT_FIRST * 2 ** min(_waits(row), 10))
        known = judge_known(now, household.pipeline, household.links, wait)
        until = known.until
        if until is not None and news.until is not None:
            until = min(until, news.until)

        def failed(detector: str, error: Exception) -> None:
            FAILED.labels(detector).inc()
            log.error("detector_failed", detector=detector, home=row.subject, error=repr(error))

        memory, found = look(self._detectors, parameters, household.home, memory, news.events, until, failed)
        again_at, waiting = _next(now, memory, known, more=news.until is not None)
        return Looked(memory, found, again_at, waiting)


def _next(now: datetime, memory: Memory, known: Known, *, more: bool) -> tuple[datetime, bool]:
    """When to look again, and whether that is because too little is known."""
    if more:
        return now, False
    due_at = next_due(memory)
    if known.until is None:
        return known.again_at, True
    if due_at is not None and due_at <= known.until:
        return now, False
    if due_at is not None and due_at + _KNOWN_AFTER <= now:
        return known.again_at, True
    latest = now + _AT_LEAST
    return latest if due_at is None else min(due_at + _KNOWN_AFTER, latest), False


def _waits(row: Deadline) -> int:
    return int(row.data.get("waits", 0))
