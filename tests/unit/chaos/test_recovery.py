"""How long a lane needed after a fault."""

from uuid import uuid4

from gateway.wire import Status
from tests.chaos.ledger import BrokerEnd, Call
from tests.chaos.recovery import alarm_lane_s, figures, watermark_s, with_watermarks
from tests.chaos.watch import Sample


def pressed(born_at: float, receipted_at: float | None) -> Call:
    """A call and its receipt."""
    call = Call("gw", "button", f"m{born_at}", "sos", "topic", b"", True, born_at)
    if receipted_at is not None:
        call.receipts.append((receipted_at, Status.ACCEPTED, uuid4()))
    return call


def test_the_alarm_lane_is_back_with_the_first_receipt_for_something_pressed_after_the_fault() -> None:
    calls = [pressed(1, 9), pressed(4, None), pressed(5, 8), pressed(6, 7)]
    assert alarm_lane_s(calls, [0, 2, 5.5, 6.5]) == [7, 5, 1.5]


def test_the_reading_lane_is_back_when_the_oldest_watermark_has_passed_the_fault() -> None:
    samples = [Sample(1, {"reading": 0.5}), Sample(3, {"reading": 0.6}), Sample(5, {"reading": 4.0}), Sample(6, {})]
    assert watermark_s(samples, "reading", [0.1, 2, 4.5]) == [0.9, 3]


def test_figures_of_nothing_are_nothing() -> None:
    assert figures([]) == {"count": 0, "p50": None, "p99": None, "longest": None}
    assert figures([3.0, 1.0, 2.0]) == {"count": 3, "p50": 2.0, "p99": 3.0, "longest": 3.0}


def test_the_watermarks_tell_what_was_stored_when_a_broker_ended_and_when_ingest_was_back() -> None:
    samples = [
        Sample(1, {"reading": 0.5}),
        Sample(3, {"reading": 2.5}),
        Sample(5, {"reading": 2.5}),
        Sample(6, {"reading": 5.5}),
    ]
    (end,) = with_watermarks([BrokerEnd(4.0, None)], samples)
    assert (end.passed, end.back_at) == ({"reading": 2.5}, {"reading": 6})
