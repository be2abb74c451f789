"""Can somebody be reached: the first two steps of a ladder, hour by hour."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.policy import DEFAULT_POLICY, Policy, Step
from alerts.readiness import Gap, OnCall, Reach, Reason, judge, steps_of
from alerts.why import why_readiness

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
END = NOW + timedelta(hours=24)
LIN, WU, DESK = (UUID(int=number) for number in (1, 2, 3))
REACHED = Reach(None)


def hour(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def shift(staff: UUID, tier: int, since: float = 0, until: float = 24) -> OnCall:
    return OnCall(f"rota:{tier}", staff, hour(since), hour(until))


def gaps(on_call: list[OnCall], reach: dict[UUID, Reach], policy: Policy = DEFAULT_POLICY) -> list[tuple[object, ...]]:
    """Step, hours from and until, reason."""
    found = judge(lambda _: [policy], on_call, reach, NOW, END)
    return [(gap.step, (gap.since - NOW) / timedelta(hours=1), (gap.until - NOW) / timedelta(hours=1), gap.reason)
            for gap in found]  # fmt: skip


def test_both_steps_reach_somebody_all_night() -> None:
    assert gaps([shift(LIN, 1), shift(WU, 2)], {LIN: REACHED, WU: REACHED}) == []


def test_an_hour_without_anybody_on_the_rota_is_seen_before_it_comes() -> None:
    on_call = [shift(LIN, 1, 0, 8), shift(LIN, 1, 9, 24), shift(WU, 2)]
    assert gaps(on_call, {LIN: REACHED, WU: REACHED}) == [(1, 8, 9, Reason.NOBODY)]


def test_a_handover_without_a_pause_is_no_gap() -> None:
    on_call = [shift(LIN, 1, 0, 8), shift(WU, 1, 8, 24), shift(WU, 2)]
    assert gaps(on_call, {LIN: REACHED, WU: REACHED}) == []


def test_a_step_is_covered_by_one_of_those_whom_it_calls() -> None:
    on_call = [shift(LIN, 1), shift(WU, 1), shift(WU, 2)]
    assert gaps(on_call, {LIN: Reach(Reason.FAILED), WU: REACHED}) == []


def test_the_reason_is_that_of_whoever_is_nearest_to_being_reached() -> None:
    on_call = [shift(LIN, 1), shift(WU, 1), shift(DESK, 2)]
    reach = {LIN: Reach(Reason.UNVERIFIED), WU: Reach(Reason.NOT_DELIVERED), DESK: REACHED}
    (gap,) = judge(lambda _: [DEFAULT_POLICY], on_call, reach, NOW, END)
    assert gap == Gap(
        "default", 1, ("rota:1",), NOW, END, Reason.NOT_DELIVERED,
        ((LIN, Reason.UNVERIFIED), (WU, Reason.NOT_DELIVERED)),
    )  # fmt: skip


def test_a_desk_goes_to_no_door_and_is_enough_only_where_nobody_else_is_called() -> None:
    desk = OnCall("desk", DESK, NOW, END)
    assert [one[0] for one in gaps([desk], {DESK: REACHED})] == [1, 2]
    only_desk = Policy("desk", (Step(0, ("desk",)),))
    assert gaps([desk], {DESK: REACHED}, only_desk) == []
    assert gaps([], {}, only_desk) == [(1, 0, 24, Reason.NOBODY)]


def test_who_is_signed_in_counts_for_a_while_and_not_for_the_night() -> None:
    on_call = [shift(LIN, 1), shift(WU, 2)]
    reach = {LIN: Reach(Reason.NO_METHOD, hour(0.25)), WU: REACHED}
    assert gaps(on_call, reach) == [(1, 0.25, 24, Reason.NO_METHOD)]


def test_other_ladders_hold_at_other_times() -> None:
    night = Policy("night", (Step(0, ("rota:3",)),))

    def at(moment: datetime) -> list[Policy]:
        return [night] if hour(12) <= moment < hour(20) else [DEFAULT_POLICY]

    on_call = [shift(LIN, 1), shift(WU, 2)]
    found = judge(at, on_call, {LIN: REACHED, WU: REACHED}, NOW, END, [hour(12), hour(20)])
    assert [(gap.policy, gap.since, gap.until, gap.reason) for gap in found] == [
        ("night", hour(12), hour(20), Reason.NOBODY)
    ]


def test_a_homes_own_people_make_no_station_ready_and_the_next_step_counts() -> None:
    policy = Policy("home", tuple(Step(30, call) for call in (("family",), ("rota:1", "neighbours"), ("rota:2",))))
    assert steps_of(policy) == [(2, ("rota:1",)), (3, ("rota:2",))]
    assert steps_of(Policy("family", (Step(0, ("family", "assigned")),))) == []


def test_the_words_stay_the_same_while_a_gap_goes_on() -> None:
    zone = ZoneInfo("Asia/Shanghai")

    def words(now: datetime) -> str:
        begun = Gap("default", 1, ("rota:1",), now, hour(5), Reason.NOBODY)
        ahead = Gap("default", 2, ("rota:2",), hour(4), now + timedelta(hours=24), Reason.FAILED)
        text = why_readiness([begun, ahead], 0, (), now, now + timedelta(hours=24), zone)["text"]
        assert "2 步" in text["zh"]
        return str(text["en"])

    assert words(NOW) == words(hour(1)) == (
        "Calls for help would reach nobody: now to 11-22 23:00, step 1 (default: rota:1): nobody is on call; "
        "from 11-22 22:00 on, step 2 (default: rota:2): the last messages to who is on call failed."
    )  # fmt: skip
