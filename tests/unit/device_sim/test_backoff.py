"""Pauses before the next connection."""

import random

from device_sim.backoff import Backoff


def test_pauses_double_up_to_the_longest_and_start_anew_after_a_connection_that_held() -> None:
    backoff = Backoff(first_s=1.0, longest_s=8.0, chance=_most())
    assert [backoff.pause_s(0.0) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert backoff.pause_s(29.0) == 8.0, "a connection that broke at once is no success"
    assert backoff.pause_s(30.0) == 1.0


def test_a_city_does_not_come_back_in_one_instant() -> None:
    pauses = {Backoff(first_s=1.0).pause_s(0.0) for _ in range(100)}
    assert len(pauses) > 90
    assert 0.5 <= min(pauses) <= max(pauses) <= 1.0


def _most() -> random.Random:
    class Most(random.Random):
        def uniform(self, _a: float, b: float) -> float:
            return b

    return Most()
