"""The way of the messages: a second as a rule; late, twice, in another order, after an outage, or never."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from device_sim.lives.household import Household
from device_sim.lives.mishap import Mishap
from device_sim.lives.told import Draft, Told, moment
from gateway.wire import GATEWAY_ITSELF

#: A gateway whose mains fail lives on its battery for so long.
GATEWAY_BATTERY_S = 3 * 3600.0
_LATE_S = (60.0, 1200.0)
_AGAIN_S = (5.0, 90.0)
#: A backlog comes at once when the line is back: so many messages a second.
_BACKLOG_PER_S = 50.0
_BACK_AFTER_S = 20.0


@dataclass(frozen=True, slots=True)
class _Silence:
    """Nothing comes from `device` (None: from the whole home) in this time; it is kept and sent later, or lost."""

    begins_s: float
    ends_s: float
    device: str | None
    kept: bool


def deliver(household: Household, day: date, drafts: Iterable[Draft], mishap: Mishap | None) -> list[Told]:
    """The day's messages as they come, in the order of their coming; what an outage keeps may come on a later day."""
    chance = random.Random(f"{household.name}/delivery/{day}")
    own_links = {one.id for one in household.fixtures() if one.gateway != household.gateway}
    silences = list(_silences(household, mishap))
    told: list[Told] = []
    for number, draft in enumerate(sorted(drafts, key=lambda one: one.at_s)):
        device = household.gateway if draft.device == GATEWAY_ITSELF else draft.device
        received_s = draft.at_s + chance.uniform(0.2, 2.0)
        late, twice, by_s = chance.random(), chance.random(), chance.uniform(*_LATE_S)
        if late < household.late:
            received_s += by_s
        kept_s = _through(silences, device, draft.at_s, own_link=device in own_links)
        if kept_s is None:
            continue
        if kept_s > 0:
            received_s = kept_s + _BACK_AFTER_S + number / _BACKLOG_PER_S
        stamped_s = draft.at_s + _drift_s(household, device, draft.at_s, mishap)
        gateway = device if device in own_links else household.gateway
        one = Told(
            moment(received_s), moment(stamped_s), gateway, device, draft.lane, f"{day:%y%m%d}-{number:05d}",
            draft.type, draft.value, draft.unit, draft.data,
        )  # fmt: skip
        told.append(one)
        if twice < household.twice:
            told.append(one._replace(received_at=moment(received_s + _AGAIN_S[0] + by_s % (_AGAIN_S[1] - _AGAIN_S[0]))))
    told.sort(key=lambda one: one.received_at)
    return told


def _silences(household: Household, mishap: Mishap | None) -> Iterator[_Silence]:
    for outage in household.outages:
        begins_s, ends_s = household.at(outage.begins).timestamp(), household.at(outage.ends).timestamp()
        whole = outage.device == "gateway"
        yield _Silence(begins_s, ends_s, None if whole else household.id(outage.device), kept=whole)
    if mishap is None:
        return
    if mishap.kind == "power_cut":
        yield _Silence(min(mishap.begins_s + GATEWAY_BATTERY_S, mishap.ends_s), mishap.ends_s, None, kept=False)
    elif mishap.kind == "gateway_silent":
        yield _Silence(mishap.begins_s, mishap.ends_s, None, kept=True)
    elif mishap.kind == "device_silent":
        yield _Silence(mishap.begins_s, mishap.ends_s, household.id(mishap.device), kept=False)


def _through(silences: list[_Silence], device: str, at_s: float, *, own_link: bool) -> float | None:
    """0: goes at once; None: is lost; else when the line is back."""
    for one in silences:
        if one.begins_s <= at_s < one.ends_s and (one.device == device or (one.device is None and not own_link)):
            return one.ends_s if one.kept else None
    return 0.0


def _drift_s(household: Household, device: str, at_s: float, mishap: Mishap | None) -> float:
    if mishap is not None and mishap.on("clock_drift", at_s=at_s) and device == household.id(mishap.device):
        return mishap.figure
    return 0.0
