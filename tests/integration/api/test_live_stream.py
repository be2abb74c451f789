"""The live stream: what a board sees, without a gap, and never longer than it may."""

import asyncio
import random
from typing import Any

import psycopg
import pytest
from api_service import Event, Service, Stream, until
from sqlalchemy.ext.asyncio import AsyncConnection

from api import hub as hub_module
from api import subscriber as subscriber_module


async def _opened(stream: Stream) -> Event:
    event = await stream.next()
    assert event is not None
    assert event.kind == "open"
    return event


async def _caught_up(service: Service) -> None:
    """The hub has read all that has happened: nothing of it comes on a stream that opens now."""
    ((last,),) = service.sql("SELECT max(seq) FROM alarm_event")
    await until(lambda: service.hub._cursor >= last)


async def _broken_off(stream: Stream) -> None:
    """It ends without `end`, so that the board turns red; a change may still have been on its way."""
    while (event := await stream.next(5)) is not None:
        assert event.kind == "alarm"


async def test_a_board_gets_the_open_list_and_then_every_change(service: Service) -> None:
    standing = await service.raised()
    closed = await service.raised("gw-0002")
    operator = await service.person("operator")
    await operator.move(closed, "resolve", outcome="test")
    await _caught_up(service)
    async with operator.live() as stream:
        opened = await _opened(stream)
        assert [item["id"] for item in opened.data["items"]] == [standing]
        assert opened.data["items"][0] == {
            **await operator.alarm(standing), "server_time": opened.data["items"][0]["server_time"]
        }  # fmt: skip
        await operator.move(standing, "acknowledge")
        changed = await stream.until("alarm")
        assert (changed.data["id"], changed.data["state"]) == (standing, "acknowledged")
        assert changed.number is not None
        assert opened.number is not None
        assert changed.number > opened.number
        await operator.move(standing, "resolve", outcome="false_alarm")
        assert (await stream.until("alarm")).data["state"] == "resolved"
        new = await service.raised("gw-0003")
        assert (await stream.until("alarm")).data["id"] == new


async def test_nobody_hears_of_another_branch_unless_he_is_called_there(service: Service) -> None:
    caregiver = await service.person("caregiver-other")
    who = await caregiver.me()
    operator = await service.person("operator")
    async with caregiver.live() as stream, operator.live() as desk:
        assert (await _opened(stream)).data["items"] == []
        ours = await service.raised()
        assert (await desk.until("alarm")).data["id"] == ours
        await service.write(
            "INSERT INTO response (alarm_id, staff_id, state, step) VALUES (%s, %s, 'called', 1)", ours, who
        )
        theirs = await service.raised("gw-other-0001", by="operator-other")
        assert (await stream.until("alarm")).data["id"] == theirs, "the other branch's raise was not sent"
        await operator.move(ours, "acknowledge")
        assert (await stream.until("alarm")).data["id"] == ours


async def test_a_resumed_stream_brings_what_was_missed_closed_alarms_too(service: Service) -> None:
    operator = await service.person("operator")
    first, second = await service.raised(), await service.raised("gw-0002")
    await _caught_up(service)
    async with operator.live() as stream:
        await _opened(stream)
        last = stream.last_id
    await operator.move(first, "resolve", outcome="test")
    await operator.move(second, "comment", note="x")
    async with operator.live(last) as stream:
        opened = await _opened(stream)
        assert [item["id"] for item in opened.data["items"]] == [second]
        missed = [await stream.until("alarm") for _ in range(2)]
        assert [(event.data["id"], event.data["state"]) for event in missed] == [
            (first, "resolved"),
            (second, "raised"),
        ]
        # A stream that breaks in the middle of the missed ones resumes from there.
        assert opened.number == last
        assert missed[0].number is not None
        assert missed[1].number is not None
        assert last is not None
        assert last < missed[0].number < missed[1].number


@pytest.mark.parametrize("last", ["0", "999999999999", "-1", "x", "", "1e3", "9" * 40, "٣"])
async def test_a_strange_last_event_id_still_gets_the_open_list(service: Service, last: str) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    headers = {"Authorization": f"Bearer {operator.tokens['access_token']}", "Last-Event-ID": last.encode()}
    async with operator.http.stream("GET", "/api/v1/live", headers=headers) as answer:
        opened = await _opened(Stream(answer.aiter_lines()))
    assert [item["id"] for item in opened.data["items"]] == [alarm]


async def test_no_change_is_missed_however_often_the_line_breaks(service: Service) -> None:
    """Random changes while the client breaks and resumes at random: in the end it has every alarm's last version."""
    chance = random.Random(7)
    operator = await service.person("operator")
    alarms = [await service.raised(f"gw-000{number}", kind=kind) for number in (1, 2, 3) for kind in ("sos", "leak")]
    known: dict[str, int] = {}
    writing = True

    async def write() -> None:
        nonlocal writing
        writer = await service.person("manager")
        for number in range(60):
            move = chance.choice(["comment", "comment", "acknowledge", "escalate", "resolve", "reopen"])
            body = {"comment": {"note": str(number)}, "resolve": {"outcome": "test"}}.get(move, {})
            await writer.move(chance.choice(alarms), move, **body)
        writing = False

    async def read() -> None:
        last: int | None = None
        settled = False
        while not settled:
            settled = not writing
            async with operator.live(last) as stream:
                opened = await _opened(stream)
                for item in opened.data["items"]:
                    known[item["id"]] = max(known.get(item["id"], 0), item["version"])
                for _ in range(chance.randrange(1, 6) if not settled else 1_000):
                    try:
                        event = await stream.next(0.3)
                    except TimeoutError:
                        break
                    if event is not None and event.kind == "alarm":
                        known[event.data["id"]] = max(known.get(event.data["id"], 0), event.data["version"])
                last = stream.last_id

    await asyncio.gather(write(), read())
    versions = dict(service.sql("SELECT id::text, version FROM alarm"))
    assert known == versions


async def test_commits_that_overtake_each_other_leave_no_gap(service: Service) -> None:
    """Fifty moves at once on six alarms: one open stream sees the last version of each."""
    operator, manager = await service.person("operator"), await service.person("manager")
    alarms = [await service.raised(f"gw-000{number}", kind=kind) for number in (1, 2, 3) for kind in ("sos", "leak")]
    known: dict[str, int] = {}
    async with operator.live() as stream:
        await _opened(stream)
        await asyncio.gather(*(manager.move(alarms[n % 6], "comment", note=str(n)) for n in range(50)))
        versions = dict(service.sql("SELECT id::text, version FROM alarm"))
        numbers: list[int] = []
        while known != versions:
            event = await stream.until("alarm")
            assert event.number is not None
            numbers.append(event.number)
            known[event.data["id"]] = event.data["version"]
    assert numbers == sorted(numbers)


async def test_a_called_person_is_paged_on_his_stream_and_the_page_counts_as_delivered(service: Service) -> None:
    caregiver, operator = await service.person("caregiver1"), await service.person("operator")
    async with caregiver.live() as stream:
        await _opened(stream)
        alarm = await service.raised()
        await operator.move(alarm, "escalate")
        call = await stream.until("call")
        assert (call.data["alarm"], call.data["step"], call.data["kind"]) == (alarm, 1, "called")

        def delivered() -> bool:
            rows = service.sql("SELECT state, delivered_at FROM notification WHERE id = %s", call.data["notification"])
            return [(state, at is not None) for state, at in rows] == [("delivered", True)]

        await until(delivered)
    others = service.sql("SELECT DISTINCT state FROM notification WHERE id <> %s", call.data["notification"])
    assert others == [("pending",)], "who has no stream open has not been told"


async def test_who_opens_his_stream_later_is_paged_then_and_once(service: Service) -> None:
    caregiver, operator = await service.person("caregiver2"), await service.person("operator")
    alarm, over = await service.raised(), await service.raised("gw-0002")
    for one in (alarm, over):
        await operator.move(one, "escalate")
    await operator.move(over, "resolve", outcome="test")
    await service.write("UPDATE alarm SET closed_at = closed_at - interval '1 hour' WHERE closed_at IS NOT NULL")
    async with caregiver.live() as stream:
        call = await stream.until("call")
        assert call.data["alarm"] == alarm
        await until(lambda: service.sql("SELECT count(*) FROM notification WHERE state = 'delivered'") == [(1,)])
    async with caregiver.live() as stream:
        await _opened(stream)
        await operator.move(alarm, "comment", note="x")
        event = await stream.next()
        assert event is not None
        assert event.kind == "alarm"


async def test_every_stream_of_a_person_is_paged(service: Service) -> None:
    operator = await service.person("operator")
    telephone, tablet = await service.sign_in("caregiver1"), await service.sign_in("caregiver1")
    async with telephone.live() as one, tablet.live() as two:
        await _opened(one)
        await _opened(two)
        await operator.move(await service.raised(), "escalate")
        calls = [(await stream.until("call")).data["notification"] for stream in (one, two)]
    assert calls[0] == calls[1]


async def test_signing_out_ends_that_sessions_stream_at_once(service: Service) -> None:
    here, there = await service.sign_in("operator"), await service.sign_in("operator")
    async with here.live() as mine, there.live() as other:
        await _opened(mine)
        await _opened(other)
        await here.post("/auth/sign-out")
        assert (await mine.until("end")).data == {"reason": "signed_out"}
        assert await mine.next() is None
        await service.raised()
        assert (await other.until("alarm")).kind == "alarm"


async def test_the_stream_ends_when_the_token_runs_out(service: Service) -> None:
    operator = await service.sign_in("operator")
    await service.write("UPDATE staff_session SET access_expires_at = clock_timestamp() + interval '1 s'")
    async with operator.live() as stream:
        assert (await stream.until("end")).data == {"reason": "expired"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE staff SET area_code = '350103000000' WHERE login = 'operator'", "rights"),
        ("UPDATE staff SET role = 'caregiver' WHERE login = 'operator'", "rights"),
        ("UPDATE staff SET active = false WHERE login = 'operator'", "expired"),
        ("DELETE FROM staff_session", "expired"),
    ],
)
async def test_the_stream_ends_when_the_rights_change(
    service: Service, monkeypatch: pytest.MonkeyPatch, change: str, reason: str
) -> None:
    monkeypatch.setattr(hub_module, "RECHECK_S", 0.2)
    operator = await service.sign_in("operator")
    async with operator.live() as stream:
        await _opened(stream)
        await service.write(change)
        assert (await stream.until("end")).data == {"reason": reason}


async def test_a_silent_line_beats(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_module, "BEAT_S", 0.1)
    operator = await service.person("operator")
    async with operator.live() as stream:
        await _opened(stream)
        with pytest.raises(TimeoutError):
            await stream.next(0.5)
        assert 2 <= stream.beats <= 5


async def test_whoever_comes_while_a_change_is_being_read_gets_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await service.person("operator")
    alarm = await service.raised()
    async with operator.live() as stream:
        await _opened(stream)
        last = stream.last_id
    read_calls, reading, go_on = service.hub._read_calls, asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def by_steps(conn: AsyncConnection) -> Any:
        calls = await read_calls(conn)
        reading.release()
        await go_on.acquire()
        return calls

    monkeypatch.setattr(service.hub, "_read_calls", by_steps)
    await reading.acquire()
    await operator.move(alarm, "resolve", outcome="test")
    go_on.release()
    await reading.acquire()  # the change has been read, for nobody
    async with operator.live(last) as stream:
        await _opened(stream)
        monkeypatch.undo()
        go_on.release()
        assert (await stream.until("alarm")).data["id"] == alarm


async def test_a_lost_database_ends_every_stream_without_a_word_and_a_new_one_resumes(service: Service) -> None:
    operator = await service.person("operator")
    alarm = await service.raised()
    async with operator.live() as stream:
        await _opened(stream)
        last = stream.last_id
        # What the API's listening line meets when the server is killed.
        with psycopg.connect(service.urls.admin, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'test-api-hub-listen'"
            )
        await _broken_off(stream)
    await until(lambda: service.hub.ready() is None)
    await operator.move(alarm, "acknowledge")
    async with operator.live(last) as stream:
        await _opened(stream)
        assert (await stream.until("alarm")).data["state"] == "acknowledged"


async def test_a_database_that_hangs_ends_every_stream_as_well(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await service.person("operator")
    alarm = await service.raised()
    async with operator.live() as stream:
        await _opened(stream)
        monkeypatch.setattr(hub_module, "READ_TIMEOUT_S", 0.5)
        async with await psycopg.AsyncConnection.connect(service.urls.owner) as conn:
            await conn.execute("LOCK TABLE alarm_event IN ACCESS EXCLUSIVE MODE")
            await _broken_off(stream)
            assert service.hub.ready() is not None
            assert (await operator.get("/live")).status_code == 503
    monkeypatch.undo()
    await until(lambda: service.hub.ready() is None)
    async with operator.live() as stream:
        assert [item["id"] for item in (await _opened(stream)).data["items"]] == [alarm]


async def test_a_read_that_cannot_even_be_cancelled_holds_no_stream_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await service.person("operator")
    thaw = asyncio.Event()
    cycle = service.hub._cycle

    async def frozen() -> bool:
        await thaw.wait()
        return await cycle()

    async with operator.live() as stream:
        await _opened(stream)
        monkeypatch.setattr(hub_module, "READ_TIMEOUT_S", 0.3)
        monkeypatch.setattr(service.hub, "_cycle", frozen)
        await _broken_off(stream)
    assert service.hub.ready() is not None
    monkeypatch.undo()
    thaw.set()
    await until(lambda: service.hub.ready() is None)


async def test_while_the_log_is_not_followed_nobody_gets_a_stream(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await service.person("operator")
    monkeypatch.setattr(service.hub, "ready", lambda: "the event log is not being followed")
    answer = await operator.get("/live")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


async def test_an_event_whose_notify_got_lost_arrives_with_the_tick(service: Service) -> None:
    operator = await service.person("operator")
    alarm = await service.raised()
    await _caught_up(service)
    async with operator.live() as stream:
        await _opened(stream)
        await service.write(
            "INSERT INTO alarm_event (seq, alarm_id, version, at, type, actor_type)"
            " SELECT nextval('alarm_event_seq'), id, version, now(), 'comment', 'engine' FROM alarm"
        )
        assert (await stream.until("alarm")).data["id"] == alarm
