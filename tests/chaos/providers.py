"""Providers of SMS and voice that refuse, hang, take a message without saying so, and report late, twice, that it
failed, or never; and the account of what they were given. They speak as Aliyun does, as far as a send needs it."""

import asyncio
import json
import time
import uuid
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import parse_qsl, urlsplit

import httpx
import psycopg

from alerts.telling import NOT_CALLS, OVER
from tests.plain_http import NO_AUTHORITIES
from tests.provider_server import Answer, Request, serving

_SECRET = uuid.uuid4().hex
#: What becomes of a message, and how often.
_FATES = {"taken": 80, "refused": 8, "hung": 5, "taken and lost": 7}
_HANGS_S = 12.0
_SENDS = frozenset({"SendSms", "IvrCall", "SingleCallByTts"})
#: What they say of a failure that a later attempt may not meet.
_FAILED = ("MK:0001", "200005")
#: Now and then nobody is there at all.
_DOWN_EVERY_S, _DOWN_FOR_S = (15.0, 40.0), (1.0, 5.0)
_REPORT_AGAIN_S = 0.5
#: An attempt that a report found under way has ended by then: a lease is 15 s, a send 10 s.
_UNDER_WAY_S = 30.0

_PUT_METHODS = """
    INSERT INTO contact_method (id, staff_id, channel, address, rank, verified_at)
    SELECT gen_random_uuid(), id, way.channel, '+8613' || lpad(row_number() OVER (ORDER BY id)::text, 9, '0'),
        way.rank, now()
    FROM staff CROSS JOIN (VALUES ('sms', 0), ('voice', 1)) AS way (channel, rank)
    WHERE role IN ('caregiver', 'operator', 'manager')
"""

# Due for long, of what can be delivered at once now.
_WAITING = """
    SELECT count(*) FROM notification
    WHERE contact_method_id IS NOT NULL AND state = 'pending' AND due_at <= carebed_now()
"""

# A call that was given up although nobody had answered it and no other one took its place. What a provider says to have
# failed is sent again, unless it was answered by then.
_GIVEN_UP = """
    SELECT alarm_id::text, channel, state, error FROM notification
    WHERE contact_method_id IS NOT NULL AND kind <> ALL (%(not_calls)s)
        AND (state = 'expired' AND error NOT IN ('answered', 'called again')
            OR state = 'failed' AND error <> ALL (%(said)s))
"""

# One call, or one piece of news, twice to one method.
_DOUBLED = """
    SELECT alarm_id::text, kind, channel FROM notification WHERE contact_method_id IS NOT NULL AND kind <> 'answer'
    GROUP BY alarm_id, kind, channel, contact_method_id, created_at HAVING count(*) > 1
"""

# He was called by a method of his own, the alarm is over, and the news of that has reached no provider, or failed there
# while he has another method that it did not try. It may wait for the end of his quiet hours; who closed it knows. The
# end bears the time at which its transaction began, and may have waited for the call's: for ten seconds at the most
# (`lock_timeout`).
_UNTOLD = """
    WITH called AS (
        SELECT alarm.id AS alarm_id, staff_id, max(message.created_at) AS at
        FROM notification AS message JOIN alarm ON alarm.id = message.alarm_id
        WHERE contact_method_id IS NOT NULL AND attempts > 0 AND message.kind <> ALL (%(not_calls)s)
            AND alarm.closed_at IS NOT NULL AND closed_by IS DISTINCT FROM message.staff_id
        GROUP BY alarm.id, staff_id
    )
    SELECT called.alarm_id::text, called.staff_id::text, string_agg(concat_ws(' ', news.state, news.error), ', ')
    FROM called LEFT JOIN notification AS news ON news.alarm_id = called.alarm_id AND news.staff_id = called.staff_id
        AND contact_method_id IS NOT NULL AND kind = ANY (%(over)s)
        AND news.created_at >= called.at - CASE kind WHEN 'handled' THEN interval '0' ELSE interval '10 seconds' END
    GROUP BY called.alarm_id, called.staff_id
    HAVING count(*) FILTER (WHERE state IN ('handed_over', 'delivered', 'read')
            OR state = 'pending' AND due_at > carebed_now()) = 0
        AND count(DISTINCT contact_method_id) FILTER (WHERE state = 'failed' AND error = ANY (%(said)s))
            < (SELECT count(*) FROM contact_method WHERE staff_id = called.staff_id AND removed_at IS NULL)
"""


@dataclass
class Providers:
    """`api`: where they report to. `sends`: when each message was sent, by our reference to it; `known`: since when
    the API knows that one was delivered."""

    chance: Random
    api: str
    figures: Counter[str] = field(default_factory=Counter)
    sends: dict[str, list[float]] = field(default_factory=dict)
    known: dict[str, float] = field(default_factory=dict)
    _calm: asyncio.Event = field(default_factory=asyncio.Event)
    _down_until: float = 0.0
    _down_at: float = 0.0
    _listening: AsyncExitStack = field(default_factory=AsyncExitStack)
    _reporting: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, directory: Path) -> dict[str, str]:
        """Begin to listen; the settings of whoever sends through them."""
        url = await self._listening.enter_async_context(serving(self._answer))
        ways = dict.fromkeys(("call_template", "news_template", "code_template"), "T") | {"endpoint": url}
        file = directory / "aliyun.json"
        file.write_text(json.dumps({
            "access_key_id": "LTAI", "access_key_secret": "secret", "sms": {"sign_name": "care", **ways},
            "voice": {"show_number": "059187654321", "key_template": "T", **ways},
        }))  # fmt: skip
        self._down_at = time.monotonic() + self.chance.uniform(*_DOWN_EVERY_S)
        return {"CAREBED_ALIYUN_FILE": str(file), "CAREBED_CALLBACK_SECRET": _SECRET}

    def calm(self) -> None:
        """From now on everything is taken, and reported at once; so is what was to be reported later."""
        self._calm.set()

    @property
    def reported(self) -> bool:
        """Whether no report is outstanding that is ever to come."""
        return not self._reporting

    async def close(self) -> None:
        """Report nothing any more."""
        await self._listening.aclose()
        for task in self._reporting:
            task.cancel()
        await asyncio.gather(*self._reporting, return_exceptions=True)

    async def _answer(self, request: Request) -> Answer | None:
        if (action := request.headers["x-acs-action"]) not in _SENDS:
            return None  # who asks what became of a message has to wait for the report
        parameters = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        answer = await self._take(action, parameters["OutId"])
        return None if answer is None else Answer(content=answer)

    async def _take(self, action: str, ref: str) -> dict[str, str] | None:
        """The answer; None where there is none."""
        (fate,) = self.chance.choices(list(_FATES), list(_FATES.values()))
        fate = "taken" if self._calm.is_set() else "refused" if self._down() else fate
        self.figures["messages"] += 1
        self.figures[fate] += 1
        self.sends.setdefault(ref, []).append(time.monotonic())
        if fate == "hung":
            await asyncio.sleep(_HANGS_S)
        if fate in ("hung", "refused"):
            return None
        number = f"{self.figures['messages']}^{ref}"
        task = asyncio.create_task(self._report("sms" if action == "SendSms" else "voice", number, ref))
        self._reporting.add(task)
        task.add_done_callback(self._reporting.discard)
        return None if fate == "taken and lost" else {"Code": "OK", "BizId": number, "CallId": number}

    def _down(self) -> bool:
        now = time.monotonic()
        if now > self._down_at:
            self._down_until = now + self.chance.uniform(*_DOWN_FOR_S)
            self._down_at = self._down_until + self.chance.uniform(*_DOWN_EVERY_S)
        return now < self._down_until

    async def _report(self, channel: str, number: str, ref: str) -> None:
        """Until the API has taken it; some twice, some never, and of some that it failed."""
        what = self.chance.random()
        if what < 0.1 and not self._calm.is_set():
            return
        delivered = what > 0.15 or self._calm.is_set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), self.chance.uniform(0.0, 3.0 if what < 0.9 else 25.0))
        item = (
            {"biz_id": number, "out_id": ref, "success": delivered, "err_code": _FAILED[0]} if channel == "sms" else
            {"call_id": number, "out_id": ref, "status_code": "200100" if delivered else _FAILED[1]}
        )  # fmt: skip
        async with httpx.AsyncClient(base_url=self.api, trust_env=False, verify=NO_AUTHORITIES, timeout=5) as client:
            for _ in range(2 if self.chance.random() < 0.2 else 1):
                while True:
                    with suppress(httpx.HTTPError):
                        path = f"/api/v1/callbacks/{_SECRET}/aliyun/{channel}-report"
                        if (await client.post(path, json=[item])).is_success:
                            break
                    await asyncio.sleep(_REPORT_AGAIN_S)
                self.figures["reports"] += 1
        if delivered:
            self.known.setdefault(ref, time.monotonic())


def put_methods(url: str) -> None:
    """Everybody who can be called has a number for SMS and voice. `url`: of the database's owner."""
    with psycopg.connect(url) as conn:
        conn.execute(_PUT_METHODS)


def waiting(url: str) -> int:
    """How many messages are due and not handed over."""
    with psycopg.connect(url, connect_timeout=5) as conn:
        ((count,),) = conn.execute(_WAITING).fetchall()
        return int(count)


def unaccounted(url: str, providers: Providers) -> list[str]:
    """Every message that is missing, and every one that is too many."""
    asked = {"not_calls": sorted(NOT_CALLS), "over": sorted(OVER), "said": list(_FAILED)}
    with psycopg.connect(url) as conn:
        found = [f"{alarm}: a call by {channel} is {state} ({error})" for alarm, channel, state, error
                 in conn.execute(_GIVEN_UP, asked)]  # fmt: skip
        found += [f"{alarm}: {kind} by {channel} twice" for alarm, kind, channel in conn.execute(_DOUBLED)]
        found += [f"{alarm}: {who} was called and is not told that it is over ({news or 'no message'})"
                  for alarm, who, news in conn.execute(_UNTOLD, asked)]  # fmt: skip
    return found + needless(providers.sends, providers.known)


def needless(sends: dict[str, list[float]], known: dict[str, float]) -> list[str]:
    """Sent again although we had been told long since that it was delivered."""
    return [
        f"message {ref} was sent {at - known[ref]:.0f} s after it was reported as delivered"
        for ref, times in sends.items() for at in times if ref in known and at - known[ref] > _UNDER_WAY_S
    ]  # fmt: skip
