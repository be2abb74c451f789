"""A household's life, day by day: the messages as they come, and the truth beside them."""

from collections.abc import Iterator
from datetime import date, timedelta

from device_sim.lives.body import band, measurements
from device_sim.lives.delivery import deliver
from device_sim.lives.household import Household
from device_sim.lives.mishap import Mishap, Truth, truth
from device_sim.lives.movement import beds, doors, motion
from device_sim.lives.people import spans, visits
from device_sim.lives.told import Draft, Told, moment
from device_sim.lives.upkeep import dies_at_s, upkeep
from device_sim.lives.water import uses, water

#: A battery is low below so many percent: at what most coin-cell sensors warn.
LOW_BATTERY = 15.0
_LITRES_AT_FIRST = 148_000.0


class Life:
    """The months of one household. Days can be asked in any order, and again with something going wrong in them."""

    def __init__(self, household: Household) -> None:
        self.household = household
        self._meters = [_LITRES_AT_FIRST]

    def dates(self) -> list[date]:
        """Every local date, from the first on."""
        return [self.household.first + timedelta(days=number) for number in range(self.household.days)]

    def day(self, day: date, mishap: Mishap | None = None) -> list[Told]:
        """The messages made on one local date, in the order in which they come."""
        home = self.household
        people = [spans(home, number, day, mishap) for number in range(len(home.people))]
        guests = visits(home, day, mishap)
        drafts: list[Draft] = [
            *motion(home, day, people, guests, mishap),
            *doors(home, day, people, guests, mishap),
            *beds(home, day, people, mishap),
            *water(home, day, people, mishap, self._meter_l(day, mishap)),
            *upkeep(home, day, people[0][0].begin_s, people[0][-1].end_s, mishap),
        ]
        for number in range(len(home.people)):
            drafts += band(home, day, number, people[number], mishap)
            drafts += measurements(home, day, number, people[number], mishap)
        return deliver(home, day, drafts, mishap)

    def truths(self, mishap: Mishap | None = None) -> list[Truth]:
        """Absences, outages, the battery that runs down, and the mishap: whatever is no ordinary day."""
        home = self.household
        found = []
        for away in home.aways:
            kind = "away_entered" if away.entered else "away_unannounced"
            found.append(Truth(kind, home.at(away.begins), home.at(away.ends), away.what))
        for outage in home.outages:
            whole = outage.device == "gateway"
            kind = "gateway_silent" if whole else "device_silent"
            silent = home.gateway if whole else home.id(outage.device)
            found.append(Truth(kind, home.at(outage.begins), home.at(outage.ends), kind, device=silent))
        dying = dies_at_s(home, LOW_BATTERY)
        last = home.local(home.first + timedelta(days=home.days))
        if dying is not None and moment(dying[1]) < last:
            found.append(Truth("battery_low", moment(dying[1]), last, "runs down", device=dying[0]))
        if mishap is not None:
            device = home.gateway if mishap.device == "gateway" else home.id(mishap.device) if mishap.device else None
            found.append(truth(mishap, device))
        return found

    def quiet(self) -> Iterator[tuple[date, date]]:
        """Stretches (first date, the one after the last) in which nothing but ordinary days was."""
        begin: date | None = None
        for day in self.dates():
            starts = self.household.local(day)
            ends = self.household.local(day + timedelta(days=1))
            ordinary = not any(one.begins_at < ends and starts < one.ends_at for one in self.truths())
            if ordinary and begin is None:
                begin = day
            elif not ordinary and begin is not None:
                yield begin, day
                begin = None
        if begin is not None:
            yield begin, self.household.first + timedelta(days=self.household.days)

    def _meter_l(self, day: date, mishap: Mishap | None) -> float:
        """What the water meter showed at midnight; the days since the mishap began count as they became by it."""
        home = self.household
        number = (day - home.first).days
        while len(self._meters) <= number:
            before = home.first + timedelta(days=len(self._meters) - 1)
            self._meters.append(self._meters[-1] + self._used_l(before, None))
        if mishap is None:
            return self._meters[number]
        begun = max(0, (moment(mishap.begins_s).astimezone(home.zone).date() - home.first).days)
        changed = (home.first + timedelta(days=one) for one in range(begun, number))
        return self._meters[min(begun, number)] + sum(self._used_l(one, mishap) for one in changed)

    def _used_l(self, day: date, mishap: Mishap | None) -> float:
        people = [spans(self.household, person, day, mishap) for person in range(len(self.household.people))]
        return sum(litres for _, litres, _ in uses(self.household, day, people, mishap))
