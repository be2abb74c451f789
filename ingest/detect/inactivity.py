"""Inactivity: the home has been still for longer than it ever is at this time of day.

What is usual is the home's own rhythm (rhythm.py), and the limit is that with a buffer on it; until the rhythm is
known, and at most, it is a fixed span. So sleep raises nothing, and not getting up does. Somebody who went out is
waited for as long as he is usually away, at least a day; the door half of the street rule in use in Shanghai (no door
for 48 h) is the bound.

What sensors cannot tell: a visitor who moves about hides that the resident does not, and when he leaves by the door the
home counts as empty until somebody is noticed again. Animals that set off motion sensors: `pets`. Two residents are
watched as one; because one of them may sleep while the other leaves, they are never waited for longer than a day.

Live, `ingest.silence` asks the same questions of the newest activity of each home, which costs less than a fold over
all its readings; so this detector is not among those that are run on them. Replay and evaluation run it.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.why import why, why_inactivity
from ingest.detect.core import Event, Evidence, Finding, Home, Parameters, Step, bounded, evidence
from ingest.detect.local_day import wall_clock
from ingest.detect.rhythm import ALL, Rhythm, next_half_hour
from ingest.detect.whereabouts import TYPES, Whereabouts, follow

NAME = "inactivity"

#: Nobody who has gone out is missed within a day, however short he usually is away: people stay overnight.
_AWAY_LEAST = timedelta(days=1)
_EVIDENCE = 5
_TUNED = "chosen on recorded homes, docs/evaluation.md"


class InactivityParameters(Parameters, frozen=True, kw_only=True):
    """`fixed_s`: the limit as long as no rhythm is known, and at most."""

    fixed_s: Annotated[int, bounded("s", 600, 604_800, "span of the street rule on water, Shanghai")] = 43_200
    least_s: Annotated[int, bounded("s", 1_800, 43_200, _TUNED)] = 7_200
    buffer: Annotated[float, bounded("1", 0.0, 3.0, _TUNED)] = 0.5
    buffer_s: Annotated[int, bounded("s", 0, 21_600, _TUNED)] = 3_600
    away_s: Annotated[int, bounded("s", 43_200, 604_800, "street rule on doors, Shanghai")] = 172_800
    pets: bool = False


class InactivityState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`recent`: the newest activity, oldest first. `raised_for`: the stillness that has been raised already, by its
    beginning."""

    whereabouts: Whereabouts = Whereabouts()
    recent: tuple[Evidence, ...] = ()
    raised_for: datetime | None = None


def due_at(where: Whereabouts, home: Home, rhythm: Rhythm | None, parameters: InactivityParameters) -> datetime | None:
    """When this stillness becomes too long; None where nothing was ever noticed. An entered absence is no stillness: it
    begins anew where that ends."""
    since = where.still_since
    while since is not None:
        if where.left_at is not None:
            at = since + _away_limit(home, rhythm, parameters)
        else:
            at = _too_long_at(since, where.by, home.zone, rhythm, parameters)
        ends = [one.ends_at for one in home.absences if since < one.ends_at and one.begins_at < at]
        if not ends:
            return at
        since = max(ends)
    return None


def soonest_due_at(since: datetime, home: Home, rhythm: Rhythm | None, parameters: InactivityParameters) -> datetime:
    """No stillness that begins at `since` or later is too long before this, whichever device noticed its beginning."""
    quickest = None if rhythm is None else rhythm.quickest()
    away = min(_AWAY_LEAST, timedelta(seconds=parameters.away_s))
    return min(since + away, _too_long_at(since, ALL, home.zone, quickest, parameters))


def _away_limit(home: Home, rhythm: Rhythm | None, parameters: InactivityParameters) -> timedelta:
    most = timedelta(seconds=parameters.away_s)
    if len(home.residents) > 1:
        return min(most, _AWAY_LEAST)
    if rhythm is None or rhythm.away_min is None:
        return most
    return min(most, max(_AWAY_LEAST, _with_buffer(timedelta(minutes=rhythm.away_min), parameters)))


def _too_long_at(
    since: datetime, by: str, zone: ZoneInfo, rhythm: Rhythm | None, parameters: InactivityParameters
) -> datetime:
    """The first moment at which it has lasted longer than the limit of that moment's half hour."""
    last = since + timedelta(seconds=parameters.fixed_s)
    if rhythm is None:
        return last
    at = since + timedelta(seconds=parameters.least_s)
    while at < last:
        reached_at = since + _with_buffer(rhythm.usual(by, at, zone), parameters)
        line_ends_at = next_half_hour(at, zone)
        if reached_at < line_ends_at:
            return min(last, max(reached_at, at))
        at = line_ends_at
    return last


def _with_buffer(usual: timedelta, parameters: InactivityParameters) -> timedelta:
    return usual * (1 + parameters.buffer) + timedelta(seconds=parameters.buffer_s)


def reason(
    where: Whereabouts, at: datetime, home: Home, rhythm: Rhythm | None, parameters: InactivityParameters
) -> dict[str, Any]:
    """Why it was raised at `at`: what is usual at this time of day, and since when nothing was noticed."""
    since = where.still_since
    assert since is not None  # nothing is raised of a home where nothing was ever noticed
    hours = (at - since).total_seconds() / 3600
    if where.left_at is not None:
        return _why_away(since, hours, home, rhythm)
    fixed_h = parameters.fixed_s / 3600
    if rhythm is None:
        return why_inactivity(since.isoformat(), hours, fixed_h)
    usual_h = rhythm.usual(where.by, at, home.zone) / timedelta(hours=1)
    limit_h = min(
        fixed_h, max(parameters.least_s / 3600, usual_h * (1 + parameters.buffer) + parameters.buffer_s / 3600)
    )
    clock, device = wall_clock(since, home.zone), where.by.removesuffix("+")
    return why(
        "inactivity",
        f"No activity for {hours:.1f} h, since {clock} ({device}). At this time of day this home is usually still"
        f" for at most {usual_h:.1f} h (learned over {rhythm.days} days); its limit is {limit_h:.1f} h.",
        f"自 {clock}（{device}）起已 {hours:.1f} 小时无活动。该户在此时段通常静止不超过 {usual_h:.1f} 小时"
        f"（依据 {rhythm.days} 天的规律）；上限为 {limit_h:.1f} 小时。",
        since=since.isoformat(),
        hours=round(hours, 2),
        usual_hours=round(usual_h, 2),
        limit_hours=round(limit_h, 2),
        days=rhythm.days,
        device=device,
    )


def _why_away(since: datetime, hours: float, home: Home, rhythm: Rhythm | None) -> dict[str, Any]:
    clock = wall_clock(since, home.zone)
    en = f"Nobody was noticed at home after the entrance door at {clock}, {hours:.1f} h ago."
    zh = f"自 {clock} 入户门有动作后，已 {hours:.1f} 小时未发现有人在家。"
    usual_h = None
    if rhythm is not None and rhythm.away_min is not None:
        usual_h = round(rhythm.away_min / 60, 1)
        en += f" The longest usual absence is {usual_h:g} h (learned over {rhythm.days} days)."
        zh += f"通常最长外出 {usual_h:g} 小时（依据 {rhythm.days} 天的规律）。"
    return why(
        "inactivity_away", en, zh, since=since.isoformat(), hours=round(hours, 2), usual_hours=usual_h,
        days=None if rhythm is None else rhythm.days,
    )  # fmt: skip


def rhythm_in(home: Home) -> Rhythm | None:
    """The home's rhythm, as it was learned or as it was stored. What was stored by another version and can be read no
    more is none, so that the fixed span holds until the next night's learning."""
    learned = home.learned.get(NAME)
    if learned is None or isinstance(learned, Rhythm):
        return learned
    try:
        return msgspec.convert(learned, Rhythm)
    except msgspec.ValidationError:
        return None


class Inactivity:
    """The detector."""

    name = NAME
    own_deadline = True
    events: frozenset[str] = TYPES
    wakes: frozenset[str] = frozenset()
    parameters = InactivityParameters
    state = InactivityState

    def event(self, state: InactivityState, event: Event, home: Home, parameters: InactivityParameters) -> Step:
        """Whoever is noticed begins anew; it is the due time that judges."""
        where = follow(state.whereabouts, event, home, pets=parameters.pets)
        if where.active_at != state.whereabouts.active_at:
            recent = (*state.recent, evidence(event))[-_EVIDENCE:]
            state = InactivityState(where, recent, state.raised_for)
            if where.still_since == event.at:  # the real limit is looked for when it may have been reached
                return Step(state, due_at=event.at + timedelta(seconds=min(parameters.least_s, parameters.fixed_s)))
        else:
            state = msgspec.structs.replace(state, whereabouts=where)
        return self._look(state, event.at, home, parameters)

    def due(self, state: InactivityState, at: datetime, home: Home, parameters: InactivityParameters) -> Step:
        """Has it lasted too long?"""
        return self._look(state, at, home, parameters)

    def _look(self, state: InactivityState, at: datetime, home: Home, parameters: InactivityParameters) -> Step:
        rhythm, where = rhythm_in(home), state.whereabouts
        since = where.still_since
        if since is None or since == state.raised_for:
            return Step(state)
        due = due_at(where, home, rhythm, parameters)
        if due is not None and due > at:
            return Step(state, due_at=due)
        found = Finding(NAME, since, reason(where, at, home, rhythm, parameters), state.recent)
        return Step(msgspec.structs.replace(state, raised_for=since), (found,))


DETECTOR = Inactivity()
