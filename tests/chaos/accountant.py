"""Compares what was published with what the database holds. Pure: a ledger and the rows in, verdicts out."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from gateway.limits import KEEP_AFTER_PUBACK, NOBODY_LISTENS
from gateway.wire import FINAL_STATUSES, Lane, Status
from tests.chaos.ledger import Call, Ledger, Letter

_KEPT_S = KEEP_AFTER_PUBACK.total_seconds()


@dataclass(slots=True)
class Stored:
    """What the database holds at the end."""

    readings: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(device, message id) -> rows."""
    inbox: Mapping[tuple[str, str, str], Sequence[UUID | None]] = field(default_factory=dict)
    """(gateway, device, message id) -> the alarm of each row."""
    calls_of: Counter[UUID] = field(default_factory=Counter)
    """Alarm -> rows of the inbox that call for help and belong to it."""
    signals_of: Mapping[UUID, int] = field(default_factory=dict)
    """Alarm raised by devices -> how often it was called for, as it counts itself (1 + repeats)."""
    marks: frozenset[str] = frozenset()
    """Marks found in the quarantine."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was not kept. `about`: the message, where it is about one."""

    what: str
    which: str
    about: Letter | Call | None = None


@dataclass(slots=True)
class Account:
    """The figures, and every broken promise."""

    alarm: Counter[str] = field(default_factory=Counter)
    reading: Counter[str] = field(default_factory=Counter)
    plain: Counter[str] = field(default_factory=Counter)
    poison: Counter[str] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)


def settle(ledger: Ledger, stored: Stored) -> Account:
    """Account for every message."""
    account = Account()
    _settle_calls(ledger, stored, account)
    _settle_effects(stored, account)
    for plain, figures in ((False, account.reading), (True, account.plain)):
        _settle_readings(ledger, stored, plain, figures, account.broken)
    _settle_poison(ledger, stored, account)
    return account


def _settle_calls(ledger: Ledger, stored: Stored, account: Account) -> None:
    figures = account.alarm
    figures.update(published=len(ledger.calls), lost=0, doubled=0, unreceipted=0)
    for key, call in ledger.calls.items():
        rows = stored.inbox.get(key, ())
        figures["sendings"] += len(call.sendings)
        figures["receipts"] += len(call.receipts)
        for what, is_so in (
            ("lost", not rows if call.kept else call.id not in stored.marks),
            ("doubled", len(rows) > 1),
            ("unreceipted", call.receipted_at is None),
            ("contradicted", _contradicted(call, rows)),
        ):
            if is_so:
                figures[what] += 1
                account.broken.append(Broken(f"alarm message {what}", "/".join(key), call))


def _contradicted(call: Call, rows: Sequence[UUID | None]) -> bool:
    """Its final receipts tell different things, or another alarm than the one it belongs to."""
    final = {(status is Status.REJECTED, alarm) for _, status, alarm in call.receipts if status in FINAL_STATUSES}
    told = {(not call.kept, alarm) for alarm in rows} if call.kept else {(True, None)}
    return len(final) > 1 or bool(final and rows and final != told)


def _settle_effects(stored: Stored, account: Account) -> None:
    """An alarm counts exactly the calls that belong to it."""
    for alarm in stored.calls_of.keys() | stored.signals_of.keys():
        counted, belong = stored.signals_of.get(alarm, 0), stored.calls_of[alarm]
        if counted != belong:
            account.alarm["doubled" if counted > belong else "lost"] += abs(counted - belong)
            account.broken.append(Broken(f"alarm counts {counted} calls and has {belong}", str(alarm)))


def _settle_readings(
    ledger: Ledger, stored: Stored, plain: bool, figures: Counter[str], broken: list[Broken]
) -> None:  # fmt: skip
    figures.update(published=0, lost=0, doubled=0, lost_with_store=0, lost_unsaved=0)
    for key, letter in ledger.readings(plain):
        rows = stored.readings[key]
        figures["published"] += 1
        if rows == 1:
            continue
        what = "doubled" if rows else excuse(ledger, letter) or "lost"
        figures[what] += 1
        if what in ("lost", "doubled"):
            broken.append(Broken(f"reading {what}" + (" (plain gateway)" if plain else ""), "/".join(key), letter))


def _settle_poison(ledger: Ledger, stored: Stored, account: Account) -> None:
    account.poison.update(published=0, missing=0, lost_with_store=0, lost_unsaved=0)
    for letter in ledger.poison():
        account.poison["published"] += 1
        if letter.mark in stored.marks:
            continue
        what = excuse(ledger, letter) or "missing"
        account.poison[what] += 1
        if what == "missing":
            account.broken.append(Broken("poison not in quarantine", str(letter.mark), letter))


def excuse(ledger: Ledger, letter: Letter) -> str | None:
    """Whether the broker, not we, forgot a message that is not there.

    `lost_with_store`: acknowledged by a broker that lost its store before ingest had the message (the watermark tells),
    and by the contract not to be published again (over 2 min old when its gateway came back); or acknowledged by one
    that had no sessions since a store was lost, which it said, to a gateway that does not mind. `lost_unsaved`: not
    saved yet by a broker that was killed, and not to be published again. None: there is no excuse.
    """
    lane = "alarm" if Lane.ALARM in letter.topic.split("/") else "reading"
    if letter.acked_at is None:
        return None
    # On the alarm lane others listen as well, so there no code tells it: who means it resends until it is receipted.
    told = letter.ack_code == NOBODY_LISTENS
    if (told or lane == "alarm") and _nobody_there(ledger, lane, letter):
        return None if _had_to_come_again(ledger, letter, letter.ack_broker) else "lost_with_store"
    if told:
        return None
    later = [(index, end) for index, end in enumerate(ledger.ends) if index >= letter.ack_broker]
    for index, end in later:
        forgotten = (end.saved_at is None or end.saved_at < letter.acked_at) and not (
            letter.acked_at < end.passed.get(lane, 0.0)
        )
        if forgotten and not _had_to_come_again(ledger, letter, index):
            return "lost_with_store" if end.saved_at is None else "lost_unsaved"
    return None


def _nobody_there(ledger: Ledger, lane: str, letter: Letter) -> bool:
    """Whether the lane's sessions may not have been made again yet when the broker acknowledged it."""
    assert letter.acked_at is not None
    if not letter.ack_broker or _began_with_sessions(ledger, lane, letter.ack_broker):
        return False
    return letter.acked_at < ledger.ends[letter.ack_broker - 1].back_at.get(lane, math.inf)


def _began_with_sessions(ledger: Ledger, lane: str, broker: int) -> bool:
    """Whether the store with which the broker of that number began had the lane's sessions in it: they were saved
    before the first fault, and are gone from a store that is lost until they are made and saved again."""
    if broker == 0:
        return True
    end = ledger.ends[broker - 1]
    if end.saved_at is None:
        return False
    if _began_with_sessions(ledger, lane, broker - 1):
        return True
    return min(end.saved_at, end.at) >= ledger.ends[broker - 2].back_at.get(lane, math.inf)


def _had_to_come_again(ledger: Ledger, letter: Letter, ended: int) -> bool:
    """Whether its gateway came back to a later broker than `ended` while it still had to remember it."""
    assert letter.acked_at is not None
    kept_s = 0.0 if letter.plain else _KEPT_S
    returns: Iterable[tuple[float, int]] = ledger.came_back.get(letter.gateway, ())
    return any(broker > ended and at - letter.acked_at < kept_s for at, broker in returns)
