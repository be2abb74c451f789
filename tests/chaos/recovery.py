"""How long each lane needed after a fault: pure figures from the ledger and the samples."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tests.chaos.ledger import BrokerEnd, Call
from tests.chaos.watch import Sample


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of them lie; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figures(values: Sequence[float]) -> dict[str, float | int | None]:
    """p50, p99 and the longest, in seconds."""
    shares = {"p50": 0.5, "p99": 0.99, "longest": 1.0}
    found = {name: percentile(values, share) for name, share in shares.items()}
    return {"count": len(values)} | {name: None if one is None else round(one, 3) for name, one in found.items()}


def receipt_s(calls: Iterable[Call]) -> list[float]:
    """Seconds from each press to its receipt, outages included."""
    return [call.receipted_at - call.born_at for call in calls if call.receipted_at is not None]


def alarm_lane_s(calls: Iterable[Call], faults_ended: Sequence[float]) -> list[float]:
    """Seconds from the end of each fault until something that was pressed after it had its receipt."""
    pairs = sorted((call.born_at, call.receipted_at) for call in calls if call.receipted_at is not None)
    born = [pair[0] for pair in pairs]
    # Of everything pressed from here on, the first receipt.
    earliest = [float("inf")] * (len(pairs) + 1)
    for index in range(len(pairs) - 1, -1, -1):
        earliest[index] = min(earliest[index + 1], pairs[index][1])
    found = (earliest[bisect_left(born, end)] - end for end in faults_ended)
    return [one for one in found if one != float("inf")]


def watermark_s(samples: Sequence[Sample], lane: str, faults_ended: Sequence[float]) -> list[float]:
    """Seconds from the end of each fault until all that was published before it was committed, in every shard group."""
    marks = [(sample.at, sample.marks[lane]) for sample in samples if lane in sample.marks]
    times = [at for at, _ in marks]
    found = []
    for end in faults_ended:
        later = marks[bisect_left(times, end) :]
        reached = next((at for at, mark in later if mark >= end), None)
        if reached is not None:
            found.append(reached - end)
    return found


def with_watermarks(ends: Sequence[BrokerEnd], samples: Sequence[Sample]) -> list[BrokerEnd]:
    """What the samples tell of each end of a broker: up to when ingest had stored, and when it was all back."""
    lanes = sorted({lane for sample in samples for lane in sample.marks})
    found = []
    for end in ends:
        passed = {
            lane: max((sample.marks.get(lane, 0.0) for sample in samples if sample.at <= end.at), default=0.0)
            for lane in lanes
        }
        back_at = {
            lane: next((sample.at for sample in samples if sample.marks.get(lane, 0.0) > end.at), float("inf"))
            for lane in lanes
        }
        found.append(replace(end, passed=passed, back_at=back_at))
    return found
