"""Cursors are opaque: what this list handed out comes back as it was, anything else is refused with a sentence."""

import base64
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.view import BadCursor, _Cursor


@given(
    st.sampled_from(["open", "closed"]),
    st.integers(0, 2),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
    st.booleans(),
)
def test_a_cursor_comes_back_as_it_was(state: str, priority: int, at: datetime, alarm: UUID, drill: bool) -> None:
    row: Any = SimpleNamespace(priority=priority, due_at=at, closed_at=at, id=alarm, drill=drill)
    assert _Cursor.read(_Cursor.after(row, state), state) == _Cursor(priority, at, alarm, drill)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        _Cursor.read(cursor, "open")


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=5))
def test_a_forged_cursor_is_refused(parts: list[object]) -> None:
    forged = base64.urlsafe_b64encode(json.dumps(["open", *parts]).encode()).decode()
    with pytest.raises(BadCursor):
        _Cursor.read(forged, "open")
