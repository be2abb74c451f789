"""Many homes of one area at once: which signs of outage (a silent gateway, mains lost) are one incident. Pure.

**What is truth.** Homes of one branch of the area tree lose power or line by one cause, at one time. It is one
incident, in the smallest branch that holds them all, and lists each of them. Homes that fall silent one by one, or far
from each other, are none.

Signs that follow each other closely in time are taken together. Of them the largest branch counts that has enough
homes, and enough of all its homes: three hundred of a street's thousand are the street's, not the city's, however large
the city; ten thousand are the city's, and not a hundred streets'. In a community, the smallest branch, enough homes are
enough: they are neighbours.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

from ingest.detect.call import Call
from ingest.detect.core import Parameters, bounded
from registry.area import LEVEL_DIGITS

KIND = "outage"


class OutageParameters(Parameters, frozen=True, kw_only=True):
    """When outages are one incident. Set for a station or a branch."""

    least: Annotated[
        int, bounded("homes", 2, 10_000, "up to four orders a desk reads one by one; more on one page")
    ] = 5
    share: Annotated[
        float, bounded("1", 0.0, 1.0, "of the homes of a branch above the community: a hundred of a city's 100,000 are "
                "scattered, a tenth of a street is not")
    ] = 0.1  # fmt: skip
    within_s: Annotated[
        float, bounded("s", 10.0, 3600.0, "a cut is one moment; heartbeats of 30 s, of which the last one counts, and "
                "a feeder that goes in steps")
    ] = 120.0  # fmt: skip
    gather_s: Annotated[
        float, bounded("s", 0.0, 120.0, "so long the first signs wait for more; half of the homes of a cut are known "
                "within half a heartbeat. Less than the three minutes after which each is paged by itself")
    ] = 15.0  # fmt: skip


#: Set as a detector's parameters are; the signs of many homes are judged by `ingest.outage`.
DETECTOR = Call(KIND, OutageParameters)


class Sign(NamedTuple):
    """A home's sign of outage. `at`: when it happened; `incident`: the one that it belongs to already."""

    alarm_id: UUID
    home_id: UUID
    area_code: str
    at: datetime
    incident: UUID | None = None


class Group(NamedTuple):
    """Signs that are one incident, and the smallest branch that holds all their homes."""

    area_code: str
    signs: tuple[Sign, ...]

    @property
    def homes(self) -> int:
        """How many homes they are."""
        return len({one.home_id for one in self.signs})


def group(signs: Iterable[Sign], homes: Mapping[str, int], parameters: OutageParameters) -> list[Group]:
    """The incidents among these signs. `homes`: community code -> how many homes that have a gateway are there."""
    found: list[Group] = []
    for together in _in_time(signs, timedelta(seconds=parameters.within_s)):
        found += _in_branch(together, list(LEVEL_DIGITS.values()), homes, parameters)
    return found


def _in_time(signs: Iterable[Sign], within: timedelta) -> list[list[Sign]]:
    """Cut where nothing happened for longer than `within`."""
    rows: list[list[Sign]] = []
    for one in sorted(signs, key=lambda sign: (sign.at, sign.alarm_id)):
        if rows and one.at - rows[-1][-1].at <= within:
            rows[-1].append(one)
        else:
            rows.append([one])
    return rows


def _in_branch(
    signs: Sequence[Sign], levels: Sequence[int], homes: Mapping[str, int], parameters: OutageParameters
) -> list[Group]:
    """The largest branches that qualify, from the first of these levels (digits of the code) down."""
    if len({one.home_id for one in signs}) < parameters.least or not levels:
        return []
    branches: dict[str, list[Sign]] = defaultdict(list)
    for one in signs:
        branches[one.area_code[: levels[0]]].append(one)
    found: list[Group] = []
    for prefix, some in sorted(branches.items()):
        silent = len({one.home_id for one in some})
        there = sum(count for code, count in homes.items() if code.startswith(prefix))
        share = parameters.share if len(levels) > 1 else 0.0
        if silent >= max(parameters.least, share * there):
            found.append(Group(smallest_branch(one.area_code for one in some), tuple(some)))
        else:
            found += _in_branch(some, levels[1:], homes, parameters)
    return found


def smallest_branch(codes: Iterable[str]) -> str:
    """The code of the smallest branch that holds all of these."""
    first, *others = sorted(set(codes))
    shared = max(
        (digits for digits in LEVEL_DIGITS.values() if all(one[:digits] == first[:digits] for one in others)), default=0
    )
    return first[:shared].ljust(12, "0")
