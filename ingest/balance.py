"""Who serves how many shard groups: pure functions over what a look at the leases shows.

Every worker draws the same conclusions from the same rows, so nobody has to be asked and nobody leads.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colleague:
    """A worker of the lane. `expired`: it has not renewed its leases in time; `gone`: its connection is closed."""

    id: str
    expired: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What one worker should do now. `quota`: its share of the groups; `take`: how many of those that are free."""

    quota: int
    hand_over: list[str]
    take: int


def the_dead(colleagues: Collection[Colleague], watched_s: float, lease_s: float, been_away: bool) -> list[str]:
    """Whose leases may be taken away.

    `watched_s`: for how long we have been in touch with the database without a pause; `been_away`: we lost touch since
    our start. When a database comes back everybody looks expired, and everybody else's connection is gone: whoever is
    back first must not take it all. So whoever was away himself watches for a whole lease before he judges others. One
    that has just started was not away: a closed connection tells it at once that its predecessor is dead.
    """
    patient = watched_s >= lease_s
    return [one.id for one in colleagues if (one.expired and patient) or (one.gone and (patient or not been_away))]


def plan(me: str, workers: Collection[str], owners: Mapping[str, str | None]) -> Plan:
    """Equal shares with as few moves as possible. `workers`: all that live, `me` included; `owners`: group -> owner.

    Where the groups do not divide, those who hold most keep one more. Surplus is handed over, and only what is free is
    taken; a group of somebody who is no worker any more waits until its owner is found dead or has handed it over.
    """
    held = dict.fromkeys(workers, 0)
    for owner in owners.values():
        if owner in held:
            held[owner] += 1
    order = sorted(held, key=lambda worker: (-held[worker], worker))
    share, one_more = divmod(len(owners), len(order))
    quota = share + (order.index(me) < one_more)
    mine = sorted(group for group, owner in owners.items() if owner == me)
    return Plan(quota, mine[quota:], max(0, quota - len(mine)))
