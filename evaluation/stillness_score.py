"""Emergencies injected into recorded homes, and how a method does: delays, what it misses, how often it cries wolf."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil

from evaluation.intervals import poisson_interval, resampled_interval, wilson_interval
from evaluation.options import Figures
from evaluation.recorded_home import RecordedHome
from evaluation.stillness_watch import HORIZON, Watch, test_begins_at

#: An emergency that nobody noticed within this span is missed.
MISSED = timedelta(hours=12)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Trial:
    """A home's days that are judged. `emergencies`: moments outside labelled absences after which nothing is heard."""

    recorded: RecordedHome
    begins_at: datetime
    ends_at: datetime
    emergencies: Sequence[datetime]

    @property
    def days(self) -> float:
        """Resident-days that are judged."""
        return (self.ends_at - self.begins_at) / _DAY

    @property
    def days_at_home(self) -> float:
        """The same without labelled absences."""
        spans = [(max(a, self.begins_at), min(b, self.ends_at)) for a, b in self.recorded.absences]
        return self.days - sum(max(timedelta(), b - a) / _DAY for a, b in spans)


def plan_trial(recorded: RecordedHome, per_day: int, seed: int) -> Trial | None:
    """`per_day`: emergencies for each day that is spent at home, uniformly by day and night. None: no day is left when
    seven have been learned."""
    begins_at, ends_at = test_begins_at(recorded), recorded.labelled[1]
    if ends_at <= begins_at:
        return None
    chance = random.Random(f"{seed}/{recorded.name}")
    tried = (
        begins_at + chance.random() * (ends_at - begins_at)
        for _ in range(round(per_day * (ends_at - begins_at) / _DAY))
    )
    return Trial(recorded, begins_at, ends_at, sorted(at for at in tried if not recorded.absent(at)))


@dataclass
class Score:
    """What a method did. `delays`: (home, day, hours) of every emergency. `false`: alarms outside labelled absences, as
    (home, when). `in_absence`: how many there were within them."""

    delays: list[tuple[str, date, float]] = field(default_factory=list)
    false: list[tuple[str, datetime]] = field(default_factory=list)
    in_absence: int = 0
    days: float = 0.0
    days_at_home: float = 0.0

    def add(self, trial: Trial, watch: Watch) -> "Score":
        """With another home."""
        name = trial.recorded.name
        for at in watch.alarms():
            if trial.begins_at <= at < trial.ends_at:
                if trial.recorded.absent(at):
                    self.in_absence += 1
                else:
                    self.false.append((name, at))
        for at in trial.emergencies:
            noticed_at = watch.alarm_after(at)
            delay = HORIZON if noticed_at is None else max(timedelta(), noticed_at - at)
            self.delays.append((name, at.date(), delay / _HOUR))
        self.days += trial.days
        self.days_at_home += trial.days_at_home
        return self

    def of_home(self, name: str) -> "Score":
        """Delays and false alarms of one home."""
        return Score([one for one in self.delays if one[0] == name], [one for one in self.false if one[0] == name])

    @property
    def median_h(self) -> float:
        """Half of the emergencies are noticed within so many hours."""
        return percentile([hours for _, _, hours in self.delays], 50)

    @property
    def missed(self) -> int:
        """How many are not noticed within twelve hours."""
        return sum(hours > MISSED / _HOUR for _, _, hours in self.delays)

    def figures(self) -> Figures:
        """As in docs/protocol.md, with intervals; delays are resampled by home and day."""
        days: dict[tuple[str, date], list[float]] = {}
        for name, day, hours in self.delays:
            days.setdefault((name, day), []).append(hours)
        low, high = resampled_interval(
            list(days.values()), lambda some: percentile([one for day in some for one in day], 50)
        )
        p90 = resampled_interval(list(days.values()), lambda some: percentile([one for day in some for one in day], 90))
        return {
            "median_delay_h": round(self.median_h, 2),
            "median_delay_h_95": [round(low, 2), round(high, 2)],
            "p90_delay_h": round(percentile([hours for _, _, hours in self.delays], 90), 2),
            "p90_delay_h_95": [round(one, 2) for one in p90],
            "missed": self.missed,
            "missed_share_95": [round(one, 4) for one in wilson_interval(self.missed, len(self.delays))],
            "emergencies": len(self.delays),
            "false_alarms": len(self.false),
            "false_alarms_95": [round(one, 2) for one in poisson_interval(len(self.false))],
            "resident_days": round(self.days, 1),
            "resident_days_at_home": round(self.days_at_home, 1),
            "alarms_in_labelled_absence": self.in_absence,
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]
