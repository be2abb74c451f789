"""The accountant finds whatever is lost, doubled or unreceipted, and excuses only what the broker forgot."""

import math
from collections import Counter
from uuid import uuid4

import pytest

from gateway.limits import NOBODY_LISTENS
from gateway.wire import Status
from tests.chaos.accountant import Stored, settle
from tests.chaos.ledger import BrokerEnd, Call, Ledger, Letter

GATEWAY, DEVICE = "gw-1", "h1-motion"
ALARM = uuid4()


def press(ledger: Ledger, number: int, *, kept: bool = True, receipts: tuple[Status, ...] = (Status.ACCEPTED,)) -> Call:
    """A call at second `number`, receipted a second later."""
    call = ledger.call(Call(GATEWAY, "h1-button", f"m{number}", "sos", "topic", b"{}", kept, born_at=float(number)))
    call.sendings.append(float(number))
    for status in receipts:
        alarm = ALARM if status in (Status.ACCEPTED, Status.DUPLICATE) else None
        ledger.receipted((GATEWAY, "h1-button", call.id), number + 1.0, status, alarm)
    return call


def read(
    ledger: Ledger, name: str, *, acked_at: float | None = 10.0, code: int = 0, broker: int = 0, plain: bool = False
) -> Letter:
    """A reading that the broker of that number acknowledged then."""
    letter = ledger.write(Letter("topic", b"{}", gateway=GATEWAY, messages=((DEVICE, name),), plain=plain, born_at=9.0))
    if acked_at is not None:
        ledger.acked(letter, acked_at, code, broker)
    return letter


def in_inbox(*numbers: int, rows: int = 1) -> Stored:
    """The database after these calls, all of one alarm."""
    inbox = {(GATEWAY, "h1-button", f"m{number}"): [ALARM] * rows for number in numbers}
    count = rows * len(numbers)
    return Stored(inbox=inbox, calls_of=Counter({ALARM: count} if count else {}), signals_of={ALARM: count})


def test_what_is_stored_and_receipted_once_breaks_nothing() -> None:
    ledger = Ledger()
    press(ledger, 1)
    press(ledger, 2, receipts=(Status.HOLD, Status.ACCEPTED, Status.DUPLICATE))
    read(ledger, "r1")
    stored = in_inbox(1, 2)
    stored.readings = Counter({(DEVICE, "r1"): 1})
    account = settle(ledger, stored)
    assert account.broken == []
    assert {key: account.alarm[key] for key in ("published", "lost", "doubled", "unreceipted")} == {
        "published": 2, "lost": 0, "doubled": 0, "unreceipted": 0,
    }  # fmt: skip
    assert account.reading == {"published": 1, "lost": 0, "doubled": 0, "lost_with_store": 0, "lost_unsaved": 0}


def test_a_lost_alarm_is_found_even_though_it_was_receipted() -> None:
    ledger = Ledger()
    lost = press(ledger, 1)
    account = settle(ledger, Stored())
    assert account.alarm["lost"] == 1
    assert account.broken[0].about is lost


def test_a_doubled_alarm_is_found_by_its_rows() -> None:
    ledger = Ledger()
    press(ledger, 1)
    assert settle(ledger, in_inbox(1, rows=2)).alarm["doubled"] == 1


@pytest.mark.parametrize(("counted", "what"), [(3, "doubled"), (1, "lost")])
def test_an_alarm_that_counts_a_call_twice_or_not_at_all_is_found(counted: int, what: str) -> None:
    ledger = Ledger()
    press(ledger, 1)
    press(ledger, 2)
    stored = in_inbox(1, 2)
    stored.signals_of = {ALARM: counted}
    account = settle(ledger, stored)
    assert account.alarm[what] == 1
    assert len(account.broken) == 1


@pytest.mark.parametrize("receipts", [(), (Status.HOLD,)])
def test_an_unreceipted_alarm_is_found(receipts: tuple[Status, ...]) -> None:
    ledger = Ledger()
    press(ledger, 1, receipts=receipts)
    account = settle(ledger, in_inbox(1))
    assert (account.alarm["unreceipted"], account.alarm["lost"]) == (1, 0)


def test_receipts_that_contradict_each_other_or_the_database_are_found() -> None:
    ledger = Ledger()
    press(ledger, 1, receipts=(Status.ACCEPTED, Status.REJECTED))
    press(ledger, 2, receipts=(Status.REJECTED,))
    assert settle(ledger, in_inbox(1, 2)).alarm["contradicted"] == 2


def test_a_rejected_message_must_be_in_the_quarantine() -> None:
    ledger = Ledger()
    press(ledger, 1, kept=False, receipts=(Status.REJECTED,))
    assert settle(ledger, Stored(marks=frozenset({"m1"}))).broken == []
    assert settle(ledger, Stored()).alarm["lost"] == 1


@pytest.mark.parametrize(("rows", "what"), [(0, "lost"), (2, "doubled")])
def test_a_lost_and_a_doubled_reading_are_found(rows: int, what: str) -> None:
    ledger = Ledger()
    bad = read(ledger, "r1")
    account = settle(ledger, Stored(readings=Counter({(DEVICE, "r1"): rows})))
    assert account.reading[what] == 1
    assert account.broken[0].about is bad


def test_poison_that_vanished_is_found() -> None:
    ledger = Ledger()
    ledger.write(Letter("topic", b"\xff", gateway=GATEWAY, mark="poison-c1-1"))
    assert settle(ledger, Stored(marks=frozenset({"poison-c1-1"}))).broken == []
    assert settle(ledger, Stored()).poison["missing"] == 1


@pytest.mark.parametrize(("saved_at", "what"), [(None, "lost_with_store"), (4.0, "missing")])
def test_poison_on_the_alarm_lane_is_excused_while_its_session_is_not_back_after_a_lost_store(
    saved_at: float | None, what: str
) -> None:
    ledger = Ledger(ends=[BrokerEnd(5.0, saved_at)])
    letter = ledger.write(Letter("carebed/v1/a7/gw-1/alarm/x", b"\xff", gateway=GATEWAY, mark="poison-c1-1"))
    ledger.acked(letter, 10.0, 0, 1)
    assert settle(ledger, Stored()).poison[what] == 1


def lost_as(ledger: Ledger) -> str:
    """What the accountant calls the one missing reading."""
    account = settle(ledger, Stored())
    figures = account.plain if account.plain["published"] else account.reading
    (what,) = (key for key in ("lost", "lost_with_store", "lost_unsaved") if figures[key])
    assert bool(account.broken) == (what == "lost")
    return what


def test_a_store_lost_after_the_acknowledgement_excuses_what_need_not_come_again() -> None:
    ledger = Ledger(ends=[BrokerEnd(200.0, saved_at=None)])
    read(ledger, "r1", acked_at=10.0)
    ledger.came_back[GATEWAY] = [(201.0, 1)]
    assert lost_as(ledger) == "lost_with_store"


def test_a_store_lost_excuses_nothing_that_its_gateway_still_had_to_publish_again() -> None:
    ledger = Ledger(ends=[BrokerEnd(12.0, saved_at=None)])
    read(ledger, "r1", acked_at=10.0)
    ledger.came_back[GATEWAY] = [(13.0, 1)]
    assert lost_as(ledger) == "lost"


def test_a_store_lost_long_before_the_acknowledgement_excuses_nothing() -> None:
    ledger = Ledger(ends=[BrokerEnd(5.0, saved_at=None), BrokerEnd(7.0, saved_at=7.0)])
    read(ledger, "r1", acked_at=10.0, broker=2)
    assert lost_as(ledger) == "lost"


def test_what_a_broker_without_subscribers_acknowledged_after_it_lost_its_store_is_lost_with_it() -> None:
    ledger = Ledger(ends=[BrokerEnd(5.0, saved_at=None)])
    read(ledger, "r1", acked_at=10.0, broker=1, code=NOBODY_LISTENS)
    assert lost_as(ledger) == "lost_with_store"


def test_a_store_lost_excuses_nothing_that_ingest_had_taken_before() -> None:
    ledger = Ledger(ends=[BrokerEnd(200.0, None, passed={"reading": 11.0})])
    read(ledger, "r1", acked_at=10.0)
    assert lost_as(ledger) == "lost"


@pytest.mark.parametrize(
    ("back_at", "code", "what"),
    [(11.0, NOBODY_LISTENS, "lost_with_store"), (9.0, NOBODY_LISTENS, "lost"), (11.0, 0, "lost"), (9.0, 0, "lost")],
)
def test_a_lost_store_excuses_what_nobody_heard_before_ingest_was_back_if_the_broker_said_so(
    back_at: float, code: int, what: str
) -> None:
    ledger = Ledger(ends=[BrokerEnd(5.0, None, back_at={"reading": back_at})])
    read(ledger, "r1", acked_at=10.0, broker=1, code=code, plain=True)
    assert lost_as(ledger) == what


@pytest.mark.parametrize(
    ("back_at", "saved_at", "what"),
    [
        (20.0, 7.0, "lost_with_store"),
        (6.5, 6.0, "lost_with_store"),
        (6.5, 7.0, "lost"),
        (20.0, math.inf, "lost_with_store"),
    ],
)
def test_a_broker_has_no_sessions_until_one_was_saved_in_which_ingest_was_back(
    back_at: float, saved_at: float, what: str
) -> None:
    """The store was lost, and the broker after it ended as well, before ingest was back or after it."""
    ends = [BrokerEnd(5.0, None, back_at={"reading": back_at}), BrokerEnd(7.0, saved_at, back_at={"reading": 20.0})]
    ledger = Ledger(ends=ends)
    read(ledger, "r1", acked_at=10.0, broker=2, code=NOBODY_LISTENS, plain=True)
    assert lost_as(ledger) == what


@pytest.mark.parametrize("ends", [[], [BrokerEnd(5.0, saved_at=4.0)]])
def test_nobody_listening_is_no_excuse_where_no_store_was_ever_lost(ends: list[BrokerEnd]) -> None:
    ledger = Ledger(ends=ends)
    read(ledger, "r1", code=NOBODY_LISTENS, broker=len(ends))
    assert lost_as(ledger) == "lost"


@pytest.mark.parametrize(("saved_at", "what"), [(9.0, "lost_unsaved"), (11.0, "lost")])
def test_a_killed_broker_excuses_only_what_it_had_not_saved(saved_at: float, what: str) -> None:
    ledger = Ledger(ends=[BrokerEnd(12.0, saved_at)])
    read(ledger, "r1", acked_at=10.0, plain=True)
    ledger.came_back[GATEWAY] = [(13.0, 1)]
    assert lost_as(ledger) == what


def test_what_nobody_heard_though_the_sessions_were_there_is_not_excused_by_a_later_kill() -> None:
    ledger = Ledger(ends=[BrokerEnd(12.0, saved_at=9.0)])
    read(ledger, "r1", acked_at=10.0, code=NOBODY_LISTENS, plain=True)
    assert lost_as(ledger) == "lost"


def test_a_gateway_that_remembers_is_not_excused_by_a_kill() -> None:
    ledger = Ledger(ends=[BrokerEnd(12.0, saved_at=9.0)])
    read(ledger, "r1", acked_at=10.0)
    ledger.came_back[GATEWAY] = [(13.0, 1)]
    assert lost_as(ledger) == "lost"
