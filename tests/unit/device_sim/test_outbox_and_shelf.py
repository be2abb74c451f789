"""A gateway's two memories, on a clock that the tests hold."""

from device_sim.outbox import Outbox
from device_sim.shelf import Shelf
from gateway.limits import KEEP_AFTER_PUBACK, NOBODY_LISTENS_PAUSE_S, RESEND_AT_MOST
from gateway.wire import Receipt, Status

KEEP_S = KEEP_AFTER_PUBACK.total_seconds()


async def test_an_alarm_is_due_at_once_and_then_every_5_to_20_s() -> None:
    outbox = Outbox()
    entry = outbox.put("topic", "button", "1", b"payload", 100.0)
    assert outbox.due(100.0) == [entry]
    pauses = []
    now = 100.0
    for _ in range(200):
        outbox.sent(entry, now)
        pauses.append(entry.due_s - now)
        assert outbox.due(entry.due_s - 0.001) == []
        now = entry.due_s
    assert 5.0 <= min(pauses) < 7.0
    assert 18.0 < max(pauses) <= 20.0


async def test_only_a_final_receipt_of_this_device_and_message_settles_it() -> None:
    outbox = Outbox()
    entry = outbox.put("topic", "button", "1", b"payload", 0.0)
    for device, receipt in (
        ("button", Receipt("1", Status.HOLD)),
        ("band", Receipt("1", Status.ACCEPTED)),
        ("button", Receipt("2", Status.ACCEPTED)),
        ("button", Receipt(None, Status.REJECTED)),
    ):
        assert outbox.receipted(device, receipt) is None
    assert not entry.settled.done()
    assert outbox.receipted("button", Receipt("1", Status.REJECTED, reason="bad_time")) is entry
    assert entry.settled.result() == Receipt("1", Status.REJECTED, reason="bad_time")
    assert len(outbox) == 0


async def test_after_a_reconnect_what_may_be_lost_goes_again_but_not_within_5_s() -> None:
    outbox = Outbox(resend_s=(5.0, 20.0))
    entry = outbox.put("topic", "button", "1", b"payload", 0.0)
    outbox.sent(entry, 0.0)
    entry.due_s = 20.0
    outbox.reconnected(1.0)
    assert entry.due_s == 5.0
    entry.due_s = 20.0
    outbox.reconnected(9.0)
    assert entry.due_s == 9.0


async def test_without_a_receipt_the_device_starts_its_other_route_once_and_gives_up_after_30_min() -> None:
    outbox = Outbox()
    entry = outbox.put("topic", "button", "1", b"payload", 0.0)
    assert outbox.needing_other_route(59.9) == []
    assert outbox.needing_other_route(60.0) == [entry]
    assert outbox.needing_other_route(61.0) == []
    assert outbox.give_up(RESEND_AT_MOST.total_seconds() - 1) == []
    assert outbox.give_up(RESEND_AT_MOST.total_seconds()) == [entry]
    assert entry.settled.result() is None


def test_readings_come_again_after_a_reconnect_for_two_minutes_after_their_puback() -> None:
    shelf = Shelf()
    for number in range(4):
        shelf.put("topic", b"%d" % number)
    taken = [shelf.take(0.0) for _ in range(3)]
    assert all(taken)
    for parcel, acked_s in zip(taken[:2], (0.0, 60.0), strict=True):
        assert parcel is not None
        shelf.acked(parcel, acked_s)
    assert not shelf.empty

    assert shelf.rewind(KEEP_S + 1) == 2

    again = [shelf.take(0.0) for _ in range(3)]
    assert [parcel.payload for parcel in again if parcel] == [b"1", b"2", b"3"]


def test_the_shelf_is_empty_only_when_all_is_acknowledged() -> None:
    shelf = Shelf()
    assert shelf.empty
    shelf.put("topic", b"1")
    parcel = shelf.take(0.0)
    assert parcel is not None
    assert not shelf.empty
    shelf.acked(parcel, 0.0)
    assert shelf.empty
    shelf.rewind(1.0)
    assert not shelf.empty


def test_what_nobody_heard_comes_again_after_a_pause_and_in_its_order() -> None:
    shelf = Shelf()
    for number in range(4):
        shelf.put("topic", b"%d" % number)
    sent = [parcel for _ in range(3) if (parcel := shelf.take(0.0))]
    shelf.acked(sent[0], 1.0)
    for parcel in sent[1:]:
        shelf.unheard(parcel, 1.0)
    assert (shelf.empty, shelf.rests) == (False, True)
    assert shelf.take(0.9 + NOBODY_LISTENS_PAUSE_S) is None
    again = [shelf.take(1.0 + NOBODY_LISTENS_PAUSE_S) for _ in range(4)]
    assert [parcel.payload for parcel in again if parcel] == [b"1", b"2", b"3"]
    assert not shelf.rests
    for parcel in again[:3]:
        assert parcel is not None
        shelf.acked(parcel, 8.0)
    assert shelf.empty


def test_what_nobody_heard_comes_again_at_once_after_a_reconnect_and_only_once() -> None:
    shelf = Shelf()
    shelf.put("topic", b"1")
    parcel = shelf.take(0.0)
    assert parcel is not None
    shelf.unheard(parcel, 1.0)
    assert shelf.rewind(1.1) == 1
    shelf.unheard(parcel, 1.2)
    assert [shelf.take(1.3), shelf.take(1.3)] == [parcel, None]


def test_a_long_outage_drops_the_oldest_readings_and_counts_them() -> None:
    shelf = Shelf(room=2)
    for number in range(3):
        shelf.put("topic", b"%d" % number)
    first = shelf.take(0.0)
    assert first is not None
    assert (first.payload, shelf.dropped) == (b"1", 1)


def test_what_was_kept_long_enough_is_let_go() -> None:
    shelf = Shelf()
    for acked_s in (0.0, KEEP_S + 1):
        shelf.put("topic", b"x")
        parcel = shelf.take(0.0)
        assert parcel is not None
        shelf.acked(parcel, acked_s)
    assert shelf.rewind(KEEP_S + 1) == 1
