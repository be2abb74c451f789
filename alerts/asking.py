"""Asks providers what became of messages of which nothing was reported: a lost report leaves none without a state.

Reports are pushed to us (`api.provider_callbacks`) and come at once; a provider gives up pushing after some minutes,
and nobody may have set the address. A message is asked for after a while, then after three times as long, and so on,
and no more after `_TIMES`. It has slots and connections of its own, and what it learns goes the way of a report.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from prometheus_client import Counter
from sqlalchemy import Row, text

from alerts.channel import SEND_S, NotTaken, Undeliverable
from alerts.delivery import report
from alerts.provider import Asked, Asker, reference
from alerts.telling import UNANSWERABLE
from carebed.database import OUTAGE, Database
from carebed.logs import get_logger

log = get_logger()

_TICK_S = 5.0
_SLOTS = 8
_TIMES = 6
#: Before the first time. An SMS: before a life-critical one is sent again (`alerts.delivery.UNDELIVERED_S`). A call: it
#: rings for a minute, and Aliyun knows of it three to five minutes after its end.
_FIRST_S = {"sms": 40.0, "voice": 300.0}

ASKED = Counter(
    "carebed_delivery_polls", "Questions to providers what became of a message", ["channel", "outcome"]
)  # fmt: skip

# Leases messages that were handed over a while ago and of which nothing is known, longest waiting first; each is asked
# for again after three times as long. Of the last day only: older ones are nobody's business any more.
_LEASE = text("""
    UPDATE notification SET polls = polls + 1, poll_at = clock_timestamp() + make_interval(
        secs => asked.first_s * 3 ^ (polls + 1))
    FROM (
        SELECT waiting.id, contact_method.address, way.first_s FROM notification AS waiting
        JOIN unnest(CAST(:channels AS text[]), CAST(:first AS float8[])) AS way (channel, first_s)
            ON way.channel = waiting.channel
        JOIN contact_method ON contact_method.id = waiting.contact_method_id
        WHERE state = 'handed_over' AND provider_id IS NOT NULL AND waiting.channel IN ('sms', 'voice')
            AND handed_over_at BETWEEN carebed_now() - interval '1 day'
                AND carebed_now() - make_interval(secs => way.first_s)
            AND polls < :times AND coalesce(poll_at <= clock_timestamp(), true)
        ORDER BY handed_over_at LIMIT :free FOR NO KEY UPDATE OF waiting SKIP LOCKED) AS asked
    WHERE notification.id = asked.id
    RETURNING notification.id, channel, provider_id, kind, alarm_id, handed_over_at, asked.address,
        carebed_now() AS now
""")


class Asking:
    """Of one process. `ways`: the channels that are set up; those whose provider cannot be asked are left out.
    `channels`: the names of all, as in `alerts.delivery.report`."""

    def __init__(self, database: Database, ways: Iterable[object], channels: Sequence[str] = ()) -> None:
        self._database = database
        self._askers = {way.name: way for way in ways if isinstance(way, Asker)}
        self._channels = channels
        for name in self._askers:
            for outcome in ("delivered", "read", "failed", "unknown", "unanswered"):
                ASKED.labels(name, outcome)

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named task for `run_tasks`."""
        return {"asking": self._run()} if self._askers else {}

    async def _run(self) -> None:
        while True:
            try:
                if await self.cycle() == _SLOTS:
                    continue
            except OUTAGE as error:
                log.warning("asking_failed", error=type(error).__name__)
            await asyncio.sleep(_TICK_S)

    async def cycle(self) -> int:
        """Ask for one round of messages at once; how many they were."""
        names = list(self._askers)
        asked = {"channels": names, "first": [_FIRST_S[name] for name in names], "times": _TIMES, "free": _SLOTS}
        async with self._database.transaction() as conn:
            rows = (await conn.execute(_LEASE, asked)).all()
        await asyncio.gather(*(self._ask(row) for row in rows))
        return len(rows)

    async def _ask(self, row: Row[Any]) -> None:
        call = row.alarm_id is not None and row.kind not in UNANSWERABLE
        asked = Asked(row.provider_id, reference(row.id), row.address, call, row.handed_over_at, row.now)
        try:
            async with asyncio.timeout(SEND_S):
                said = await self._askers[row.channel].ask(asked)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with a provider, the next message is asked for
            # Only our own exceptions say more than their name, and no provider's words.
            why = str(error) if isinstance(error, NotTaken | Undeliverable) else type(error).__name__
            ASKED.labels(row.channel, "unanswered").inc()
            log.warning("delivery_not_told", channel=row.channel, notification=str(row.id), error=why)
            return
        ASKED.labels(row.channel, "unknown" if said is None else str(said.state)).inc()
        if said is None:
            return
        async with self._database.transaction() as conn:
            await report(
                conn, said.channel, said.provider_id, said.state, said.at, error=said.error, permanent=said.permanent,
                channels=self._channels,
            )  # fmt: skip
