"""Handler of the deadline kind `inactivity`: has a home been still for longer than it ever is at this time of day?

Judged by the newest activity that ingest keeps of each home (`home_state`), which costs no look at devices or readings.
Only where that seems too long ago are the home's last readings looked at: who noticed the person last, or whether he
went out. The limits are those of the detector (`ingest.detect.inactivity`), the rhythm what the nights' learning found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.book import LIVE_ONLY
from alerts.raising import Place, Raise, merge_key, raise_alarms
from carebed.database import psycopg_of, text_array
from carebed.deadline import Deadline, end, rearm
from carebed.logs import get_logger
from carebed.turns import in_turns
from ingest.detect.core import Event, Home, evidence
from ingest.detect.inactivity import DETECTOR, NAME, InactivityParameters, due_at, reason, rhythm_in, soonest_due_at
from ingest.detect.rhythm import Rhythm
from ingest.detect.silence import judge_inactivity
from ingest.detect.whereabouts import TYPES, Whereabouts, follow
from ingest.findings import told
from ingest.household import Household, read_households, read_outlines
from ingest.parameters import read_parameters
from ingest.silence import after, pause_of

log = get_logger()

#: Where it is switched off it is looked at this often: it may be switched on.
_SWITCHED_OFF = timedelta(hours=1)
#: Readings of each device, and how long before the newest activity they may be.
_LAST_READINGS = 20
_REACHES_BACK = timedelta(days=1)
_EVIDENCE = 5

_ACTIVITY = """
    SELECT home_id, max(activity_at) FROM home_state WHERE home_id = ANY(%s::uuid[]) GROUP BY home_id
"""

# The last readings of each device that may show somebody's activity.
_LAST = """
    SELECT key.device_id, last.time, last.type, last.value, last.message_id, last.received_at
    FROM unnest(%s::text[], %s::timestamptz[]) AS key (device_id, since)
    CROSS JOIN LATERAL (
        SELECT time, type, value, message_id, received_at FROM reading
        WHERE device_id = key.device_id AND time >= key.since AND time >= %s AND time <= %s AND type = ANY(%s)
        ORDER BY time DESC, message_id DESC LIMIT %s
    ) AS last ORDER BY last.time, last.message_id
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A home, and what its stillness is judged by."""

    row: Deadline
    household: Household
    parameters: InactivityParameters
    rhythm: Rhythm | None
    activity_at: datetime

    @property
    def home(self) -> Home:
        return self.household.home

    def soonest(self, since: datetime) -> datetime:
        """When a stillness that begins then may be too long, whoever notices its beginning."""
        return soonest_due_at(since, self.home, self.rhythm, self.parameters)


class InactivityHandler:
    """One deadline per home, subject its id: raise when it has been still too long, else look again when it may be."""

    def __init__(self, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._channels = channels

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One batch of homes."""
        rows = {UUID(row.subject): row for row in deadlines}
        active = await _read_activity(conn, rows)
        outlines = await read_outlines(conn, active)
        await end(conn, [row for home_id, row in rows.items() if home_id not in outlines])
        parameters = await read_parameters(conn, [DETECTOR], [one.where for one in outlines.values()])
        too_long: dict[UUID, tuple[InactivityParameters, Rhythm | None]] = {}
        moves: list[tuple[Deadline, datetime, dict[str, Any] | None]] = []
        async for home_id, outline in in_turns(outlines.items()):
            row, set_to = rows[home_id], parameters.of(outline.where)[NAME]
            assert isinstance(set_to, InactivityParameters)
            if not set_to.enabled:
                moves.append((row, now + _SWITCHED_OFF, None))
                continue
            rhythm = rhythm_in(outline.home)
            if rhythm is None and NAME in outline.home.learned:
                log.error("rhythm_unreadable", home=row.subject)  # the fixed span holds until the next night
            soonest = soonest_due_at(active[home_id], outline.home, rhythm, set_to)
            if soonest > now and not set_to.pets:
                moves.append((row, soonest, _nobody_waits(row)))
            else:
                too_long[home_id] = set_to, rhythm
        households = await read_households(conn, now, too_long) if too_long else {}
        # Again: what was committed before the watermarks that came with the households must count.
        active |= await _read_activity(conn, households)
        asked = [
            _Asked(rows[home_id], household, *too_long[home_id], active[home_id])
            for home_id, household in households.items()
        ]
        last = await _read_last(conn, now, asked)
        signals: list[Raise] = []
        moves += [_judge(now, one, last.get(one.home.id, []), signals) for one in asked]
        await rearm(conn, moves)
        raised = await raise_alarms(conn, now, signals)
        await book.finish(conn, now, raised.cases.values(), self._channels)


async def _read_activity(conn: AsyncConnection, homes: Iterable[UUID]) -> dict[UUID, datetime]:
    """The newest activity of homes, where there was any."""
    wanted = text_array(map(str, homes))
    raw = await psycopg_of(conn)
    return dict(await (await raw.execute(_ACTIVITY, [wanted])).fetchall())


async def _read_last(conn: AsyncConnection, now: datetime, asked: Iterable[_Asked]) -> dict[UUID, list[Event]]:
    """Of each home the last readings of its devices, in order of time."""
    devices = {device.id: (one, device) for one in asked for device in one.home.devices.values()}
    if not devices:
        return {}
    since = [one.activity_at - _REACHES_BACK for one, _ in devices.values()]
    raw = await psycopg_of(conn)
    rows = await raw.execute(
        _LAST,
        [text_array(devices), text_array(at.isoformat() for at in since), min(since), now, list(TYPES), _LAST_READINGS],
    )
    found: dict[UUID, list[Event]] = {}
    for device_id, at, kind, value, message_id, received_at in await rows.fetchall():
        one, device = devices[device_id]
        if device.was_here(received_at):
            event = Event(at, device, kind, value, message_id=message_id)
            found.setdefault(one.home.id, []).append(event)
    return found


def _judge(
    now: datetime, asked: _Asked, events: Sequence[Event], signals: list[Raise]
) -> tuple[Deadline, datetime, dict[str, Any] | None]:
    """The deadline's next time; what is to be raised is added to `signals`."""
    where, active = _whereabouts(asked, events)
    home, row, parameters, rhythm = asked.home, asked.row, asked.parameters, asked.rhythm
    due, since = due_at(where, home, rhythm, parameters), where.still_since
    if due is None or since is None:  # a home with pets, in which nothing else has been noticed yet
        return row, asked.soonest(now), _nobody_waits(row)
    soonest = asked.soonest(now)
    household = asked.household
    verdict = judge_inactivity(now, since, due - since, household.pipeline, pause_of(row), household.links)
    if not verdict.fire:
        return row, verdict.again_at if verdict.waiting else min(due, soonest), after(row, verdict)
    data = after(row, verdict)
    if _is_news(row, since, now, parameters):
        signals.append(_raise(asked, where, active, now))
        data = after(row, verdict, raised_for=since.isoformat(), raised_at=now.isoformat())
    return row, soonest, data


def _whereabouts(asked: _Asked, events: Sequence[Event]) -> tuple[Whereabouts, list[Event]]:
    """Where the person is by the last readings, and which of them showed activity. When that was, ingest knows better:
    it has seen every reading, and those of the alarm lane as well; but not which of them an animal caused."""
    where, active = Whereabouts(), []
    for event in events:
        if event.at > asked.activity_at:
            break
        followed = follow(where, event, asked.home, pets=asked.parameters.pets)
        if followed.active_at != where.active_at:
            active.append(event)
        where = followed
    if not asked.parameters.pets:
        where = msgspec.structs.replace(where, active_at=asked.activity_at)
    return where, active[-_EVIDENCE:]


def _is_news(row: Deadline, since: datetime, now: datetime, parameters: InactivityParameters) -> bool:
    """One alarm for one stillness, and again after the home's span while it lasts."""
    if row.data.get("raised_for") != since.isoformat():
        return True
    raised_at = datetime.fromisoformat(row.data["raised_at"])
    return now - raised_at >= timedelta(seconds=parameters.fixed_s)


def _raise(asked: _Asked, where: Whereabouts, active: Sequence[Event], now: datetime) -> Raise:
    household, since = asked.household, where.still_since
    assert since is not None  # it was judged
    place = Place(
        household.where.station_id, household.where.area_code, household.home.id, household.sole_resident
    )  # fmt: skip
    seen = told(map(evidence, active), household.home)
    why = {**reason(where, now, household.home, asked.rhythm, asked.parameters), "detector": NAME, "evidence": seen}
    return Raise(NAME, place, merge_key(household.home.id, None, NAME), since, why)


def _nobody_waits(row: Deadline) -> dict[str, Any] | None:
    return {**row.data, "waits": 0} if row.data.get("waits") else None
