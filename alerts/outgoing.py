"""Makes a leased row of the outbox into the message that a channel hands over: its words, and how it is answered."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from alerts.channel import Outgoing
from alerts.reply import goes_on
from alerts.telling import UNANSWERABLE
from alerts.words import words


class Composer:
    """`link`: notification id -> address of the page on which it can be answered; None: there is no such page."""

    def __init__(self, link: Callable[[UUID], str] | None = None) -> None:
        self._link = link

    def compose(self, row: Row[Any], alarm: dict[str, Any] | None, *, more: int = 0) -> Outgoing:
        """The message of a leased row (`alerts.outbox`). `more`: how many others go with it."""
        language = row.language or "zh"
        call = row.alarm_id is not None and row.kind not in UNANSWERABLE
        result = row.payload.get("result")
        drill = bool(alarm and alarm.get("drill"))
        answers = goes_on(row.kind, result) if call or (row.kind == "answer" and row.alarm_id and not drill) else ()
        code = row.answer_code or row.payload.get("code")
        said = words(row.kind, alarm, language, code=code, more=more, by_code=call,
                     result=result, figures=row.payload.get("figures"))  # fmt: skip
        return Outgoing(
            id=row.id, kind=row.kind, step=row.step, attempt=row.attempts, created_at=row.created_at,
            alarm_id=row.alarm_id, alarm=alarm, staff_id=row.staff_id, address=row.address or "", language=language,
            title=said.title, body=said.body, parts=said.parts, code=code, more=more,
            link=self._link(row.id) if self._link and row.contact_method_id and answers else None,
            life_critical=row.life_critical, answers=tuple(map(str, answers)),
        )  # fmt: skip
