"""One person's bed: mats and straps in, the stay in it out. A night in bed is one stay, toilet visits included.

Mats chatter: a person who turns over, or lies between two of them, is lost for seconds, and for an hour on bad mats
(recorded home B: 4,670 intervals in fifteen nights). So a short gap is none, and a mat that is known to chatter is not
believed that somebody got up until something else in the home has moved as well.
"""

from datetime import datetime, timedelta
from math import ceil

import msgspec

from ingest.detect.core import Evidence

#: Out of bed for less than this is turning over.
MERGE = timedelta(minutes=2)

#: Out of bed for this long, by day, is being up; the stay is over.
UP_FOR = timedelta(minutes=60)

#: Emptied this often in one stay: the mat chatters. Somebody with a bad night gets up six times.
_CHATTERS_FROM = 15
_CHATTER_REMEMBERED = timedelta(days=14)

#: A mat that has said nothing for so long is not taken for somebody in bed.
_STALE = timedelta(hours=36)

#: Movement counts as getting up also when the sensor saw it a little before the mat let go.
_BEFORE = timedelta(seconds=60)

#: After a gap like this a stay is another one, whatever else is unclear.
_ANOTHER_DAY = timedelta(hours=6)

#: Get-up times that are remembered (two for each weekday would be the least; four weeks follow the season).
_REMEMBERED = 28

#: Get-up times known before the person's own habit counts.
KNOWN_FROM = 7

#: Getting up is that between these hours of the local day, after a stay that was no nap.
_MORNING_H = (3.0, 15.0)
_NO_NAP = timedelta(hours=3)


class Mat(msgspec.Struct, frozen=True):
    """What one mat or strap said last, and when it was heard."""

    occupied: bool
    heard_at: datetime


class Bed(msgspec.Struct, frozen=True, omit_defaults=True):
    """`began_at`: when the stay began, None: nobody's in bed. `lying_from`: since when without a real absence.

    `left_at`: since when it is empty within the stay. `emptied`: how often in it. `told`: what has been raised.
    `ups`: minutes of the local day at which the person got up, oldest first; `up_on`: the newest one's date.
    """

    mats: dict[str, Mat] = {}
    began_at: datetime | None = None
    lying_from: datetime | None = None
    left_at: datetime | None = None
    emptied: int = 0
    chattered_at: datetime | None = None
    told: tuple[str, ...] = ()
    ups: tuple[int, ...] = ()
    up_on: str | None = None
    lay_down: Evidence | None = None
    got_out: Evidence | None = None

    @property
    def chatters(self) -> bool:
        """Whether its mat loses the person while he lies there."""
        recent = self.chattered_at
        since = self.left_at or self.lying_from
        return recent is not None and since is not None and since - recent < _CHATTER_REMEMBERED

    def left_for_sure(self, moved_at: datetime | None) -> bool:
        """It is empty, and not only because the mat chatters. `moved_at`: the newest movement
        that cannot come from the bed."""
        if self.left_at is None:
            return False
        return not self.chatters or (moved_at is not None and moved_at >= self.left_at - _BEFORE)

    def usual_up(self) -> tuple[int, int] | None:
        """Minutes of the local day before and after which the person hardly ever gets up (5th and 95th percentile, by
        nearest rank); None while fewer than seven mornings are known."""
        if len(self.ups) < KNOWN_FROM:
            return None
        ranked, rank = sorted(self.ups), ceil(0.95 * len(self.ups))
        return ranked[len(ranked) - rank], ranked[rank - 1]


def is_news(bed: Bed, device_id: str, at: datetime) -> bool:
    """False for what is older than what the mat has said already, or the same again."""
    known = bed.mats.get(device_id)
    return known is None or at > known.heard_at


def hear(bed: Bed, event: Evidence, moved_at: datetime | None, *, occupied: bool) -> Bed:
    """The bed after its mat spoke; a bed of several mats is empty when all of them are."""
    mats = {**bed.mats, event.device_id: Mat(occupied, event.at)}
    after = msgspec.structs.replace(bed, mats=mats)
    in_it = any(one.occupied and event.at - one.heard_at < _STALE for one in mats.values())
    was_in_it = bed.began_at is not None and bed.left_at is None
    if in_it and not was_in_it:
        return _lie_down(after, event, moved_at)
    if was_in_it and not in_it:
        return _get_out(after, event)
    return after


def saw_elsewhere(bed: Bed, at: datetime, moved_at: datetime | None) -> Bed:
    """Somebody moved outside the bedroom: a mat that chatters lost the person earlier, but it is now that he is up."""
    if bed.left_at is None or bed.left_for_sure(moved_at) or at <= bed.left_at:
        return bed
    return msgspec.structs.replace(bed, left_at=at)


def get_up(bed: Bed, minute: int, day: str) -> Bed:
    """The stay is over: the person is up. `minute`, `day`: local time and date at which the bed was left."""
    known = msgspec.structs.replace(
        bed, began_at=None, lying_from=None, left_at=None, emptied=0, told=(), lay_down=None, got_out=None
    )
    began_at, left_at = bed.began_at, bed.left_at
    if began_at is None or left_at is None or left_at - began_at < _NO_NAP or day == bed.up_on:
        return known
    if not _MORNING_H[0] * 60 <= minute < _MORNING_H[1] * 60:
        return known
    return msgspec.structs.replace(known, ups=(*bed.ups, minute)[-_REMEMBERED:], up_on=day)


def _lie_down(bed: Bed, event: Evidence, moved_at: datetime | None) -> Bed:
    at, left_at = event.at, bed.left_at
    if bed.began_at is None or (left_at is not None and at - left_at >= _ANOTHER_DAY):
        return msgspec.structs.replace(
            bed, began_at=at, lying_from=at, left_at=None, emptied=0, told=(), lay_down=event, got_out=None
        )
    absent = left_at is not None and at - left_at >= MERGE and bed.left_for_sure(moved_at)
    lying_from = at if absent else bed.lying_from
    return msgspec.structs.replace(bed, left_at=None, lying_from=lying_from, lay_down=event if absent else bed.lay_down)


def _get_out(bed: Bed, event: Evidence) -> Bed:
    emptied = bed.emptied + 1
    chattered_at = event.at if emptied >= _CHATTERS_FROM else bed.chattered_at
    return msgspec.structs.replace(bed, left_at=event.at, emptied=emptied, chattered_at=chattered_at, got_out=event)
