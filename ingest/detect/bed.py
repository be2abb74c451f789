"""The bed: not back at night, not up in the morning, in it far too long, out of it alone.

What must raise `bed` (urgent, closed by a person only), and by when:

- `bed_still`: out of bed at night and down. Within `still_min` of the last movement, or of leaving the bed when none
  was seen. Who has been up and moving for longer than that has settled in a chair: twice the span. Homes where only
  the bed has a sensor: twice the span after leaving it.
- `bed_not_back`: out of bed at night, moving about, not back within `not_back_min`; only while the night lasts.
- `bed_not_up`: in bed `margin_min` after the time by which this person is up on 19 of 20 days (until seven mornings are
  known: at `latest_up_h`), and in bed for at least seven hours, visits to the toilet included.
- `bed_too_long`: in bed for `too_long_h` without a break.
- `bed_alone`: out of bed, of somebody who must not walk alone (`alone`, off by default), after `alone_grace_s`.

What must not: sleep before the usual time; visits to the toilet; sitting in the living room for an hour at night;
getting up early (for `bed_still` and `bed_not_back` the night ends half an hour before this person's earliest usual
morning); a nap; a chattering mat; a mat that got stuck (in a home of one person: once a stay at most, and never while
somebody moves outside the bedroom); somebody who went out by the door, or whose absence is entered. Motion sensors are
told apart by their room: one without a room counts as outside the bedroom.

A person with several mats is in bed while any of them is occupied. Mats of a home with several residents that are
nobody's are beds of their own.
"""

from datetime import datetime

import msgspec

from gateway.lanes import ReadingType
from ingest.detect import bed_words as words
from ingest.detect.bed_plan import (
    EXIT_CODES,
    UP,
    BedParameters,
    BedState,
    bed_of,
    is_there,
    moved_at_night,
    next_due,
    one_person,
    plans,
    up_by,
    whose,
)  # fmt: skip
from ingest.detect.bed_stay import Bed, get_up, hear, is_news, saw_elsewhere
from ingest.detect.core import Clearing, Event, Finding, Home, Step, as_flag, evidence
from ingest.detect.whereabouts import TYPES, entrances, follow


class BedDetector:
    """See the module."""

    name = "bed"
    events = TYPES
    wakes = frozenset({ReadingType.BED})
    parameters = BedParameters
    state = BedState

    def event(self, state: BedState, event: Event, home: Home, parameters: BedParameters) -> Step:
        """Beds remember who lies in them; movement elsewhere shows that somebody is up."""
        where = follow(state.where, event, home, pets=parameters.pets)
        moved = where is not state.where and where.active_at == event.at
        state = msgspec.structs.replace(state, where=where)
        cleared: list[Clearing] = []
        if event.type == ReadingType.BED:
            state, cleared = _heard(state, event, home)
        elif moved and event.device.room != "bedroom":  # sensors there notice who turns over in bed
            state, cleared = _saw_elsewhere(state, event, home)
        return Step(state, cleared=tuple(cleared), due_at=next_due(state, home, parameters))

    def due(self, state: BedState, at: datetime, home: Home, parameters: BedParameters) -> Step:
        """A stay is over, or something is amiss."""
        raised: list[Finding] = []
        for key in sorted(state.beds):
            for when, code in sorted(plans(state, key, home, parameters)):
                if when > at:
                    continue
                bed = state.beds[key]
                if code == UP:
                    left_at = bed.left_at or at
                    local = left_at.astimezone(home.zone)
                    bed = get_up(bed, local.hour * 60 + local.minute, local.date().isoformat())
                    state = _with(state, key, bed)
                    break  # the stay that the other plans were for is over
                if home.absent(at) is None:
                    raised.append(_finding(code, state, key, when, home, parameters))
                state = _with(state, key, msgspec.structs.replace(bed, told=(*bed.told, code)))
        return Step(state, raised=tuple(raised), due_at=next_due(state, home, parameters))


DETECTOR = BedDetector()


# --- what happened --------------------------------------------------------------------------------------------------


def _heard(state: BedState, event: Event, home: Home) -> tuple[BedState, list[Clearing]]:
    occupied = as_flag(event.value)
    key = bed_of(event.device, home)
    before = state.beds.get(key, Bed())
    if occupied is None or not is_news(before, event.device.id, event.at):
        return state, []
    here = {name: one for name, one in before.mats.items() if name in home.devices}
    before = msgspec.structs.replace(before, mats=here)
    bed = hear(before, evidence(event), state.elsewhere_at, occupied=occupied)
    cleared = []
    if before.left_at is not None and bed.left_at is None and bed.began_at == before.began_at:
        if any(code in bed.told for code in EXIT_CODES):
            cleared.append(_over("bed_back", key, bed, event, home))
        kept = tuple(code for code in bed.told if code not in EXIT_CODES)
        bed = msgspec.structs.replace(bed, told=kept)
    if before.left_at is None and bed.left_for_sure(state.elsewhere_at) and _lies_too_long(bed):
        cleared.append(_over("bed_up", key, bed, event, home))
        bed = msgspec.structs.replace(bed, told=(*bed.told, "over"))
    others = {name: one for name, one in state.beds.items() if is_there(one, name, home)}
    return _with(msgspec.structs.replace(state, beds=others), key, bed), cleared


def _saw_elsewhere(state: BedState, event: Event, home: Home) -> tuple[BedState, list[Clearing]]:
    known_at, cleared = state.elsewhere_at, []
    if known_at is not None and known_at >= event.at:
        return state, []
    for key, before in state.beds.items() if one_person(state, home) else ():
        bed = saw_elsewhere(before, event.at, state.elsewhere_at)
        down = "bed_still" in bed.told and bed.left_at is not None and event.at > bed.left_at
        if (down and "over" not in bed.told) or _lies_too_long(bed):
            cleared.append(_over("bed_moves", key, bed, event, home))
            bed = msgspec.structs.replace(bed, told=(*bed.told, "over"))
        state = _with(state, key, bed)
    state = msgspec.structs.replace(state, elsewhere_at=event.at)
    if event.type == ReadingType.DOOR and event.device.id in entrances(home.devices.values()):
        return state, cleared
    return msgspec.structs.replace(state, elsewhere=evidence(event)), cleared


def _lies_too_long(bed: Bed) -> bool:
    return ("bed_not_up" in bed.told or "bed_too_long" in bed.told) and "over" not in bed.told


# --- what is said ---------------------------------------------------------------------------------------------------


def _finding(code: str, state: BedState, key: str, when: datetime, home: Home, parameters: BedParameters) -> Finding:
    bed, zone = state.beds[key], home.zone
    lying_from, left_at = bed.lying_from or when, bed.left_at or when
    happened_at = left_at
    if code == "bed_still":
        moved_at = moved_at_night(state, left_at)
        happened_at = max(left_at, moved_at or left_at)
        why = words.why_still(left_at, moved_at, parameters.still_min, zone)
    elif code == "bed_not_back":
        why = words.why_not_back(left_at, parameters.not_back_min, zone)
    elif code == "bed_alone":
        why = words.why_alone(left_at, zone)
    elif code == "bed_not_up":
        happened_at = up_by(state, bed, home, parameters)
        why = words.why_not_up(bed, happened_at, parameters.margin_min, zone)
    else:
        happened_at = lying_from
        why = words.why_too_long(lying_from, state.elsewhere_at, parameters.too_long_h, zone)
    resident, per_device = whose(key, home)
    led = [one for one in (bed.lay_down, bed.got_out if bed.left_at else None, state.elsewhere) if one is not None]
    return Finding(
        "bed", happened_at, why, tuple(sorted(led, key=lambda one: one.at)), _mat(bed), resident, per_device=per_device
    )


def _over(code: str, key: str, bed: Bed, event: Event, home: Home) -> Clearing:
    resident, per_device = whose(key, home)
    why = words.why_over(code, event.at, home.zone)
    return Clearing("bed", event.at, why, _mat(bed), resident, per_device=per_device)


def _mat(bed: Bed) -> str:
    """The one that spoke last."""
    return max(bed.mats, key=lambda name: bed.mats[name].heard_at)


def _with(state: BedState, key: str, bed: Bed) -> BedState:
    return msgspec.structs.replace(state, beds={**state.beds, key: bed})
