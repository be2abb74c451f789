"""Vital signs: what holds whatever devices send, in whatever order."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from told_home import at
from told_person import MINUTE, Person

from ingest.detect.core import Clearing, Finding

#: Copies of what cannot be true count, so here it takes too many.
BLIND = {"implausible": 100, "implausible_spot": 100}

# What a device may send within two days, in any order.
values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=32), st.sampled_from([0, 40, 60, 75, 88, 97, 130, 170, 300])
)
messages = st.lists(
    st.tuples(
        st.integers(0, 2 * 24 * 60),
        st.sampled_from(["heart_rate", "spo2", "respiration", "blood_pressure", "temperature", "body_water"]),
        st.sampled_from(["band", "band-2", "cuff", "ear", "scale"]),
        values,
        st.sampled_from([None, "/min", "%", "Cel", "[degF]", "mm[Hg]", "kPa", "?"]),
    ),
    max_size=150,
)


def _told(person: Person, sent: list[tuple[Any, ...]], *, twice: bool = False) -> list[Any]:
    for minute, kind, device, value, unit in sent:
        for _ in range(2 if twice else 1):
            data = {"systolic": value, "diastolic": value / 2} if kind == "blood_pressure" else {}
            person.tell(at(0) + minute * MINUTE, device, kind, None if data else value, data=data, unit=unit)
    return person.found(at(49))


def _essence(found: list[Any]) -> list[Any]:
    """Without the names of messages, which differ for copies."""
    return [
        (one.at, type(one.what), one.what.kind, one.what.happened_at, one.what.device_id, one.what.why) for one in found
    ]


@given(sent=messages)
def test_copies_change_nothing_but_the_count_of_what_cannot_be_true(sent: list[tuple[Any, ...]]) -> None:
    once, twice = Person(**BLIND), Person(**BLIND)
    ordered = sorted(sent, key=lambda one: one[0])
    assert _essence(_told(once, ordered)) == _essence(_told(twice, ordered, twice=True))


@given(sent=messages)
def test_what_comes_again_later_says_nothing_new_of_the_person(sent: list[tuple[Any, ...]]) -> None:
    person = Person()
    _told(person, sorted(sent, key=lambda one: one[0]))
    again = _told(person, sorted(sent, key=lambda one: one[0]))
    assert [one for one in again if one.what.kind != "sensor"] == []


@given(sent=messages)
def test_no_vital_sign_is_said_again_before_its_time_unless_it_is_worse(sent: list[tuple[Any, ...]]) -> None:
    person = Person()
    said: dict[tuple[Any, ...], tuple[datetime, float]] = {}
    for one in _told(person, sent):
        if not isinstance(one.what, Finding) or one.what.kind != "vital_signs":
            continue
        for figures in one.what.why["vitals"]:
            limits = person.parameters.limits(figures["vital"], stream=one.what.device_id.startswith("band"))
            side = "low" if figures["low"] is not None and figures["value"] < figures["low"] else "high"
            key = one.what.resident_id, figures["vital"], side
            if key in said:
                before, value = said[key]
                worse = figures["value"] - value if side == "high" else value - figures["value"]
                assert (
                    one.at - before >= timedelta(hours=4) or worse >= limits.material or _other_side(said, key, before)
                )
            said[key] = one.at, figures["value"]


def _other_side(said: dict[tuple[Any, ...], tuple[datetime, float]], key: tuple[Any, ...], before: datetime) -> bool:
    """It was outside on the other side meanwhile: that is news again."""
    other = (*key[:2], "high" if key[2] == "low" else "low")
    return other in said and said[other][0] > before


@given(sent=messages)
def test_every_clearing_ends_something_that_was_said(sent: list[tuple[Any, ...]]) -> None:
    person = Person()
    open_now: set[tuple[Any, ...]] = set()
    for one in _told(person, sent):
        key = one.what.kind, one.what.resident_id if one.what.kind == "vital_signs" else one.what.device_id
        if isinstance(one.what, Clearing):
            assert key in open_now or one.what.kind == "sensor"
            open_now.discard(key)
        else:
            open_now.add(key)


def test_state_stays_small_however_long_a_band_is_worn() -> None:
    """A month of a band that tells three vital signs every five minutes, and a cuff: a few kilobytes."""
    person = Person()
    for step in range(30 * 288):
        when = at(0, 1) + 5 * step * MINUTE
        person.tell(when, "band", "heart_rate", 60 + step % 37)
        person.tell(when, "band", "spo2", 93 + step % 6)
        person.tell(when, "band", "respiration", 12.25 + step % 9)
        if step % 144 == 0:
            person.pressure(when, 120 + step % 50, 70 + step % 35)
    person.found(at(24, 30))
    assert len(msgspec.json.encode(person.memory["vital_signs"].state)) < 4_000


@given(sent=messages)
def test_state_is_bounded_whatever_comes(sent: list[tuple[Any, ...]]) -> None:
    person = Person()
    _told(person, sent)
    assert len(msgspec.json.encode(person.memory["vital_signs"].state)) < 30_000
