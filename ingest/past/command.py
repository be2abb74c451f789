"""The work behind `carebed replay`: home by home, so that an area with months of data fits in memory. Only reads."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.errors import CarebedError
from ingest.detect.catalogue import detectors as all_detectors
from ingest.detect.core import Detector, Parameters
from ingest.household import Household, read_households
from ingest.parameters import read_parameters
from ingest.past.comparison import WasRaised, compare
from ingest.past.events import messages_of, raised_in
from ingest.past.report import Report, Tally
from ingest.past.rules import Rules, overlaid, read_rules
from ingest.past.trial import Trial, Walk, Would
from registry.area import scope_of

#: Homes whose registry, parameters and alarms are read at a time.
_HOMES = 50
_DAY = timedelta(days=1)

_ONLY_READ = text("SET TRANSACTION READ ONLY")

# The homes of a branch, and the one that was asked for. No scope is every home.
_WANTED = text("""
    SELECT home.id, area.time_zone FROM home JOIN area ON area.code = home.area_code
    WHERE home.area_code ^@ :scope AND (CAST(:home AS uuid) IS NULL OR home.id = CAST(:home AS uuid))
    ORDER BY home.area_code, home.id
""")

_ZONE = text("SELECT time_zone FROM area WHERE code ^@ :scope ORDER BY code LIMIT 1")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. `since`, `until`: as they were typed; `until` None is now."""

    since: str
    until: str | None
    home: UUID | None
    area: str | None
    warm_up_days: int
    rules: Path | None
    everything: bool
    as_json: bool


async def replay_past(
    url: str, wanted: Wanted, detectors: Sequence[Detector[Any, Any]] | None = None
) -> AsyncIterator[str]:
    """Lines to print, as soon as they are known. `detectors`: all there are."""
    chosen = all_detectors() if detectors is None else tuple(detectors)
    rules = None if wanted.rules is None else read_rules(wanted.rules, chosen)
    database = Database(url, application="carebed-replay", pool_size=1)
    try:
        async for line in _Past(database, wanted, chosen, rules).lines():
            yield line
    finally:
        await database.close()


class _Past:
    def __init__(
        self, database: Database, wanted: Wanted, detectors: Sequence[Detector[Any, Any]], rules: Rules | None
    ) -> None:
        self._database = database
        self._wanted = wanted
        self._detectors = detectors
        self._rules = rules
        self._types = sorted({kind for one in detectors for kind in one.events})
        self._tally = Tally()

    async def lines(self) -> AsyncIterator[str]:
        async with self._database.transaction() as conn:
            await conn.execute(_ONLY_READ)
            homes, report = await self._begin(conn)
        for line in report.head():
            yield line
        for first in range(0, len(homes), _HOMES):
            async for line in self._some(homes[first : first + _HOMES], report):
                yield line
        for line in report.foot(self._tally):
            yield line

    async def _begin(self, conn: AsyncConnection) -> tuple[list[UUID], Report]:
        wanted = self._wanted
        scope = "" if wanted.area is None else _scope(wanted.area)
        rows = (await conn.execute(_WANTED, {"scope": scope, "home": wanted.home})).all()
        if not rows:
            raise CarebedError(
                f"There is no home {wanted.home}." if wanted.home else "There are no homes in that area."
            )
        zone = rows[0].time_zone if wanted.home else (await conn.execute(_ZONE, {"scope": scope})).scalar_one()
        now = await clock_now(conn)
        since = parse_moment(wanted.since, ZoneInfo(zone))
        until = now if wanted.until is None else min(now, parse_moment(wanted.until, ZoneInfo(zone)))
        if since >= until:
            raise CarebedError("--from must be before --to, and in the past.")
        began_at = since - wanted.warm_up_days * _DAY
        report = Report(
            ZoneInfo(zone), began_at, since, until, self._rules, as_json=wanted.as_json, everything=wanted.everything
        )
        return [row.id for row in rows], report

    async def _some(self, homes: Sequence[UUID], report: Report) -> AsyncIterator[str]:
        async with self._database.transaction() as conn:
            await conn.execute(_ONLY_READ)
            households = await read_households(conn, report.began_at, homes)
            parameters = await read_parameters(conn, self._detectors, [one.where for one in households.values()])
            names = [str(one.name) for one in self._detectors]
            raised = await raised_in(conn, homes, names, report.since, report.until)
        for home_id in homes:
            household = households.get(home_id)
            if household is not None:
                for line in await self._one(household, parameters.of(household.where), raised.get(home_id, []), report):
                    yield line

    async def _one(
        self, household: Household, now: Mapping[str, Parameters], raised: Sequence[WasRaised], report: Report
    ) -> list[str]:
        self._tally.homes += 1
        trial = Trial(self._detectors, now, household)
        other = None if self._rules is None else self._ruled(household, now)
        walk = Walk([one for one in (trial, other) if one is not None], household, report.began_at)
        async with self._database.transaction() as conn:
            await conn.execute(_ONLY_READ)
            async for event in messages_of(conn, household.home, self._types, report.began_at, report.until):
                walk.show(event)
        watermark = household.pipeline.watermark
        walk.end(report.until if watermark is None else min(report.until, watermark))
        found = [one for one in trial.found if one.at >= report.since]
        ruled = None if self._rules is None else found if other is None else _with(found, other, report.since)
        self._tally.failures.update(trial.failures)
        self._tally.failures.update({} if other is None else other.failures)
        return list(self._told(household, compare(raised, found, ruled), report))

    def _told(self, household: Household, compared: Sequence[Any], report: Report) -> Iterator[str]:
        for one in compared:
            self._tally.add(one)
            yield from report.line(household.home.id, one)

    def _ruled(self, household: Household, now: Mapping[str, Parameters]) -> Trial | None:
        """The detectors that the rules change; None where that is none."""
        ruled = dict(now)
        try:
            for name, values in (self._rules or {}).items():
                ruled[name] = overlaid(now[name], values)
        except ValueError as error:
            self._tally.unfit[household.home.id] = str(error)
            return None
        changed = [one for one in self._detectors if ruled[one.name] != now[one.name]]
        return Trial(changed, ruled, household) if changed else None


def _with(found: Sequence[Would], other: Trial, since: datetime) -> list[Would]:
    """What the changed detectors find, and what the others found."""
    kept = [one for one in found if one.detector not in other.names]
    return sorted(kept + [one for one in other.found if one.at >= since], key=lambda one: one.at)


def _scope(area: str) -> str:
    try:
        return scope_of(area)
    except ValueError as error:
        raise CarebedError(f"{error}.") from None


def parse_moment(written: str, zone: ZoneInfo) -> datetime:
    """RFC 3339, or local time in the district's zone: `2026-11-22`, `2026-11-22T07:30`. `CarebedError` otherwise."""
    try:
        moment = datetime.fromisoformat(written)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    except ValueError:
        raise CarebedError(
            f"{written!r} is no time: write 2026-11-22, 2026-11-22T07:30 (in {zone.key}), or 2026-11-22T07:30:00Z."
        ) from None
