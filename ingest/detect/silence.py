"""Judging silence: a home without activity, a device without a sign of life, and up to when a home is known at all.
Pure functions.

Silence is judged only up to the watermark, the time up to which everything that was published has been committed; and
after a gap in the pipeline only when gateways have had time to come back and send what they kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.detect.core import WORN, Device
from registry.gateway import MISSED_BEATS

#: After a gap: reconnecting takes a gateway a few seconds, republishing what it kept covers 2 min (docs/protocol.md).
SETTLE = timedelta(minutes=3)

#: A home that is offline is looked at this often in the end: whether it has come back, and is still.
OFFLINE_LOOK = timedelta(minutes=2)

#: How far `seen_at` may lie behind the newest message: a device that speaks all the time is written this often.
SEEN_RESOLUTION = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the home's messages went through. `watermark` None: no sentinel of a lane has come through yet."""

    watermark: datetime | None
    recovered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`again_at`: look again then. `fire`: raise now. `waiting`: the pipeline, not the home, is what we wait for."""

    again_at: datetime
    fire: bool = False
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """The gateway behind which a device stands: when it was heard from last, and how long it may be silent.

    `silent_from`, `back_at`: its last silence of more than a minute, if there was one.
    """

    seen_at: datetime
    allowed: timedelta
    silent_from: datetime | None = None
    back_at: datetime | None = None

    def next_beat(self) -> datetime:
        """When it should have been heard again, and that is known."""
        return self.seen_at + self.allowed / MISSED_BEATS + SEEN_RESOLUTION

    def settles_at(self) -> datetime | None:
        """Until when it may still be sending what it kept while it was away; None where it was not away."""
        if self.back_at is None or self.silent_from is None or self.back_at - self.silent_from <= self.allowed:
            return None
        return self.back_at + SETTLE


def that_would_tell(devices: Mapping[str, Device], gateways: set[str]) -> set[str]:
    """The gateways without which nobody knows what happens in the home: those of its own sensors. A band with a line of
    its own that is off must not keep everybody waiting for it; where a home has nothing else, it is what there is."""
    home = {
        one.gateway_id for one in devices.values()
        if one.id != one.gateway_id and one.resident_id is None and one.kind not in WORN
    }  # fmt: skip
    return gateways & home or gateways


def judge_inactivity(
    now: datetime,
    activity_at: datetime,
    limit: timedelta,
    pipeline: Pipeline,
    wait: timedelta,
    links: Sequence[Link] = (),
) -> Verdict:
    """Has the home been without activity for longer than its limit, as far as can be known?

    `links`: the home's gateways whose silence is judged. One that is silent may be keeping what happens now: while it
    is offline nobody calls the home still, and when it is back not before it has sent what it kept.
    """
    due = activity_at + limit
    if due > now:
        return Verdict(due)
    settles = [
        one for one in (link.settles_at() for link in links if link.back_at and activity_at < link.back_at) if one
    ]
    if pipeline.recovered_at is not None and activity_at < pipeline.recovered_at:
        settles.append(pipeline.recovered_at + SETTLE)
    if (settled_at := max(settles, default=now)) > now:
        return Verdict(settled_at, waiting=True)
    if pipeline.watermark is None or pipeline.watermark < due:
        return Verdict(now + wait, waiting=True)
    if any(link.seen_at < due for link in links):
        offline = any(link.seen_at < due and now - link.seen_at >= link.allowed for link in links)
        return Verdict(now + (min(OFFLINE_LOOK, 4 * wait) if offline else wait), waiting=True)
    return Verdict(now + limit, fire=True)


@dataclass(frozen=True, slots=True)
class Known:
    """`until`: nothing that happened in the home before it is still unknown; None: nobody can say. `again_at`: when
    more may be known."""

    until: datetime | None
    again_at: datetime


def judge_known(now: datetime, pipeline: Pipeline, links: Sequence[Link], wait: timedelta) -> Known:
    """Up to when is it known what happened in a home?

    Not beyond the watermark, and not beyond when its gateways were heard: one that is silent may be keeping what
    happens now. After a gap of the pipeline or of a gateway, not before what was kept has had time to come.
    `links`: the home's gateways whose silence is judged.
    """
    if pipeline.watermark is None:
        return Known(None, now + wait)
    settles = [one for one in (link.settles_at() for link in links) if one is not None]
    if pipeline.recovered_at is not None:
        settles.append(pipeline.recovered_at + SETTLE)
    settled_at = max(settles, default=now)
    if settled_at > now:
        return Known(None, settled_at)
    until = min([now, pipeline.watermark, *(link.seen_at for link in links)])
    slowest = min(links, key=lambda link: link.seen_at, default=None)
    if slowest is not None and slowest.seen_at < pipeline.watermark and slowest.next_beat() > now:
        return Known(until, slowest.next_beat())
    return Known(until, now + wait)


def may_be_silent(heartbeat_s: int, missed_beats: int, reporting_s: int | None) -> timedelta:
    """How long a device may say nothing. `reporting_s`: of its home's grade, for a gateway; None: its missed beats
    alone. Whatever the grade, one beat that got lost is no silence."""
    if reporting_s is None:
        return timedelta(seconds=heartbeat_s * missed_beats) + SEEN_RESOLUTION
    return timedelta(seconds=max(reporting_s, 2 * heartbeat_s)) + SEEN_RESOLUTION


def judge_offline(
    now: datetime, seen_at: datetime, allowed: timedelta, pipeline: Pipeline, wait: timedelta, link: Link | None = None
) -> Verdict:
    """Has the device missed its beats? A gap in the pipeline starts its allowance anew: it may have beaten in vain.

    `link`: the device's gateway (None for a gateway itself, or where nobody judges it). Only a gateway that spoke after
    the device should have proves that the device is silent; one that is silent itself stands for all behind it.
    """
    since = seen_at if pipeline.recovered_at is None else max(seen_at, pipeline.recovered_at)
    due = since + allowed
    if due > now:
        return Verdict(due, waiting=since > seen_at)
    if pipeline.watermark is None or pipeline.watermark < due:
        return Verdict(now + wait, waiting=True)
    if link is not None and link.seen_at < due:
        if now - link.seen_at >= link.allowed:
            return Verdict(now + allowed)
        return Verdict(min(now + wait, link.seen_at + link.allowed), waiting=True)
    return Verdict(now + allowed, fire=True)


def judge_never_heard(
    now: datetime, paired_at: datetime, span: timedelta, pipeline: Pipeline, wait: timedelta, *, gateway_heard: bool
) -> Verdict:
    """Has a device said nothing within the span since it was paired? `gateway_heard`: whether its gateway has; one that
    has not stands for all behind it, and they are judged from when it speaks (True for a gateway itself)."""
    due = paired_at + span
    if due > now:
        return Verdict(due)
    if pipeline.watermark is None or pipeline.watermark < due:
        return Verdict(now + wait, waiting=True)
    return Verdict(now + span, fire=gateway_heard)
