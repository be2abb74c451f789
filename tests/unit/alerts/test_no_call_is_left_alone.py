"""Whatever is pressed, reported, taken back, seen to move, lost and read again, in whichever order: an SOS pages at
once, a fall pages nobody in its windows, and one that is neither cancelled nor moved after pages."""

from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
from cases import BY_HAND, DESK, FIRST, ON_CALL, START, WEARER
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts import lifecycle
from alerts.alarm import Outcome, State
from alerts.case import Calling, Case
from alerts.choosing import Rules
from alerts.firing import OnCall, advance
from alerts.raising import Place, Raise, join, open_case
from alerts.suspicion import Suspicion
from ingest.detect.core import Device, Event
from ingest.detect.fall import FallParameters, Wearer, find_movement, suspect
from ingest.detect.presses import PressParameters

HER = UUID(int=100)
BAND, HIS_BAND = (
    Device(name, "wristband", resident_id=UUID(int=number)) for name, number in (("her", 100), ("his", 101))
)
SENSOR, RADAR = Device("motion", "motion"), Device("radar", "radar")
SEEN = {
    "band": (BAND, "motion"),
    "his": (HIS_BAND, "motion"),
    "sensor": (SENSOR, "motion"),
    "radar": (RADAR, "presence"),
}
WINDOWS, BUTTONS = FallParameters(), PressParameters()
HOME = Place(uuid4(), "350102001001", uuid4(), HER)


class Everybody:
    """Somebody is on call for everything."""

    async def answering(self, _: UUID, targets: Sequence[str], home: UUID | None = None) -> dict[str, list[UUID]]:
        """As `OnCall`."""
        del home
        return {target: ON_CALL[target] for target in targets}

    async def unreachable(self, called: Mapping[str, Sequence[UUID]]) -> frozenset[UUID]:
        """Nobody."""
        del called
        return frozenset()


def finished(work: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


class Calls(RuleBasedStateMachine):
    """One home with an SOS and a fall, and the engine that looks when it lives. The model beside it knows only what was
    reported and seen, and when."""

    @initialize(alone=st.booleans())
    def begin(self, alone: bool) -> None:
        self.alone = alone
        self.now = START
        self.cases: dict[str, Case] = {}
        self.seen: list[Event] = []
        self.pages_at: datetime | None = None  # of the fall that is open: when its windows are over, by the model
        self.still_until: datetime = START
        self.reported: tuple[datetime, datetime] = (START, START)  # newest fall, and its receipt
        self.sure = False  # people have taken it, or have been called: nothing but people ends it

    @rule(seconds=st.sampled_from([0.1, 1, 2, 5, 15, 19, 30, 61]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # What happens at home

    def call(self, signal: Raise) -> None:
        case = self.cases.get(signal.kind)
        if case is None or not case.open:
            self.cases[signal.kind] = open_case(signal, self.now, Rules())
            return
        due_at = case.next_step_at
        join(case, self.now, signal, [DESK])
        assert due_at is None or case.next_step_at is None or case.next_step_at <= due_at, "a signal delays no page"

    @rule(times=st.sampled_from([1, 1, 2]))
    def she_presses(self, times: int) -> None:
        before = self.cases.get("sos")
        step = before.step if before is not None and before.open else None
        self.call(
            Raise("sos", HOME, "sos", self.now, {}, WEARER, device_id="button", presses=times, urgency=BUTTONS.urgency)
        )
        case = self.cases["sos"]
        if step is None:
            assert case.due_at is not None
            assert case.due_at <= self.now, "an SOS is due at once"

    @rule(
        data=st.sampled_from([{}, {}, {"confirmed": True}, {"immobile_s": 30}, {"immobile_s": "x"}]),
        late_s=st.sampled_from([0, 0, 0, 10, 90]),
    )
    def a_fall_is_reported(self, data: dict[str, Any], late_s: int) -> None:
        happened_at = self.now - timedelta(seconds=late_s)
        still_s = 0 if data.get("confirmed") else 30 if data.get("immobile_s") == 30 else 60
        still_until = happened_at + timedelta(seconds=still_s)
        pages_at = max(still_until, self.now) + timedelta(seconds=20)
        if "fall" in self.cases and self.cases["fall"].open:
            assert self.pages_at is not None
            self.pages_at = min(self.pages_at, pages_at)
            self.still_until = min(self.still_until, still_until)
            self.reported = max(self.reported[0], happened_at), self.now
        else:
            self.pages_at, self.still_until, self.sure = pages_at, still_until, False
            self.reported = happened_at, self.now
        self.call(
            Raise("fall", HOME, "fall", happened_at, {}, WEARER, device_id="her",
                  suspicion=suspect(data, happened_at, self.now, WINDOWS))
        )  # fmt: skip

    @rule(
        what=st.sampled_from(sorted(SEEN)), skew_s=st.sampled_from([0, 0, -40, 40]), lag_s=st.sampled_from([0, 0, 30])
    )
    def something_is_seen(self, what: str, skew_s: int, lag_s: int) -> None:
        device, kind = SEEN[what]
        heard = self.now + timedelta(seconds=lag_s)
        self.seen.append(Event(self.now + timedelta(seconds=skew_s), device, kind, True, received_at=heard))

    @rule(kind=st.sampled_from(["sos", "fall"]))
    def she_takes_it_back(self, kind: str) -> None:
        case = self.cases.get(kind)
        if case is not None and case.open:
            lifecycle.cancel(case, self.now, WEARER, None)

    @rule(
        what=st.sampled_from(sorted(SEEN)), after_s=st.sampled_from([2, 5, 25, 58]), lag_s=st.sampled_from([0, 1, 10])
    )
    def she_falls_and_something_is_seen_until_the_engine_looks(self, what: str, after_s: int, lag_s: int) -> None:
        """What chance alone seldom puts together."""
        self.a_fall_is_reported({}, 0)
        self.now += timedelta(seconds=after_s)
        self.something_is_seen(what, 0, lag_s)
        self.the_next_deadline_comes("fall")

    # What people do

    @rule(kind=st.sampled_from(["sos", "fall"]), move=st.sampled_from([lifecycle.acknowledge, lifecycle.accept]))
    def somebody_takes_it(self, kind: str, move: Any) -> None:
        case = self.cases.get(kind)
        if case is not None and case.open:
            move(case, self.now, DESK if move is lifecycle.acknowledge else FIRST, BY_HAND)
            self.sure = self.sure or kind == "fall"

    @rule(kind=st.sampled_from(["sos", "fall"]))
    def somebody_resolves_it(self, kind: str) -> None:
        case = self.cases.get(kind)
        if case is not None and case.open and case.taken:
            lifecycle.resolve(case, self.now, FIRST, BY_HAND, Outcome.HELP_GIVEN, None)

    # What the house does

    @rule()
    def everything_is_killed(self) -> None:
        """What is in memory is gone; what stands in the row comes back."""
        for case in self.cases.values():
            case.suspicion = _again(case.suspicion, Suspicion | None)
            case.presses = _again(case.presses, tuple[datetime, ...])
            case.devices = _again(case.devices, tuple[Calling, ...])

    @rule()
    def the_engine_looks(self) -> None:
        """What `AlarmHandler` does with what is due; the reading lane has stored what it has heard by now."""
        for kind, case in self.cases.items():
            if case.due_at is None or case.due_at > self.now:
                continue
            before, open_before, suspected = case.step, case.open, case.suspected
            movement = None
            if suspected and case.suspicion is not None:
                known = [one for one in self.seen if one.received_at is not None and one.received_at <= self.now]
                movement = find_movement(case.suspicion, Wearer(HER, "her", self.alone), known)
            finished(advance(case, self.now, cast("OnCall", Everybody()), movement))
            assert case.step - before <= 1 or self.now - START > timedelta(seconds=1), "no step is skipped"
            if kind == "sos" and open_before:
                assert case.step >= 1, "an SOS is paged by the first look"
            if kind == "fall" and suspected:
                self.after_the_look_at_a_fall(case)

    @rule(kind=st.sampled_from(["fall", "fall", "sos"]))
    def the_next_deadline_comes(self, kind: str) -> None:
        case = self.cases.get(kind)
        if case is not None and case.due_at is not None:
            self.now = max(self.now, case.due_at)
            self.the_engine_looks()

    def after_the_look_at_a_fall(self, case: Case) -> None:
        assert self.pages_at is not None
        if self.moved():
            assert case.state is State.CANCELLED
            assert case.events[-1].type == "movement_after_fall"
        elif self.now >= self.pages_at:
            assert (case.state, case.step) == (State.RAISED, 1), "an unanswered fall pages"
        else:
            assert (case.state, case.step) == (State.SUSPECTED, 0), "and not before"

    def moved(self) -> bool:
        """By the model: she has moved since she fell last, in time, and it was heard of after that fall and by now."""
        fell, reported = self.reported
        whose = {"her", "motion"} if self.alone else {"her"}
        return any(
            one.device.id in whose and fell + timedelta(seconds=3) <= one.at < self.still_until
            and one.received_at is not None and reported < one.received_at <= self.now
            for one in self.seen
        )  # fmt: skip

    @invariant()
    def nobody_is_paged_in_the_windows(self) -> None:
        case = self.cases.get("fall") if hasattr(self, "cases") else None
        if case is None or self.sure or self.pages_at is None:
            return
        if self.now < self.pages_at and case.open:
            assert case.step == 0
            assert not [one for one in case.messages if one.kind in ("called", "repeated")]

    @invariant()
    def what_is_open_is_due(self) -> None:
        for case in getattr(self, "cases", {}).values():
            assert case.open == (case.due_at is not None)
            if case.open and case.suspected:
                if case.watched and case.suspicion is not None:
                    assert case.due_at == min(case.suspicion.still_until, case.next_step_at), "the first window ends"
                assert case.due_at <= max(self.pages_at or case.due_at, case.raised_at), "the windows end"


def _again(value: object, kind: Any) -> Any:
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(value)), kind)


Calls.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
TestCalls = Calls.TestCase
