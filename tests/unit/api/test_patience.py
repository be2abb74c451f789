"""Wrong passwords: ten in five minutes, then a pause for that login alone."""

from api.patience import FAILURES, WINDOW_S, Patience


class Clock:
    """A clock that stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_tenth_failure_brings_a_pause_that_ends_when_the_first_is_old() -> None:
    clock = Clock()
    patience = Patience(clock)
    for _ in range(FAILURES):
        assert patience.wait_s("operator") == 0
        patience.failed("operator")
        clock.now += 10
    assert patience.wait_s("operator") == WINDOW_S - 100
    assert patience.wait_s("manager") == 0
    clock.now += WINDOW_S - 100
    assert patience.wait_s("operator") == 0
    patience.failed("operator")
    assert 0 < patience.wait_s("operator") <= 10, "one more try is one more failure, not ten"


def test_the_right_password_forgives() -> None:
    patience = Patience(Clock())
    for _ in range(FAILURES - 1):
        patience.failed("operator")
    patience.succeeded("operator")
    patience.failed("operator")
    assert patience.wait_s("operator") == 0


def test_a_flood_of_names_is_forgotten_and_fills_no_memory() -> None:
    patience = Patience(Clock())
    for number in range(25_000):
        patience.failed(f"name{number}")
    assert len(patience._failures) <= 10_000
