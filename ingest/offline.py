"""Deadline handler for devices: silent for longer than they may, or never heard of since they were paired.

A silent gateway stands for all devices behind it: one alarm, not ten. What is heard of again clears its alarm. Run by
`carebed alerts`; the judgement is `ingest.detect.silence`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.book import LIVE_ONLY
from alerts.raising import Place, Raise, raise_alarms
from carebed.clock import waited_s
from carebed.deadline import Deadline, end, rearm
from ingest.detect.silence import Link, Pipeline, Verdict, judge_never_heard, judge_offline, may_be_silent
from ingest.detect.silence_words import why_heard_again, why_never_heard, why_silent
from ingest.silence import after, pause_of
from registry.area import zone_of
from registry.home import FIRST_SIGN_S, REPORTING_S

#: After a shift of the clock the devices of a demo need a moment to beat by it; in production it is never shifted.
_SHIFT_SETTLES = timedelta(seconds=5)
#: A silent device is a work order; it is raised again once a day while it stays silent.
_AGAIN = timedelta(days=1)
#: A silent device is looked at so often at least, so that its alarm clears soon after it is back.
_LOOK_FOR_IT = timedelta(minutes=5)
#: What a deadline remembers of a silence that was raised, beside `paired_at`: until the device was heard.
_RAISED = ("silent_since", "raised_at")
_NEVER = "never"

# What being offline is judged by; the gateway's own state tells whether it is the gateway that is silent.
_DEVICES = text("""
    WITH wanted AS (SELECT unnest(CAST(:devices AS text[])) AS id),
    pipeline AS MATERIALIZED (
        SELECT shard_group, CASE WHEN count(*) = 2 THEN min(stamp) END AS watermark, max(recovered_at) AS recovered_at
        FROM watermark GROUP BY shard_group
    )
    SELECT device.id AS subject, device.gateway_id, device.heartbeat_s, device.missed_beats, device.created_at,
        device.home_id, device.resident_id, coalesce(home.station_id, gateway.station_id) AS station_id,
        coalesce(home.area_code, station.area_code) AS area_code, gateway.revoked_at, home.first_sign_s,
        CASE WHEN device.id = device.gateway_id THEN home.transmission_grade END AS grade,
        (SELECT time_zone FROM area WHERE code = coalesce(home.area_code, station.area_code)) AS time_zone,
        (SELECT max(seen_at) FROM device_state WHERE device_id = device.id) AS seen_at,
        (SELECT max(seen_at) FROM device_state WHERE device_id = device.gateway_id) AS gateway_seen_at,
        (SELECT itself.heartbeat_s * itself.missed_beats FROM device AS itself WHERE itself.id = device.gateway_id)
            AS gateway_allowed_s,
        pipeline.watermark, pipeline.recovered_at
    FROM wanted JOIN device USING (id) JOIN gateway ON gateway.id = device.gateway_id
    JOIN station ON station.id = gateway.station_id LEFT JOIN home ON home.id = device.home_id
    LEFT JOIN pipeline ON pipeline.shard_group = get_byte(sha256(convert_to(device.gateway_id, 'UTF8')), 0) >> 4
""")

# Gateways whose last word of the mains, within minutes before they fell silent, was that they are gone; or whose mains
# have been gone for longer, as an open alarm says.
_WITHOUT_POWER = text("""
    SELECT asked.id, CASE WHEN last.value = 0 THEN last.time ELSE open.happened_at END AS lost_at
    FROM unnest(CAST(:gateways AS text[]), CAST(:homes AS uuid[]), CAST(:seen AS timestamptz[]))
        AS asked (id, home_id, seen_at)
    LEFT JOIN LATERAL (
        SELECT time, value FROM reading
        WHERE device_id = asked.id AND type = 'mains' AND value IS NOT NULL
            AND time > asked.seen_at - interval '15 minutes' AND time <= asked.seen_at + interval '10 minutes'
        ORDER BY time DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT happened_at FROM alarm
        WHERE home_id = asked.home_id AND kind = 'mains' AND device_id = asked.id AND closed_at IS NULL LIMIT 1
    ) AS open ON last.value IS NULL
    WHERE last.value = 0 OR open.happened_at IS NOT NULL
""")


class OfflineHandler:
    """Handler of the deadline kind `offline`, whose subjects are devices."""

    def __init__(self, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._channels = channels

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One batch of devices."""
        settled_s = await waited_s(conn, now - _SHIFT_SETTLES)
        if settled_s < _SHIFT_SETTLES.total_seconds():
            again_at = now + _SHIFT_SETTLES - timedelta(seconds=settled_s)
            await rearm(conn, [(row, again_at, None) for row in deadlines])
            return
        rows = await conn.execute(_DEVICES, {"devices": [row.subject for row in deadlines]})
        devices = {row.subject: row for row in rows}
        silent: list[tuple[Deadline, Row[Any]]] = []
        back: dict[str, Row[Any]] = {}
        moves: list[tuple[Deadline, datetime, dict[str, Any] | None]] = []
        for row in deadlines:
            device = devices.get(row.subject)
            if device is None or device.heartbeat_s is None or device.revoked_at is not None:
                await end(conn, [row])
                continue
            since, verdict = _judge(row, device, now)
            data, again_at = after(row, verdict), verdict.again_at
            if verdict.fire and _is_news(row, since, now):
                silent.append((row, device))
                data |= {"raised_at": now.isoformat(), "silent_since": _named(since)}
            elif "silent_since" in data and not verdict.fire and _heard_since(row, device):
                back[_key(device)] = device
                data = {name: value for name, value in data.items() if name not in _RAISED}
            if "silent_since" in data:
                again_at = min(again_at, now + _LOOK_FOR_IT)
            if since is not None:
                data.pop("paired_at", None)
            moves.append((row, again_at, data))
        await rearm(conn, moves)
        without_power = await _read_power(conn, [device for _, device in silent])
        signals = [_raise(row, device, now, without_power.get(device.subject)) for row, device in silent]
        raised = await raise_alarms(conn, now, signals, list(back))
        for key, device in back.items():
            case = raised.open_cases.get(key)
            if case is not None and case.open:
                zone = zone_of(device.time_zone)
                lifecycle.clear(case, now, device.seen_at, why_heard_again(device.subject, zone, device.seen_at))
        await book.finish(conn, now, raised.cases.values(), self._channels)


def _judge(row: Deadline, device: Row[Any], now: datetime) -> tuple[datetime | None, Verdict]:
    """Since when it is silent (None: never heard of since it was paired), and what follows."""
    pipeline, wait = Pipeline(device.watermark, device.recovered_at), pause_of(row)
    paired_at = _paired_at(row, device)
    if _never_heard(device, paired_at):
        span = timedelta(seconds=device.first_sign_s or FIRST_SIGN_S)
        heard = device.subject == device.gateway_id or (
            device.gateway_seen_at is not None and device.gateway_seen_at >= paired_at
        )
        return None, judge_never_heard(now, paired_at, span, pipeline, wait, gateway_heard=heard)
    allowed = may_be_silent(device.heartbeat_s, device.missed_beats, REPORTING_S.get(device.grade))
    return device.seen_at, judge_offline(now, device.seen_at, allowed, pipeline, wait, _link(device))


def _never_heard(device: Row[Any], paired_at: datetime) -> bool:
    return device.seen_at is None or device.seen_at < paired_at


def _paired_at(row: Deadline, device: Row[Any]) -> datetime:
    """When a device that has not been heard of since was paired; long ago for all others."""
    told = row.data.get("paired_at")
    if told is not None:
        return datetime.fromisoformat(told)
    paired_at: datetime = device.created_at
    return paired_at if device.seen_at is None else min(paired_at, device.seen_at)


def _link(device: Row[Any]) -> Link | None:
    """The device's gateway as evidence; None for the gateway itself, and for one whose silence nobody judges."""
    if device.subject == device.gateway_id or device.gateway_seen_at is None or device.gateway_allowed_s is None:
        return None
    return Link(device.gateway_seen_at, timedelta(seconds=device.gateway_allowed_s))


def _named(since: datetime | None) -> str:
    return _NEVER if since is None else since.isoformat()


def _is_news(row: Deadline, since: datetime | None, now: datetime) -> bool:
    """One alarm for one silence, and again once a day."""
    if row.data.get("silent_since") != _named(since):
        return True
    return now - datetime.fromisoformat(row.data["raised_at"]) >= _AGAIN


def _heard_since(row: Deadline, device: Row[Any]) -> bool:
    """Whether it was heard after the silence that was raised."""
    since = row.data["silent_since"]
    return device.seen_at is not None and (since == _NEVER or device.seen_at > datetime.fromisoformat(since))


def _key(device: Row[Any]) -> str:
    return f"device:{device.subject}:offline"


async def _read_power(conn: AsyncConnection, silent: Iterable[Row[Any]]) -> dict[str, datetime]:
    """Of these devices, the gateways whose home had lost its mains, and when."""
    gateways = [one for one in silent if one.subject == one.gateway_id and one.seen_at is not None]
    if not gateways:
        return {}
    asked = {
        "gateways": [one.subject for one in gateways], "homes": [one.home_id for one in gateways],
        "seen": [one.seen_at for one in gateways],
    }  # fmt: skip
    return {row.id: row.lost_at for row in await conn.execute(_WITHOUT_POWER, asked)}


def _raise(row: Deadline, device: Row[Any], now: datetime, without_power_at: datetime | None) -> Raise:
    place = Place(device.station_id, device.area_code, device.home_id, device.resident_id)
    is_home = device.subject == device.gateway_id and device.home_id is not None
    zone, paired_at = zone_of(device.time_zone), _paired_at(row, device)
    never_heard = _never_heard(device, paired_at)
    if never_heard:
        happened_at = paired_at
        reason = why_never_heard(device.subject, zone, paired_at, now, device.first_sign_s or FIRST_SIGN_S)
    else:
        happened_at = device.seen_at
        reason = why_silent(
            device.subject, zone, device.seen_at, beats=device.missed_beats, heartbeat_s=device.heartbeat_s,
            grade=device.grade, reporting_s=REPORTING_S.get(device.grade), without_power_at=without_power_at,
        )  # fmt: skip
    return Raise(
        "offline", place, _key(device), happened_at, reason, gateway_id=device.gateway_id, device_id=device.subject,
        counts_again=False, gathers=is_home and not never_heard,
    )  # fmt: skip
