"""Pressing again and again: several presses within a short time bring the next step of the ladder forward.

Pure functions over a `Case`. Presses count by the time of their receipt: whoever pressed five times while the line was
down gets the benefit. Only ever earlier, and one step at a time: none is skipped.
"""

from datetime import datetime, timedelta

import msgspec

from alerts.case import Actor, Case


class Urgency(msgspec.Struct, frozen=True):
    """So many presses within so many seconds bring the next step forward, once per `pause_s`."""

    presses: int
    span_s: float
    pause_s: float


def recent_presses(case: Case | None, now: datetime, span_s: float) -> list[datetime]:
    """The presses of this alarm that are not older than the span."""
    if case is None:
        return []
    return [at for at in case.presses if now - at <= timedelta(seconds=span_s)]


def press(case: Case, now: datetime, actor: Actor, presses: int, urgency: Urgency) -> bool:
    """Count a press (`presses`: 2 for a double one); True when it has brought the next step forward.

    Not while somebody holds the alarm: he is told of every repeat, and the ladder waits for him. A step that is due
    already needs no help; the presses then go on counting for the step after it.
    """
    case.presses = (*recent_presses(case, now, urgency.span_s), *[now] * presses)
    if len(case.presses) < urgency.presses or case.held or case.suspected or not case.open:
        return False
    if case.urged_at is not None and now - case.urged_at < timedelta(seconds=urgency.pause_s):
        return False
    if case.next_step_at is None or case.next_step_at <= now:
        return False
    case.log("urged", now, actor, presses=len(case.presses), within_s=urgency.span_s, brings=case.step + 1)
    case.next_step_at, case.urged_at, case.presses = now, now, ()
    return True
