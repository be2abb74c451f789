"""The API is killed before each statement of an answer, and after each one: it stands wholly or not at all, and who
asks again completes it exactly once.

As in `test_killed_while_telling`: the packets that the API sends to the database are counted on a line, and in the n-th
round it gets kill -9 at the n-th one of the request, or when the database has answered it. The rounds of an answer end
when it has been given before the API has sent so many.
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from executioner import Executioner
from lane_stage import LaneStage, lane_stage

from alerts import book
from alerts.answers import Links
from alerts.firing import AlarmHandler
from alerts.policy import Policy, Step, policy_json
from alerts.raising import Place, Raise, merge_key, raise_alarms
from carebed.clock import now
from carebed.database import Database
from carebed.embedded import ports
from carebed.engine import Engine
from tests.lines import Line, line
from tests.plain_http import NO_AUTHORITIES

ALL = "CAREBED_TEST_EVERY_STATEMENT" in os.environ
#: More statements than an answer takes.
MOST = 80
_THROUGH = ("live", "sms", "voice")
_SECRET = "s3cret-of-the-callbacks-of-ours"
_LINK_SECRET = "k" * 32
_PUBLIC = "http://care.example"
_TEMPLATES = dict.fromkeys(("call_template", "news_template", "code_template"), "T")

_PUT_METHODS = """
    INSERT INTO contact_method (id, staff_id, channel, address, verified_at)
    SELECT gen_random_uuid(), id, channel, %s, now() FROM staff, unnest(ARRAY['sms', 'voice']) AS channel
    WHERE login = %s
"""
# As after their channels have taken them; nobody has told of their delivery.
_HANDED_OVER = """
    UPDATE notification SET state = 'handed_over', attempts = 1, provider_id = channel || '^' || id,
        due_at = 'infinity' WHERE alarm_id = %s AND contact_method_id IS NOT NULL
"""


@dataclass
class Desk:
    """A stage on which only the API runs, behind its line; an alarm at a time. `tokens`: by login."""

    stage: LaneStage
    line: Line
    executioner: Executioner
    database: Database
    settings: dict[str, str]
    phone: str = "+8613800138000"
    alarm: str = ""
    key: str = ""
    messages: dict[str, UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def start(self) -> None:
        """What the dead one has sent and nobody has read yet arrives nowhere either."""
        self.line.cut()
        self.executioner.rest()
        port = ports.free_port()
        self.stage.start_process("api", ["api"], CAREBED_HTTP_PORT=str(port), **self.settings)
        self.stage.health["api"] = f"http://127.0.0.1:{port}"
        await self.stage.is_ready("api")

    async def called(self) -> None:
        """An alarm to which the caregiver has been called, by SMS and by telephone."""
        ((station, area, home),) = self.stage.query("SELECT station_id, area_code, id FROM home ORDER BY id LIMIT 1")
        async with self.database.transaction() as conn:
            at = await now(conn)
            why = {"code": "sos", "text": {"en": "sos", "zh": "sos"}}
            key = merge_key(home, None, uuid4().hex)
            raised = await raise_alarms(conn, at, [Raise("sos", Place(station, area, home), key, at, why)])
            await book.finish(conn, at, raised.cases.values(), _THROUGH)
        self.alarm, self.key = str(raised.alarm_ids[0]), uuid4().hex
        await Engine(self.database, {"alarm": AlarmHandler(_THROUGH)}, process="story").cycle(life_critical=True)
        self.stage.run(_HANDED_OVER, self.alarm)
        rows = self.stage.query(
            "SELECT channel, id FROM notification WHERE alarm_id = %s AND contact_method_id IS NOT NULL", self.alarm
        )
        self.messages = dict(rows)

    async def over(self) -> None:
        """The next round is about another one."""
        self.stage.run(_OVER.format(alarm=UUID(self.alarm)))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.stage.health["api"], trust_env=False, verify=NO_AUTHORITIES, timeout=20)

    async def ask(self, request: "Answer") -> httpx.Response:
        """Raises what `httpx` raises where nobody answers any more."""
        async with self._client() as client:
            return await request(self, client)

    async def sign_in(self, login: str) -> None:
        """Its token outlives the API."""
        password = next(user["password"] for user in self.stage.users if user["login"] == login)
        async with self._client() as client:
            form = {"grant_type": "password", "username": login, "password": password}
            answer = await client.post("/api/v1/auth/token", data=form)
        self.tokens[login] = str(answer.json()["access_token"])

    def one(self, statement: str, *values: object) -> Any:
        """One value."""
        return self.stage.query(statement, *values)[0][0]


Answer = Callable[[Desk, httpx.AsyncClient], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Case:
    """An answer, the event that it makes (None: none), and the traces that stand with it or not at all: each a query
    for a boolean about the alarm, and where %s comes twice, about its key."""

    ask: Answer
    event: str | None
    traces: tuple[str, ...]


def _move(login: str, move: str, **body: Any) -> Answer:
    async def ask(desk: Desk, client: httpx.AsyncClient) -> httpx.Response:
        headers = {"authorization": f"Bearer {desk.tokens[login]}", "idempotency-key": desk.key}
        return await client.post(f"/api/v1/alarms/{desk.alarm}/{move}", json=body, headers=headers)

    return ask


async def _link(desk: Desk, client: httpx.AsyncClient) -> httpx.Response:
    address = Links(_PUBLIC, _LINK_SECRET).to(desk.messages["sms"]).removeprefix(_PUBLIC)
    return await client.post(address, data={"move": "accept"})


def _callback(what: str, **item: str) -> Answer:
    async def ask(desk: Desk, client: httpx.AsyncClient) -> httpx.Response:
        ids = {channel: f"{channel}^{message}" for channel, message in desk.messages.items()}
        told = {name: value.format(phone=desk.phone, key=desk.key, **ids) for name, value in item.items()}
        return await client.post(f"/api/v1/callbacks/{_SECRET}/aliyun/{what}", json=[told])

    return ask


_OVER = """
    BEGIN; UPDATE alarm SET state = 'cancelled', outcome = NULL, closed_at = now() WHERE id = '{alarm}';
    DELETE FROM deadline WHERE alarm_id = '{alarm}'; COMMIT
"""
_KEY_KEPT = "SELECT EXISTS (SELECT FROM idempotency WHERE status = 200 AND body ->> 'id' = %s)"
_GOES = "SELECT EXISTS (SELECT FROM response WHERE alarm_id = %s AND state = 'accepted')"
_PERSON_HOLDS = "SELECT owner_staff_id IS NOT NULL FROM alarm WHERE id = %s"
_REPLY_KEPT = """
    SELECT EXISTS (SELECT FROM notification WHERE alarm_id = %s AND kind = 'answer' AND payload ->> 'result' = 'going')
"""
_DELIVERED = "SELECT EXISTS (SELECT FROM notification WHERE alarm_id = %s AND state = 'delivered')"
_PROVEN = """
    SELECT delivered_at IS NOT NULL FROM contact_method WHERE id = (
        SELECT contact_method_id FROM notification WHERE alarm_id = %s AND channel = 'sms' AND kind = 'called')
"""

CASES: dict[str, Case] = {
    "acknowledge": Case(_move("operator", "acknowledge"), "acknowledged", (_KEY_KEPT, _PERSON_HOLDS)),
    "accept": Case(_move("caregiver1", "accept"), "accepted", (_KEY_KEPT, _GOES, _PERSON_HOLDS)),
    "resolve": Case(
        _move("operator", "resolve", outcome="help_given", note="a note"), "resolved",
        (_KEY_KEPT, "SELECT state = 'resolved' FROM alarm WHERE id = %s",
         "SELECT NOT EXISTS (SELECT FROM deadline WHERE alarm_id = %s)"),
    ),
    "link": Case(_link, "accepted", (_GOES, _PERSON_HOLDS)),
    "reply": Case(
        _callback("sms-up", phone_number="{phone}", content="1", sequence_id="{key}"), "accepted",
        (_GOES, _REPLY_KEPT),
    ),
    "key": Case(
        _callback("voice-call-report", status_code="300000", dtmf="1", call_id="{voice}"), "accepted",
        (_GOES, "SELECT EXISTS (SELECT FROM notification WHERE alarm_id = %s AND payload ->> 'key' = '1')"),
    ),
    "report": Case(_callback("sms-report", success="true", biz_id="{sms}"), None, (_DELIVERED, _PROVEN)),
}  # fmt: skip


#: An answer, whether the API dies after the n-th statement (or before it), and the statements.
BEFORE, AFTER = ([(name, after, range(1, MOST)) for name in CASES] for after in (False, True))
SOME = [("accept", False, range(20, 21)), ("reply", True, range(14, 15))]


@asynccontextmanager
async def desk(directory: Path) -> AsyncIterator[Desk]:
    async with lane_stage(directory, 1) as stage, line("postgres", stage.postgres.port) as database_line:
        aliyun = directory / "aliyun.json"
        keys = {"access_key_id": "LTAI", "access_key_secret": "secret"}
        sms = {"sign_name": "care", **_TEMPLATES}
        voice = {"show_number": "059187654321", "key_template": "T", **_TEMPLATES}
        aliyun.write_text(json.dumps({**keys, "sms": sms, "voice": voice}))
        urls = stage.postgres.urls()
        settings = {
            "CAREBED_API_DATABASE_URL": urls.api.replace(f":{stage.postgres.port}/", f":{database_line.port}/"),
            "CAREBED_HEALTH_PORT": "0", "CAREBED_PUBLIC_URL": _PUBLIC, "CAREBED_LINK_SECRET": _LINK_SECRET,
            "CAREBED_CALLBACK_SECRET": _SECRET, "CAREBED_ALIYUN_FILE": str(aliyun),
        }  # fmt: skip
        executioner = Executioner(lambda: stage.kill("api"))
        database_line.watch, database_line.heard = executioner.statement, executioner.heard
        database = Database(urls.engine, application="story", pool_size=2)
        try:
            one = Desk(stage, database_line, executioner, database, settings)
            await one.start()
            for login in ("operator", "caregiver1"):
                await one.sign_in(login)
            stage.run(_PUT_METHODS, one.phone, "caregiver1")
            caregiver = one.one("SELECT id FROM staff WHERE login = 'caregiver1'")
            ladder = Policy("answers", (Step(0, (f"person:{caregiver}", "desk")),))
            stage.run("INSERT INTO policy (id, kind, ladder) VALUES (%s, 'sos', %s)", uuid4(), policy_json(ladder))
            yield one
        finally:
            await database.close()


@pytest.mark.parametrize("rounds", [BEFORE, AFTER] if ALL else [SOME], ids=["before", "after"] if ALL else ["some"])
async def test_an_answer_stands_wholly_or_not_at_all_wherever_the_api_dies(
    tmp_path: Path, rounds: Sequence[tuple[str, bool, range]]
) -> None:
    async with desk(tmp_path / "data") as one:
        for name, afterwards, moments in rounds:
            one.executioner.after = afterwards
            died = 0
            for at in moments:
                if not await _killed_at(one, CASES[name], at):
                    break
                died += 1
            else:
                assert not ALL, f"{name} sends more than {MOST} statements"
            assert died > (5 if ALL else 0), f"{name} was killed {died} times"


async def _killed_at(one: Desk, case: Case, at: int) -> bool:
    """One round; whether the API died of it before it had answered."""
    await one.called()
    one.stage.run("UPDATE contact_method SET delivered_at = NULL")
    nothing = _traces(one, case)
    assert not any(nothing)
    one.executioner.wait_for("never", at)
    one.executioner.armed = True
    try:
        first = await one.ask(case.ask)
        answered = first.status_code < 400
    except httpx.HTTPError:
        answered = False
    died = one.executioner.killed
    assert died or answered, first.text
    if died:
        traces = _traces(one, case)
        assert len(set(traces)) == 1, f"half of the answer stands after statement {at}: {traces}"
        await one.start()
    one.executioner.rest()
    for _ in range(2):
        again = await one.ask(case.ask)
        assert again.status_code < 400, again.text
        assert "refused" not in again.headers.get("location", "")
        assert all(_traces(one, case)), f"asked again after statement {at}, and it does not stand"
    if case.traces[0] == _KEY_KEPT:
        assert again.headers["idempotency-replayed"] == "true"
    doubled = one.stage.query(
        "SELECT kind, staff_id, count(*) FROM notification WHERE alarm_id = %s AND kind <> 'answer'"
        " GROUP BY kind, staff_id, channel HAVING count(*) > 1", one.alarm,
    )  # fmt: skip
    assert doubled == []
    await one.over()
    return died


def _traces(one: Desk, case: Case) -> list[bool]:
    """What of the answer stands; an event that is there twice is none."""
    found = [bool(one.one(trace, one.alarm)) for trace in case.traces]
    if case.event is not None:
        told = one.one("SELECT count(*) FROM alarm_event WHERE alarm_id = %s AND type = %s", one.alarm, case.event)
        assert told <= 1, f"{case.event} {told} times"
        version = one.one("SELECT alarm.version = (SELECT max(version) FROM alarm_event WHERE alarm_id = alarm.id)"
                          " FROM alarm WHERE id = %s", one.alarm)  # fmt: skip
        assert version, "the alarm and its log are of two minds"
        found.append(told == 1)
    return found
