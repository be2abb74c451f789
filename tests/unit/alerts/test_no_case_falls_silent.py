"""Whatever people, wearers and time do to an alarm, in whichever order: while it is open somebody owns it and something
is due, and the ladder misses no step."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import cases
from cases import BY_HAND, DESK, FIRST, SECOND, START, STRANGER, THIRD, WEARER, raised
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts import ladder, lifecycle
from alerts.alarm import Outcome, State
from alerts.case import ENGINE, Case
from alerts.lifecycle import Refused
from alerts.policy import DESKS, Policy, Step
from alerts.response import ResponseState

ON_CALL = cases.ON_CALL | {"district": [DESK], "neighbours": [STRANGER, FIRST], "family": [THIRD]}
PEOPLE = (FIRST, SECOND, THIRD, STRANGER, DESK)
MOVES: tuple[Callable[..., Any], ...] = (
    lifecycle.accept, lifecycle.decline, lifecycle.en_route, lifecycle.arrive, lifecycle.leave, lifecycle.hand_back,
    lifecycle.acknowledge,
)  # fmt: skip

targets = st.lists(st.sampled_from(sorted(ON_CALL)), min_size=1, max_size=3, unique=True).map(tuple)
policies = st.builds(
    Policy,
    name=st.just("any"),
    steps=st.lists(
        st.builds(Step, delay_s=st.sampled_from([0, 1, 60]), call=targets), min_size=1, max_size=4
    ).map(tuple),
    loop_s=st.sampled_from([1, 120]),
    repeat=st.sampled_from([0, 2]),
    last_resort_s=st.sampled_from([None, 1, 60, 300]),
    acknowledged_s=st.sampled_from([1, 90]),
    accepted_s=st.sampled_from([1, 90]),
    en_route_s=st.sampled_from([1, 600]),
    on_scene_s=st.sampled_from([1, 600]),
)  # fmt: skip


class Night(RuleBasedStateMachine):
    """One alarm through a night."""

    case: Case
    now: datetime
    on_call: dict[str, list[UUID]]

    @initialize(
        policy=policies, suspected_s=st.sampled_from([None, 0, 20]), empty=st.sets(st.sampled_from(sorted(ON_CALL)))
    )
    def begin(self, policy: Policy, suspected_s: float | None, empty: set[str]) -> None:
        self.case = raised(policy, suspected_s=suspected_s)
        self.now = START
        self.on_call = {target: [] if target in empty else people for target, people in ON_CALL.items()}
        self.taken = False
        self.steps: list[int] = []

    @rule(seconds=st.sampled_from([0, 0.5, 1, 59, 60, 3_600, 86_400 * 2]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_deadline_falls_due(self) -> None:
        """What `alerts.firing` does, when the row is due."""
        due_at = self.case.due_at
        if due_at is None or due_at > self.now:
            return
        resorts = self.case.last_resorts
        self.case.last_resort_messages.clear()
        ladder.expire(self.case, self.now)
        before = self.case.step
        ladder.call_last_resort(self.case, self.now)
        for _ in self.case.policy.steps:
            if self.case.next_step_at is None or self.case.next_step_at > self.now:
                break
            self.step(lambda people: ladder.take_step(self.case, self.now, people))
        ladder.call_last_resort(self.case, self.now)
        assert len(self.case.last_resort_messages) == self.case.last_resorts - resorts
        self.case.last_resort_messages.clear()
        assert self.case.due_at is not None
        assert self.case.due_at > self.now, "a fired deadline must be armed for later, or it fires for ever"
        assert self.case.step - before <= len(self.case.policy.steps)

    def step(self, take: Callable[[dict[str, list[UUID]]], None]) -> None:
        """Take a step and check that it is the one after the last, and that it called everybody it names."""
        case, before = self.case, self.case.step
        wanted = case.policy.steps[before % len(case.policy.steps)].call
        answering = {one.staff_id for one in case.answers.values() if one.active}
        case.messages.clear()
        take({target: self.on_call[target] for target in wanted})
        assert case.step == before + 1
        told = [message.staff_id for message in case.messages if message.kind == "called"]
        assert len(told) == len(set(told)), "nobody is paged twice by one step"
        assert set(told) == {one for target in wanted for one in self.on_call[target]} - answering
        for target in wanted:
            for one in self.on_call[target]:
                assert target in DESKS or one in case.answers

    @rule(seconds=st.sampled_from([0.5, 60, 3_600]))
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.now -= timedelta(seconds=seconds)

    @rule(whom=st.sampled_from(sorted(ON_CALL)), there=st.booleans())
    def the_rota_changes(self, whom: str, there: bool) -> None:
        self.on_call[whom] = list(ON_CALL[whom]) if there else []

    @rule()
    def the_engine_dies_before_its_commit(self) -> None:
        """What it did is gone, with the messages of it; the deadline is still due, and the next engine does it."""
        before = deepcopy(self.case)
        self.the_deadline_falls_due()
        self.case = before

    @rule()
    def the_desk_goes_home(self) -> None:
        held, answered = self.case.acknowledged_by, self.case.answered
        returned = lifecycle.return_to_station(self.case, self.now, ENGINE, "board_silent")
        assert returned == (held is not None and self.case.open)
        if returned:
            assert self.case.acknowledged_by is None
            assert answered or self.case.next_step_at == self.now, "the ladder goes on"

    @rule(who=st.sampled_from(PEOPLE), move=st.sampled_from(MOVES))
    def somebody_moves(self, who: UUID, move: Callable[..., Any]) -> None:
        due_before = self.case.due_at
        try:
            move(self.case, self.now, who, BY_HAND)
        except Refused:
            assert self.case.due_at == due_before
            return
        events = len(self.case.events)
        before = (self.case.due_at, self.case.state, self.case.step)
        # A desk that hands back leaves no answer to tell a repeat by; there the event log does (alerts.moves).
        answer = self.case.answers.get(who)
        if move is not lifecycle.hand_back or (answer and answer.state is ResponseState.HANDED_BACK):
            move(self.case, self.now, who, BY_HAND)
            assert len(self.case.events) == events, "repeating one's own move is no event"
            assert (self.case.due_at, self.case.state, self.case.step) == before
        self.taken = self.taken or move not in (lifecycle.decline, lifecycle.leave, lifecycle.hand_back)

    @rule()
    def escalate(self) -> None:
        if self.case.open:
            held, owner = self.case.held, self.case.owner_staff_id
            self.step(lambda people: ladder.take_step(self.case, self.now, people, BY_HAND))
            assert self.case.held == held
            assert self.case.owner_staff_id == owner

    @rule()
    def the_wearer_presses_again(self) -> None:
        if self.case.open:
            due_at = self.case.due_at
            lifecycle.repeat(self.case, self.now, WEARER, None, [DESK])
            assert self.case.due_at == due_at, "a message never postpones a deadline"

    @rule()
    def the_wearer_cancels(self) -> None:
        if self.case.open:
            closed = lifecycle.cancel(self.case, self.now, WEARER, None)
            assert closed == (not self.taken)

    @rule(outcome=st.sampled_from([one for one in Outcome if one is not Outcome.NOT_ANSWERED]))
    def resolve(self, outcome: Outcome) -> None:
        if self.case.open:
            lifecycle.resolve(self.case, self.now, DESK, BY_HAND, outcome, "note", reference="120-7")

    @rule()
    def reopen(self) -> None:
        was_open, step = self.case.open, self.case.step
        try:
            lifecycle.reopen(self.case, self.now, BY_HAND, None)
        except Refused:
            assert not self.case.open
            return
        if not was_open:
            assert (self.case.step, self.case.due_at, self.case.owner_staff_id) == (0, self.now, None)
        else:
            assert self.case.step == step

    @invariant()
    def an_open_alarm_is_somebodys_business(self) -> None:
        case = self.case
        if not case.open:
            assert case.due_at is None
            assert not any(answer.expires_at for answer in case.answers.values())
            assert case.state in (State.RESOLVED, State.CANCELLED)
            assert (case.state is State.RESOLVED) == (case.outcome is not None)
            return
        assert case.due_at is not None
        # Not by the safety net of `due_at`: something is really armed.
        assert case.held or case.next_step_at is not None
        assert not (case.held and case.last_resort_at), "somebody has it: no last resort"
        self.a_ladder_ends_in_a_person_or_the_last_resort()
        assert case.outcome is None
        assert case.closed_at is None

    def a_ladder_ends_in_a_person_or_the_last_resort(self) -> None:
        """After the last step of an exhausted round, with nobody holding it, the last resort is armed or was called."""
        case = self.case
        rounds, rest = divmod(case.step, len(case.policy.steps))
        if rest or rounds <= case.policy.repeat or case.held or case.policy.last_resort_s is None:
            return
        assert case.exhausted
        assert case.last_resort_at is not None or case.last_resorts or case.taken

    def late(self) -> set[object]:
        """Who was to be there by now, by the log, and has said nothing since."""
        late: set[object] = set()
        for event in self.case.events:
            if event.type == "arrival_overdue":
                late.add(event.data["responder"])
            elif event.type != "on_scene_overdue":
                late.discard(event.data.get("responder"))
        return late

    @invariant()
    def state_and_owner_follow_from_the_answers(self) -> None:
        case = self.case
        states = {answer.state for who, answer in case.answers.items() if str(who) not in self.late()}
        expected = State.SUSPECTED if case.suspected else State.RAISED
        if case.acknowledged_by or ResponseState.ACCEPTED in states:
            expected = State.ACKNOWLEDGED
        for state, meaning in ((ResponseState.EN_ROUTE, State.EN_ROUTE), (ResponseState.ARRIVED, State.ON_SCENE)):
            expected = meaning if state in states else expected
        if not case.open:
            return
        assert case.state is expected
        assert (case.owner_staff_id is not None) == case.held
        assert not (case.suspected and case.step), "whoever has been paged is not in a cancel window"
        for answer in case.answers.values():
            assert (answer.expires_at is not None) == answer.active


Night.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestNight = Night.TestCase
