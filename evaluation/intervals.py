"""95 % intervals: of counts by the exact Poisson interval, of everything else by resampling."""

import random
from collections.abc import Callable, Sequence
from math import exp, sqrt
from statistics import NormalDist
from typing import TypeVar

_RESAMPLED = 1000
_SEED = 20090601

Interval = tuple[float, float]

Group = TypeVar("Group")


def poisson_interval(count: int, share: float = 0.95) -> Interval:
    """Garwood's exact interval of an expected count, of which `count` came."""
    tail = (1 - share) / 2
    low = 0.0 if count == 0 else _mean_where(lambda mean: 1 - _poisson_up_to(count - 1, mean) - tail, count)
    return low, _mean_where(lambda mean: tail - _poisson_up_to(count, mean), count)


def wilson_interval(count: int, of: int, share: float = 0.95) -> Interval:
    """Of a share, `count` of `of`."""
    if of == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + share) / 2)
    found = count / of
    middle, half = found + z * z / (2 * of), z * sqrt(found * (1 - found) / of + z * z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))


def resampled_interval(
    groups: Sequence[Group], figure: Callable[[Sequence[Group]], float], share: float = 0.95
) -> Interval:
    """Bootstrap over groups (people, days) within which what was seen hangs together; the same every time."""
    chance = random.Random(_SEED)
    found = sorted(figure(chance.choices(groups, k=len(groups))) for _ in range(_RESAMPLED))
    cut = int((1 - share) / 2 * len(found))
    return found[cut], found[-1 - cut]


def _poisson_up_to(count: int, mean: float) -> float:
    term = total = exp(-mean)
    for number in range(1, count + 1):
        term *= mean / number
        total += term
    return total


def _mean_where(rising: Callable[[float], float], count: int) -> float:
    """Where the function crosses zero, by halving; counts of evaluations are small."""
    low, high = 0.0, 10.0 + count + 10 * sqrt(count + 1)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return high
