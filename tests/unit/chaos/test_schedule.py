"""The schedule of chaos: the same from the same seed, and everything comes up in it."""

from collections import Counter

from tests.chaos.schedule import KINDS, draw


def test_the_same_seed_gives_the_same_schedule_and_another_one_another() -> None:
    assert draw(7, 200, 100) == draw(7, 200, 100) != draw(8, 200, 100)


def test_a_thousand_faults_are_of_every_kind_in_order_and_within_the_time() -> None:
    faults = draw(1, 1_000, 600)
    assert Counter(fault.kind for fault in faults).keys() == KINDS.keys()
    times = [fault.at_s for fault in faults]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 600
    for fault in faults:
        spans = KINDS[fault.kind].spans_s
        assert fault.target in KINDS[fault.kind].targets
        assert spans[0] <= fault.span_s <= spans[1] if spans else fault.span_s == 0
