"""What relatives are told, and when they are left in peace."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from cases import BY_HAND, DESK, FIRST, ON_CALL, SECOND, after, raised

from alerts import ladder, lifecycle
from alerts.alarm import Outcome, Priority
from alerts.case import Case
from alerts.family import COMING, OVER, RAISED, Relative, news, occasions, read_tells
from alerts.telling import FAMILY
from alerts.words import first_name, words

DAUGHTER = UUID(int=7)
CHINA = ZoneInfo("Asia/Shanghai")


class Family:
    """One relative beside an alarm, as the database would remember him."""

    def __init__(self, kind: str = "sos", **tells: Any) -> None:
        self.case: Case = raised()
        self.case.kind = kind
        if kind not in ("sos", "fall", "smoke", "gas"):
            self.case.priority = Priority.URGENT
        self._tells = read_tells(tells)
        self._last: str | None = None
        self._seen = 0

    def hears(self) -> str | None:
        """What he is told of what has happened since he was asked last."""
        new, self._seen = self.case.events[self._seen :], len(self.case.events)
        relative = Relative(DAUGHTER, self._tells, CHINA, self._last)
        told = list(news(self.case, occasions(self.case, new), [relative], after(0)))
        assert len(told) <= 1
        self._last = told[0] if told else self._last
        return told[0] if told else None

    def paged(self) -> str | None:
        ladder.take_step(self.case, after(0), ON_CALL)
        return self.hears()

    def accepted(self, who: UUID = FIRST) -> str | None:
        lifecycle.accept(self.case, after(1), who, BY_HAND)
        return self.hears()

    def acknowledged(self) -> str | None:
        lifecycle.acknowledge(self.case, after(1), DESK, BY_HAND)
        return self.hears()

    def resolved(self, outcome: Outcome = Outcome.HELP_GIVEN) -> str | None:
        lifecycle.resolve(self.case, after(2), DESK, BY_HAND, outcome, None)
        return self.hears()


@pytest.mark.parametrize("kind", ["sos", "fall", "smoke", "gas"])
def test_a_daughter_knows_with_the_first_page_then_who_goes_then_that_it_is_over(kind: str) -> None:
    daughter = Family(kind)
    assert daughter.hears() is None
    assert daughter.paged() == RAISED
    assert daughter.paged() is None
    assert daughter.acknowledged() is None
    assert daughter.accepted() == COMING
    assert daughter.accepted(SECOND) is None
    assert daughter.resolved() == OVER


@pytest.mark.parametrize("kind", ["sos", "inactivity"])
def test_she_hears_that_who_was_coming_is_not_and_of_the_next_one(kind: str) -> None:
    daughter = Family(kind)
    daughter.paged()
    assert daughter.accepted() == COMING
    lifecycle.hand_back(daughter.case, after(2), FIRST, BY_HAND)
    assert daughter.hears() == RAISED
    assert daughter.paged() is None
    assert daughter.accepted(SECOND) == COMING
    assert daughter.accepted(FIRST) is None
    lifecycle.hand_back(daughter.case, after(3), FIRST, BY_HAND)
    assert daughter.hears() is None, "the other one still comes"
    ladder.expire(daughter.case, after(10_000))
    assert daughter.hears() == RAISED
    assert daughter.resolved() == OVER


@pytest.mark.parametrize("comes", [lifecycle.en_route, lifecycle.accept])
def test_she_hears_that_who_was_coming_is_late_and_that_he_comes_after_all(comes: Callable[..., object]) -> None:
    daughter = Family("inactivity")
    daughter.paged()
    lifecycle.en_route(daughter.case, after(1), FIRST, BY_HAND)
    assert daughter.hears() == COMING
    ladder.expire(daughter.case, after(1_801))
    assert daughter.hears() == RAISED
    assert daughter.paged() is None
    comes(daughter.case, after(1_900), FIRST, BY_HAND)
    assert daughter.hears() == COMING
    assert daughter.resolved() == OVER


def test_a_fall_that_is_only_suspected_frightens_nobody() -> None:
    daughter = Family("fall")
    daughter.case.suspected = True
    lifecycle.cancel(daughter.case, after(5), BY_HAND, None)
    assert daughter.hears() is None


@pytest.mark.parametrize("kind", ["inactivity", "vital_signs", "zone", "newer-than-we-are"])
def test_what_was_inferred_is_told_when_somebody_has_taken_it(kind: str) -> None:
    daughter = Family(kind)
    assert daughter.paged() is None
    assert daughter.acknowledged() == RAISED
    assert daughter.accepted() == COMING
    assert daughter.resolved(Outcome.FALSE_ALARM) == OVER


def test_or_when_the_first_step_goes_unanswered() -> None:
    daughter = Family("inactivity")
    assert [daughter.paged(), daughter.paged(), daughter.paged()] == [None, RAISED, None]


def test_whoever_goes_at_once_is_the_first_that_is_told_of_it() -> None:
    daughter = Family("inactivity")
    daughter.paged()
    assert daughter.accepted() == COMING


@pytest.mark.parametrize(("outcome", "told"), [("emergency", OVER), ("false_alarm", None), ("no_help_needed", None)])
def test_what_was_closed_before_anybody_took_it_is_told_if_it_was_real(outcome: str, told: str | None) -> None:
    daughter = Family("inactivity")
    daughter.paged()
    assert daughter.resolved(Outcome(outcome)) == told


def test_nobody_hears_of_batteries() -> None:
    daughter = Family("battery")
    daughter.case.priority = Priority.WORK_ORDER
    assert [daughter.paged(), daughter.paged(), daughter.accepted(), daughter.resolved()] == [None] * 4


def test_a_son_who_wants_ends_only_hears_the_end_only_and_of_no_false_alarm() -> None:
    son = Family(when="over")
    assert [son.paged(), son.accepted(), son.resolved()] == [None, None, OVER]
    son = Family(when="over")
    assert [son.paged(), son.accepted(), son.resolved(Outcome.FALSE_ALARM)] == [None, None, None]


def test_who_wants_nothing_or_other_kinds_hears_nothing() -> None:
    for tells in ({"when": "never"}, {"kinds": ["smoke"]}):
        son = Family(**tells)
        assert [son.paged(), son.accepted(), son.resolved()] == [None] * 3


def test_an_alarm_that_is_opened_again_begins_anew() -> None:
    daughter = Family()
    daughter.paged()
    daughter.resolved()
    lifecycle.reopen(daughter.case, after(3), BY_HAND, None)
    assert [daughter.paged(), daughter.resolved()] == [RAISED, OVER]


def test_who_is_called_back_to_sleep_hears_the_end_at_any_hour() -> None:
    """It is noon at the home."""
    assert Family(**{"from": "13:00", "until": "22:00"}).paged() is None
    daughter = Family(**{"from": "11:00", "until": "13:00"})
    assert daughter.paged() == RAISED
    daughter._tells = read_tells({"from": "13:00", "until": "22:00"})
    assert daughter.resolved() == OVER


@pytest.mark.parametrize(
    ("since", "until", "at", "wanted"),
    [("07:00", "22:00", "06:59", False), ("07:00", "22:00", "07:00", True), ("22:00", "07:00", "23:30", True),
     ("22:00", "07:00", "06:00", True), ("22:00", "07:00", "12:00", False), (None, "07:00", "06:00", True),
     (None, None, "23:59", True), ("21:00", None, "23:59", True), ("07:00", "22:00", "22:00", False),
     ("08:00", "08:00", "07:00", True)],
)  # fmt: skip
def test_times_of_the_day_may_lie_on_both_sides_of_midnight(
    since: str | None, until: str | None, at: str, *, wanted: bool
) -> None:
    assert read_tells({"from": since, "until": until}).wants("sos", time.fromisoformat(at)) is wanted


def test_a_choice_that_cannot_be_read_is_no_reason_to_keep_silent() -> None:
    assert read_tells({"when": "sometimes"}).wants("sos", time(12))


@pytest.mark.parametrize("kind", sorted(FAMILY))
def test_relatives_have_words_of_their_own_without_more_of_a_person_than_a_first_name(kind: str) -> None:
    alarm = {
        "id": UUID(int=3), "kind": "sos", "place": {"address": "12 Lane\nFlat 3"}, "resident_name": "陈秀英",
        "responses": [{"name": "许文静", "state": "en_route", "accepted_at": "2"}, {"name": "王强", "state": "accepted",
                       "accepted_at": "1"}, {"name": "赵六", "state": "declined"},
                      {"name": "孙伟", "state": "en_route", "accepted_at": "0", "overdue_at": "3"}],
    }  # fmt: skip
    for language in ("zh", "en"):
        said = words(kind, alarm, language)
        assert said.body != words("called", alarm, language).body
        assert not any(one in said.body + said.title for one in ("许", "王强", "赵", "伟", "陈", "Flat"))
        assert ("强" in said.body) is (kind == COMING)
    nobody = words("family_coming", {**alarm, "responses": []}, "en")
    assert nobody.body.startswith("12 Lane: Emergency call. Somebody is on the way.")


@pytest.mark.parametrize(
    ("name", "first"), [("许文静", "文静"), ("王强", "强"), ("欧阳文静", "文静"), ("静", "静"), ("Anna Berg", "Anna"),
                        ("Anna", "Anna"), ("", "")],
)  # fmt: skip
def test_first_names(name: str, first: str) -> None:
    assert first_name(name) == first


def test_it_is_noon_at_the_home_when_the_story_begins() -> None:
    assert after(0) == datetime(2026, 11, 22, 12, tzinfo=CHINA).astimezone(UTC)
