"""Judging silence: a home without activity, a device without a sign of life. Pure functions.

Silence is judged only up to the watermark, the time up to which everything that was published has been committed; and
after a gap in the pipeline only when gateways have had time to come back and send what they kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: After a gap: reconnecting takes a gateway a few seconds, republishing what it kept covers 2 min (docs/protocol.md).
SETTLE = timedelta(minutes=3)


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


def judge_inactivity(
    now: datetime, activity_at: datetime, limit: timedelta, pipeline: Pipeline, wait: timedelta
) -> Verdict:
    """Has the home been without activity for longer than its limit, as far as can be known?"""
    due = activity_at + limit
    if due > now:
        return Verdict(due)
    recovered_at = pipeline.recovered_at
    if recovered_at is not None and activity_at < recovered_at and now - recovered_at < SETTLE:
        return Verdict(recovered_at + SETTLE, waiting=True)
    if pipeline.watermark is None or pipeline.watermark < due:
        return Verdict(now + wait, waiting=True)
    return Verdict(now + limit, fire=True)


def judge_offline(now: datetime, seen_at: datetime, allowed: timedelta, pipeline: Pipeline, wait: timedelta) -> Verdict:
    """Has the device missed its beats? A gap in the pipeline starts its allowance anew: it may have beaten in vain."""
    since = seen_at if pipeline.recovered_at is None else max(seen_at, pipeline.recovered_at)
    due = since + allowed
    if due > now:
        return Verdict(due, waiting=since > seen_at)
    if pipeline.watermark is None or pipeline.watermark < due:
        return Verdict(now + wait, waiting=True)
    return Verdict(now + allowed, fire=True)
