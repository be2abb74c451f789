"""The auditor: looks every minute for open alarms that wait for nothing that will come, and says so inside and outside.

Inside it is one alarm about the platform, which lists what was found and ends by itself. Outside it is silence: each
look that finds the ladder at work calls an address (`CAREBED_DEAD_MAN_URL`) whose owner raises an alarm when the calls
stop. So it is known as well when there is nothing left here that could say it (docs/adr/0020-silence-outside.md).
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.audit import KEY, OVERDUE_S, Found, Trouble, find_troubles
from alerts.book import LIVE_ONLY
from alerts.case import ENGINE
from alerts.raising import Raise, platform_place, raise_alarms
from alerts.remark import remark
from alerts.why import also_found, why_audit, why_audit_over
from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.election import Election
from carebed.logs import get_logger

log = get_logger()

KIND = "audit"

_EVERY_S = 60.0
_LOOK_S = 30.0
_PING_S = 10.0
_PING_CONNECT_S = 3.0
_ELECTION = 7270152

#: While one of these is there, or the audit's own alarm finds nobody, nobody in the house may hear of it: the calls
#: outside stop.
_SILENT = frozenset({Trouble.UNARMED, Trouble.OVERDUE})

FOUND = Gauge("carebed_audit_found", "Open alarms in trouble at the last audit", ["trouble"])
LOOKED = Gauge("carebed_audit_timestamp_seconds", "When the last audit was completed (Unix time)")
PINGS = Counter("carebed_dead_man_pings", "Calls of the dead-man address", ["outcome"])
for _trouble in Trouble:
    FOUND.labels(_trouble)
for _outcome in ("taken", "failed", "withheld"):
    PINGS.labels(_outcome)

_SHORT = text("SELECT set_config('statement_timeout', '20s', true)")

# Loops of the deadline engine (`carebed.engine`) of which none, in any process, has completed a round lately.
_STANDING = text("""
    SELECT process FROM process_heartbeat
    WHERE process = ANY (:loops) AND beat_at < clock_timestamp() - make_interval(secs => :overdue) ORDER BY process
""")
_LOOPS = ["alerts-life-critical", "alerts-ordinary"]
_OPEN = text("SELECT why FROM alarm WHERE merge_key = :key AND closed_at IS NULL")


class Auditor:
    """One of all alerts processes looks, the elected one. `database`: its own, so that it waits for no ladder and no
    ladder for it. `dead_man_url`: None where nobody outside listens; it is as good as a password, and never logged."""

    def __init__(
        self, database: Database, channels: Sequence[str] = LIVE_ONLY, dead_man_url: str | None = None
    ) -> None:
        self._database = database
        self._channels = channels
        self._dead_man_url = dead_man_url
        self._election = Election(database.url, _ELECTION, "audit")
        self._standing: list[str] = []
        """Loops of the engine that stood still at the last look: the next call would wait for them."""

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named tasks for `run_tasks`."""
        return {"audit-election": self._election.run(), "audit": self._run()}

    async def _run(self) -> None:
        """While elected: a look every minute. Whatever goes wrong with it harms nothing else."""
        while True:
            await self._election.won()
            await self.round()
            await asyncio.sleep(_EVERY_S)

    async def round(self) -> bool:
        """A look, and the call outside when all is well with the ladder; True when it was taken or nobody is to be
        called."""
        try:
            async with asyncio.timeout(_LOOK_S):
                found = await self.look()
        except Exception as error:  # noqa: BLE001 - a broken audit must not end the process that escalates; it is silent
            log.error("audit_failed", error=type(error).__name__)
            return False
        if self._standing or any(trouble in _SILENT or one.own for trouble, one in found.items()):
            PINGS.labels("withheld").inc()
            return False
        return await self._ping()

    async def look(self) -> Mapping[Trouble, Found]:
        """Look once, and raise, complete or clear the alarm."""
        async with self._database.transaction() as conn:
            await conn.execute(_SHORT)
            found = await find_troubles(conn)
            asked = {"loops": _LOOPS, "overdue": OVERDUE_S}
            self._standing = list((await conn.execute(_STANDING, asked)).scalars())
            if self._standing:
                log.error("engine_stands_still", loops=self._standing)
            now = await clock_now(conn)
            await self._say(conn, now, {trouble: one for trouble, one in found.items() if one.alarms})
        for trouble in Trouble:
            FOUND.labels(trouble).set(found[trouble].alarms if trouble in found else 0)
        LOOKED.set_to_current_time()
        return found

    async def _say(self, conn: AsyncConnection, now: datetime, found: Mapping[Trouble, Found]) -> None:
        named = {str(trouble): (one.alarms, [str(alarm) for alarm in one.ids]) for trouble, one in found.items()}
        there = (await conn.execute(_OPEN, {"key": KEY})).scalar_one_or_none()
        if found:
            log.error("audit_found", **{trouble: count for trouble, (count, _) in named.items()})
        if there is not None:
            raised = await raise_alarms(conn, now, [], [KEY])
            case = raised.open_cases.get(KEY)
            if case is None:
                return
            if not found:
                if not case.taken:
                    lifecycle.clear(case, now, now, why_audit_over())
            elif more := named.keys() - there.get("found", {}).keys():
                await remark(conn, case, now, ENGINE, also_found(more))
        elif found:
            place = await platform_place(conn)
            if place is None:
                return
            signal = Raise(KIND, place, KEY, now, why_audit(named), counts_again=False)
            raised = await raise_alarms(conn, now, [signal])
        else:
            return
        await book.finish(conn, now, raised.cases.values(), self._channels)

    async def _ping(self) -> bool:
        """Call the address outside, if there is one; what is wrong with it is counted, and nothing more."""
        if self._dead_man_url is None:
            return True
        try:
            timeout = httpx.Timeout(_PING_S, connect=_PING_CONNECT_S)
            async with asyncio.timeout(_PING_S), httpx.AsyncClient(timeout=timeout) as client:
                answer = await client.get(self._dead_man_url)
            taken = answer.is_success
            reason = f"status {answer.status_code}"
        except Exception as error:  # noqa: BLE001 - nothing that an outside address does may harm this process
            taken, reason = False, type(error).__name__
        PINGS.labels("taken" if taken else "failed").inc()
        if not taken:
            log.warning("dead_man_not_reached", error=reason)
        return taken
