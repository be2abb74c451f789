"""What a bed waits for: which alarm would be due when, if nothing happened meanwhile. The rules are told in `bed`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from ingest.detect.bed_stay import KNOWN_FROM, UP_FOR, Bed
from ingest.detect.core import Device, Evidence, Home, Parameters, bounded
from ingest.detect.local_day import DailySpan
from ingest.detect.whereabouts import Whereabouts

_OWN = "chosen for this project; see the scenarios"
_TYPICAL_30 = "telecare.ie, bed exit alarm: alerts after typically around 30 minutes"

#: A stay shorter than this is no night: who lay down at 5 is not late at 10. Mean sleep of people over 65 in China is
#: 7.5 h (Gu et al. 2010).
_NIGHT_LEAST = timedelta(hours=7)

#: Movement outside the bedroom shows that the mat is wrong or that somebody is there: silence is judged after this.
_QUIET = timedelta(hours=2)

#: Motion sensors that saw nothing for so long see nothing.
_EYES = timedelta(days=2)

#: So much before the usual earliest hour somebody may be up for the day, and at these hours at the earliest and latest.
_EARLY_H = 0.5
_NIGHT_ENDS_H = (2.5, 9.0)

#: Alarms that are over when the person is back in bed.
EXIT_CODES = ("bed_still", "bed_not_back", "bed_alone")

#: The plan to take the person for up: no alarm.
UP = "up"


class BedParameters(Parameters, frozen=True, kw_only=True):
    """The night's hours are of the local day (22.5: half past ten), its end until the person's mornings are known.
    Switches turn single rules off. `pets`: what an animal sets off as well shows nothing."""

    enabled: bool = True
    night_begins_h: Annotated[float, bounded("h", 18, 24, _OWN)] = 23.0
    night_ends_h: Annotated[float, bounded("h", 2, 12, _OWN)] = 5.0
    not_back: bool = True
    still_min: Annotated[float, bounded("min", 5, 240, _TYPICAL_30)] = 30.0
    not_back_min: Annotated[float, bounded("min", 15, 720, _OWN)] = 120.0
    not_up: bool = True
    latest_up_h: Annotated[float, bounded("h", 4, 18, _OWN)] = 10.0
    margin_min: Annotated[float, bounded("min", 15, 480, _OWN)] = 60.0
    too_long: bool = True
    too_long_h: Annotated[float, bounded("h", 6, 48, _OWN)] = 14.0
    pets: bool = False
    alone: Literal["off", "night", "always"] = "off"
    alone_grace_s: Annotated[float, bounded("s", 0, 300, "two mats of one bed hand over within seconds")] = 10.0


class BedState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`beds`: by what `bed_of` says. `elsewhere`: the newest movement outside the bedroom, but for the way out; and
    `elsewhere_at`, when somebody moved there or passed the entrance door."""

    beds: dict[str, Bed] = {}
    where: Whereabouts = Whereabouts()
    elsewhere: Evidence | None = None
    elsewhere_at: datetime | None = None


def next_due(state: BedState, home: Home, parameters: BedParameters) -> datetime | None:
    """When the next one of all beds is due."""
    return min((when for key in state.beds for when, _ in plans(state, key, home, parameters)), default=None)


def plans(state: BedState, key: str, home: Home, parameters: BedParameters) -> Iterator[tuple[datetime, str]]:
    """What becomes of this bed, and when, if nothing happens meanwhile."""
    bed = state.beds[key]
    if bed.began_at is None or not is_there(bed, key, home):
        return
    if not bed.left_for_sure(state.elsewhere_at):
        for plan in _plans_in_bed(state, bed, bed.began_at, home, parameters):
            if plan[1] not in bed.told:
                yield plan
    elif bed.left_at is not None:
        yield from _plans_out_of_bed(state, bed, bed.left_at, home, parameters)


def _plans_in_bed(
    state: BedState, bed: Bed, began_at: datetime, home: Home, parameters: BedParameters
) -> Iterator[tuple[datetime, str]]:
    quiet_from = lying_from = bed.lying_from or began_at
    one = one_person(state, home)
    if one and state.elsewhere_at is not None:
        quiet_from = max(lying_from, state.elsewhere_at)
    if parameters.not_up and not (one and _went_out(state, began_at)):
        by = up_by(state, bed, home, parameters)
        undisturbed_at = quiet_from + _QUIET if quiet_from > lying_from else lying_from
        yield max(by, began_at + _NIGHT_LEAST, undisturbed_at), "bed_not_up"
    if parameters.too_long:
        yield quiet_from + timedelta(hours=parameters.too_long_h), "bed_too_long"


def _went_out(state: BedState, began_at: datetime) -> bool:
    """Somebody was about outside the bedroom, went out by the door and was not noticed since: the mat is wrong, or
    a visitor has just seen who lies there."""
    moved, left_at = state.elsewhere, state.where.left_at
    return moved is not None and left_at is not None and began_at < moved.at and began_at < left_at


def up_by(state: BedState, bed: Bed, home: Home, parameters: BedParameters) -> datetime:
    """The first moment since the person lay down or was last seen up by which he should be up again; on a day on which
    he has got up already there is none. Mornings that are too few for a habit can only make it later."""
    known = [minute + parameters.margin_min for minute in bed.ups[-KNOWN_FROM:]]
    by_min, usual = max([parameters.latest_up_h * 60, *known]), bed.usual_up()
    if usual is not None:
        by_min = usual[1] + parameters.margin_min
    morning = DailySpan(by_min / 60, by_min / 60)
    seen = [bed.began_at, state.elsewhere_at if one_person(state, home) else None]
    due_at = morning.next_begin(max(one for one in seen if one is not None), home.zone)
    if due_at.astimezone(home.zone).date().isoformat() == bed.up_on:
        due_at = morning.next_begin(due_at, home.zone)
    return due_at


def _plans_out_of_bed(
    state: BedState, bed: Bed, left_at: datetime, home: Home, parameters: BedParameters
) -> Iterator[tuple[datetime, str]]:
    night_ends_at = _night_ends(bed, left_at, home.zone, parameters)
    at_night = night_ends_at is not None
    up_at = left_at + UP_FOR if night_ends_at is None else max(left_at + UP_FOR, night_ends_at)
    out_at = state.where.left_at
    gone = one_person(state, home) and out_at is not None and out_at >= left_at
    plans = []
    if parameters.alone == "always" or (parameters.alone == "night" and at_night):
        plans.append((left_at + timedelta(seconds=parameters.alone_grace_s), "bed_alone"))
    if parameters.not_back and night_ends_at is not None and not gone:
        out = _not_back(state, left_at, night_ends_at, parameters)
        plans += [plan for plan in out if plan[1] == "bed_still" or "bed_still" not in bed.told]
    pending = [plan for plan in plans if plan[1] not in bed.told]
    yield from pending
    yield max([up_at, *(when + timedelta(seconds=1) for when, _ in pending)]), "up"


def _not_back(
    state: BedState, left_at: datetime, night_ends_at: datetime, parameters: BedParameters
) -> Iterator[tuple[datetime, str]]:
    still, moved_at = timedelta(minutes=parameters.still_min), moved_at_night(state, left_at)
    if moved_at is None:
        yield left_at + 2 * still, "bed_still"
        return
    last_at = max(left_at, moved_at)
    if last_at < night_ends_at:
        settled = last_at - left_at > still
        yield last_at + (2 * still if settled else still), "bed_still"
    not_back_at = left_at + timedelta(minutes=parameters.not_back_min)
    if not_back_at < night_ends_at:
        yield not_back_at, "bed_not_back"


def moved_at_night(state: BedState, left_at: datetime) -> datetime | None:
    """The newest movement (of any kind); None where no sensor but the bed's has seen any in days."""
    eyes = state.elsewhere_at
    if eyes is None or left_at - eyes > _EYES:
        return None
    return state.where.active_at


def _night_ends(bed: Bed, at: datetime, zone: ZoneInfo, parameters: BedParameters) -> datetime | None:
    """When the night ends that `at` lies in, before this person ever gets up if that is known; None by day."""
    ends_h, usual = parameters.night_ends_h, bed.usual_up()
    if usual is not None:
        ends_h = min(max(usual[0] / 60 - _EARLY_H, _NIGHT_ENDS_H[0]), _NIGHT_ENDS_H[1])
    night = DailySpan(parameters.night_begins_h, ends_h)
    return night.end(at, zone) if night.covers(at, zone) else None


# --- whose bed ------------------------------------------------------------------------------------------------------


def bed_of(device: Device, home: Home) -> str:
    """The bed that a mat belongs to: its resident's, the only one, or, where two people have mats that are nobody's,
    its own."""
    if len(home.residents) <= 1:
        return ""
    return device.id if device.resident_id is None else str(device.resident_id)


def whose(key: str, home: Home) -> tuple[UUID | None, bool]:
    """The resident of a bed, and whether its alarms go by the device because nobody knows whose it is."""
    resident = next((one for one in home.residents if str(one) == key), None)
    return resident, bool(key) and resident is None


def is_there(bed: Bed, key: str, home: Home) -> bool:
    """False when its mats were taken away or given to somebody else."""
    return any(name in home.devices and bed_of(home.devices[name], home) == key for name in bed.mats)


def one_person(state: BedState, home: Home) -> bool:
    """Whether what moves elsewhere is who should be in this bed, as far as can be known."""
    return len(home.residents) <= 1 and len(state.beds) <= 1
