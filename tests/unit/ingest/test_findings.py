"""What late data may raise: what still stands, and nothing of last week."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from alerts.alarm import KINDS, Closing
from alerts.why import why
from ingest.detect.core import Clearing, Device, Finding, Home
from ingest.detect.fold import Found
from ingest.detect.silence import Pipeline
from ingest.findings import LATE, PAST, Verdicts
from ingest.household import Household
from ingest.parameters import Where

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
GRANDMA, GRANDPA = UUID(int=11), UUID(int=12)
BY_ITSELF, BY_PERSON = "door", "bed"
REASON = why("x", "x", "x")


def household(*residents: UUID) -> Household:
    home = Home(UUID(int=1), ZoneInfo("Asia/Shanghai"), {"mat": Device("mat", "bed", gateway_id="gw")}, residents)
    return Household(home, Where(home.id, UUID(int=2), "350102001001"), Pipeline(None, None), ())


def found(what: str, kind: str, ago: timedelta, resident: UUID | None = None, **more: object) -> Found:
    at = NOW - ago
    values = {"kind": kind, "happened_at": at, "why": REASON, "resident_id": resident, **more}
    made = Finding(**values) if what == "raise" else Clearing(**values)
    return Found(at, "toy", made)


def act(*all_found: Found, residents: tuple[UUID, ...] = (GRANDMA,)) -> tuple[list[str], list[str]]:
    """(keys that are raised, keys that are cleared)."""
    verdicts = Verdicts(NOW)
    verdicts.add(household(*residents), all_found)
    return sorted(verdicts.raised), sorted(verdicts.cleared)


def key(kind: str, resident: UUID | None = GRANDMA) -> str:
    return f"home:{UUID(int=1)}:{resident or '-'}:{kind}"


def test_the_two_kinds_of_these_tests_are_what_they_stand_for() -> None:
    assert KINDS[BY_ITSELF].closing is Closing.BY_ITSELF
    assert KINDS[BY_PERSON].closing is Closing.BY_PERSON


@pytest.mark.parametrize("kind", [BY_ITSELF, BY_PERSON])
def test_what_stands_is_raised_up_to_six_hours_later(kind: str) -> None:
    assert act(found("raise", kind, PAST)) == ([key(kind)], [])
    assert act(found("raise", kind, PAST + timedelta(seconds=1))) == ([], [])


def test_what_was_over_before_we_heard_of_it_raises_nothing() -> None:
    for kind in (BY_ITSELF, BY_PERSON):
        came, went = found("raise", kind, LATE * 3), found("clear", kind, LATE * 2)
        assert act(came, went) == ([], [key(kind)])
        assert act(came, went, found("raise", kind, LATE)) == ([key(kind)], [])


def test_what_only_a_person_closes_is_raised_although_it_was_over_just_now() -> None:
    just_now = [("raise", timedelta(minutes=2)), ("clear", timedelta(minutes=1))]
    assert act(*(found(what, BY_PERSON, ago) for what, ago in just_now)) == ([key(BY_PERSON)], [key(BY_PERSON)])
    assert act(*(found(what, BY_ITSELF, ago) for what, ago in just_now)) == ([], [key(BY_ITSELF)])


def test_two_residents_are_two_alarms_and_nobody_in_particular_is_the_only_one() -> None:
    first, second = (found("raise", "bed", timedelta(), one) for one in (GRANDMA, GRANDPA))
    assert len(act(first, second, residents=(GRANDMA, GRANDPA))[0]) == 2
    nobody = found("raise", "bed", timedelta())
    assert act(first, nobody)[0] == [key("bed")]
    assert act(nobody, residents=(GRANDMA, GRANDPA))[0] == [key("bed", None)]


def test_devices_are_told_apart_only_where_the_finding_says_so() -> None:
    apart = [found("raise", "door", timedelta(), device_id=one, per_device=True) for one in ("a", "b")]
    together = [found("raise", "door", timedelta(), device_id=one) for one in ("a", "b")]
    assert (len(act(*apart)[0]), len(act(*together)[0])) == (2, 1)
