"""What the page of a signed link lets a person do, by what he is and has done."""

from typing import Any
from uuid import UUID

import pytest

from alerts.moves import Move
from api.answer_page import moves_of

ME = UUID(int=1)


def alarm(state: str | None, *, mine: bool = False, overdue: bool = False) -> dict[str, Any]:
    late = "2026-11-22T04:30:00.000Z" if overdue else None
    responses = [] if state is None else [{"staff": str(ME), "state": state, "overdue_at": late}]
    return {"closed_at": None, "responses": responses, "owner": {"id": str(ME) if mine else "another"}}


@pytest.mark.parametrize("state", [None, "called", "declined", "handed_back", "left"])
def test_a_desk_takes_charge_and_goes_to_no_door_also_after_it_has_declined(state: str | None) -> None:
    assert moves_of(alarm(state), ME, "operator") == (Move.ACKNOWLEDGE, Move.DECLINE)
    assert moves_of(alarm(state, mine=True), ME, "operator") == (Move.HAND_BACK,)


@pytest.mark.parametrize("role", ["operator", "caregiver"])
def test_whoever_goes_can_hand_back_until_he_is_there(role: str) -> None:
    assert moves_of(alarm("accepted", mine=True), ME, role) == (Move.EN_ROUTE, Move.ARRIVE, Move.HAND_BACK)
    assert moves_of(alarm("arrived", mine=True), ME, role) == (Move.LEAVE,)


@pytest.mark.parametrize("role", ["operator", "caregiver"])
def test_whoever_should_have_been_there_can_say_that_he_still_comes(role: str) -> None:
    assert moves_of(alarm("en_route", mine=True), ME, role) == (Move.ARRIVE, Move.HAND_BACK)
    assert moves_of(alarm("en_route", overdue=True), ME, role) == (Move.ARRIVE, Move.EN_ROUTE, Move.HAND_BACK)
