"""Answers by link, SMS and key: bound to their alarm, step and person, whatever comes late, double or out of order."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from api_service import Seeded, Service, running

from alerts.answers import Links
from alerts.channel import Handover, Outgoing
from alerts.outbox import Outbox
from alerts.outgoing import Composer
from alerts.provider import reference
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls

LINKS = Links("http://care.example", "k" * 32)
SECRET = "s3cret-of-the-callbacks-of-ours"
PHONE = "13800138000"


class Taking:
    """A channel that takes everything."""

    is_route = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: list[Outgoing] = []

    async def send(self, outgoing: Outgoing) -> Handover:
        """Keep it; the provider's id is the same for all attempts."""
        self.sent.append(outgoing)
        return Handover(f"{self.name}^{outgoing.id}")

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class Ground:
    """An SOS to which caregiver1 is called, by SMS and by telephone."""

    service: Service
    client: httpx.AsyncClient
    outbox: Outbox
    sms: Taking
    voice: Taking
    staff: str
    alarm: str

    async def go_out(self) -> None:
        """Everything that waits goes out."""
        await self.service.write(
            "UPDATE notification SET next_attempt_at = '-infinity', due_at = least(due_at, created_at)"
            " WHERE state = 'pending' AND due_at < 'infinity'"
        )
        await self.outbox.cycle()

    async def call(self, step: int = 1) -> None:
        """What the ladder does: the caregiver is called."""
        for channel in ("sms", "voice"):
            await self.service.write(
                """INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step,
                       life_critical, payload, state, created_at, next_attempt_at, answer_code)
                   SELECT gen_random_uuid(), %s, channel, staff_id, id, 'called', %s, true, '{}', 'pending',
                       carebed_now(), clock_timestamp(), CASE channel WHEN 'sms' THEN %s END
                   FROM contact_method WHERE channel = %s AND staff_id = %s""",
                self.alarm, step, f"47{step}", channel, self.staff,
            )  # fmt: skip
        await self.service.write(
            """INSERT INTO response (alarm_id, staff_id, state, step, called_at) VALUES (%s, %s, 'called', %s, now())
               ON CONFLICT DO NOTHING""", self.alarm, self.staff, step,
        )  # fmt: skip
        await self.service.write("UPDATE alarm SET step = %s WHERE id = %s", step, self.alarm)
        await self.go_out()

    def message(self, channel: str = "sms") -> UUID:
        """The newest message through a channel."""
        ((found,),) = self.service.sql(
            "SELECT id FROM notification WHERE channel = %s AND kind = 'called'"
            " ORDER BY created_at DESC, step DESC LIMIT 1", channel,
        )  # fmt: skip
        return UUID(str(found))

    def link(self) -> str:
        """Its page."""
        return LINKS.to(self.message()).removeprefix("http://care.example")

    def answers(self) -> list[tuple[Any, ...]]:
        """What people did, as the log has it."""
        return self.service.sql(
            "SELECT type, channel, actor_id FROM alarm_event WHERE alarm_id = %s AND actor_type = 'staff'"
            " AND type NOT IN ('raised') ORDER BY seq", self.alarm,
        )  # fmt: skip

    def state(self, channel: str = "sms") -> str:
        """Delivery state of the newest message."""
        return str(self.service.sql("SELECT state FROM notification WHERE id = %s", self.message(channel))[0][0])

    async def report(self, what: str, *items: dict[str, Any], secret: str = SECRET) -> httpx.Response:
        """What Aliyun pushes."""
        return await self.client.post(f"/api/v1/callbacks/{secret}/aliyun/{what}", json=list(items))


@asynccontextmanager
async def _ground(urls: DatabaseUrls, seeded: Seeded, web: Path) -> AsyncIterator[Ground]:
    channels = ("live", "sms", "voice")
    async with running(
        urls, seeded.credentials, web, channels=channels, links=LINKS, callback_secret=SECRET
    ) as service:
        alarm = await service.raised()
        staff = await (await service.person("caregiver1")).me()
        for rank, channel in enumerate(("sms", "voice")):
            await service.write(
                "INSERT INTO contact_method (id, staff_id, channel, address, rank, verified_at)"
                " VALUES (gen_random_uuid(), %s, %s, %s, %s, carebed_now())", staff, channel, f"+86{PHONE}", rank,
            )  # fmt: skip
        database = Database(urls.engine, application="test-outbox", pool_size=4)
        sms, voice = Taking("sms"), Taking("voice")
        outbox = Outbox(database, [sms, voice], Composer(LINKS.to))
        yield Ground(service, service.client(), outbox, sms, voice, staff, alarm)
        await database.close()


@pytest.fixture
async def ground(district: DatabaseUrls, seeded: Seeded, tmp_path: Path) -> AsyncIterator[Ground]:
    """Caregiver1 has been called, by both."""
    async with _ground(district, seeded, tmp_path / "web") as ground:
        await ground.call()
        yield ground


async def test_a_link_shows_and_never_answers_and_its_button_does(ground: Ground) -> None:
    assert ground.sms.sent[0].link == "http://care.example" + ground.link()
    for _ in range(2):
        page = await ground.client.get(ground.link())
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert 'value="accept"' in page.text
        assert "<script" not in page.text
    assert ground.answers() == []
    assert "I go" in (await ground.client.get(ground.link() + "?lang=en")).text
    done = await ground.client.post(ground.link(), data={"move": "accept"})
    assert (done.status_code, done.headers["location"]) == (303, ground.link())
    assert ground.answers() == [("accepted", "link", ground.staff)]
    page = await ground.client.get(ground.link())
    assert 'value="en-route"' in page.text
    assert 'value="accept"' not in page.text
    assert (await ground.client.post(ground.link(), data={"move": "accept"})).status_code == 303
    assert len(ground.answers()) == 1, "twice is once"
    for move in ("en-route", "arrive", "leave"):
        assert (await ground.client.post(ground.link(), data={"move": move})).status_code == 303
    assert [one[0] for one in ground.answers()] == ["accepted", "en_route", "arrived", "left"]


async def test_a_page_tells_what_has_happened_meanwhile(ground: Ground) -> None:
    first = ground.link()
    await ground.call(step=2)
    assert "A later call has gone out" in (await ground.client.get(first + "?lang=en")).text
    await (await ground.service.person("caregiver2")).move(ground.alarm, "accept")
    assert "1 answering" in (await ground.client.get(first + "?lang=en")).text
    await (await ground.service.person("operator")).move(ground.alarm, "resolve", outcome="help_given")
    page = (await ground.client.get(first + "?lang=en")).text
    assert "This alarm is over" in page
    assert "<button" not in page
    late = await ground.client.post(first, data={"move": "accept"})
    assert late.headers["location"].endswith("?refused=1")
    assert "Not recorded" in (await ground.client.get(late.headers["location"] + "&lang=en")).text


@pytest.mark.parametrize("why", ["expired", "left", "removed"])
async def test_a_link_ends_with_its_time_its_person_and_its_method(ground: Ground, why: str) -> None:
    await ground.service.write(
        {
            "expired": "UPDATE notification SET created_at = created_at - interval '25 hours'",
            "left": "UPDATE staff SET active = false WHERE login = 'caregiver1'",
            "removed": "UPDATE contact_method SET removed_at = carebed_now()",
        }[why]
    )
    assert (await ground.client.get(ground.link())).status_code == 410
    assert (await ground.client.post(ground.link(), data={"move": "accept"})).status_code == 410
    assert ground.answers() == []


async def test_made_up_links_and_moves_are_nothing(ground: Ground) -> None:
    for token in ("x", LINKS.token(uuid4()), Links("", "another" * 8).token(ground.message())):
        assert (await ground.client.get(f"/a/{token}")).status_code == 404
        assert (await ground.client.post(f"/a/{token}", data={"move": "accept"})).status_code == 404
    for move in ("resolve", "reopen", "escalate", "", "acknowledge"):
        answer = await ground.client.post(ground.link(), data={"move": move})
        assert answer.status_code == 400 or answer.headers["location"].endswith("?refused=1")
    assert ground.answers() == []


async def test_a_reply_with_the_code_answers_that_call_once_and_is_told_so(ground: Ground) -> None:
    assert re.search(r"回复 1471 前往", ground.sms.sent[0].body)
    reply = {"phone_number": PHONE, "content": "1471", "sequence_id": 7}
    for _ in range(2):
        answer = await ground.report("sms-up", reply)
        assert answer.json()["code"] == 0
    assert ground.answers() == [("accepted", "sms", ground.staff)]
    ground.sms.sent.clear()
    await ground.go_out()
    assert [(one.kind, one.body) for one in ground.sms.sent] == [
        ("answer", "已记录您将前往。出发回3471，到达回4471，不能去回2471")
    ]
    await (await ground.service.person("caregiver1")).move(ground.alarm, "hand-back")
    await ground.report("sms-up", reply)
    assert ground.answers()[-1][0] == "handed_back", "what comes again after an hour is no new answer"


async def test_a_reply_without_a_code_counts_where_it_can_mean_but_one(ground: Ground) -> None:
    await ground.report("sms-up", {"phone_number": "+86" + PHONE, "content": "不能去", "sequence_id": "a"})
    assert ground.answers() == [("declined", "sms", ground.staff)]
    await ground.report("sms-up", {"phone_number": PHONE, "content": "谢谢啦", "sequence_id": "b"})
    await ground.report("sms-up", {"phone_number": "13900139000", "content": "1471", "sequence_id": "c"})
    assert len(ground.answers()) == 1
    ground.sms.sent.clear()
    await ground.go_out()
    assert sorted(one.body[:5] for one in ground.sms.sent) == sorted(["已记录：您", "未能识别。"])


async def test_nobody_who_has_left_answers_by_sms(ground: Ground) -> None:
    await ground.service.write("UPDATE staff SET active = false WHERE login = 'caregiver1'")
    await ground.report("sms-up", {"phone_number": PHONE, "content": "1471", "sequence_id": "a"})
    assert ground.answers() == []


async def test_a_code_that_two_people_of_one_telephone_have_for_different_alarms_answers_neither(
    ground: Ground,
) -> None:
    """Codes are told apart for each person only: a couple that shares a number may have the same one twice."""
    other = await (await ground.service.person("caregiver2")).me()
    alarm = await ground.service.raised(kind="assist")
    await ground.service.write(
        """WITH method AS (INSERT INTO contact_method (id, staff_id, channel, address, verified_at)
               VALUES (gen_random_uuid(), %s, 'sms', %s, carebed_now()) RETURNING id, staff_id)
           INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step, life_critical,
               payload, state, attempts, created_at, next_attempt_at, answer_code)
           SELECT gen_random_uuid(), %s, 'sms', staff_id, id, 'called', 1, true, '{}', 'handed_over', 1, carebed_now(),
               'infinity', '471' FROM method""", other, f"+86{PHONE}", alarm,
    )  # fmt: skip
    await ground.report("sms-up", {"phone_number": PHONE, "content": "1471", "sequence_id": "a"})
    assert ground.answers() == []
    await (await ground.service.person("operator")).move(alarm, "resolve", outcome="help_given")
    await ground.report("sms-up", {"phone_number": PHONE, "content": "1471", "sequence_id": "b"})
    assert ground.answers() == [("accepted", "sms", ground.staff)], "of one that is over and one that is open, the open"


async def test_an_answer_to_a_step_already_passed_counts_and_one_to_what_is_over_is_told_so(ground: Ground) -> None:
    await ground.call(step=2)
    await ground.report("sms-up", {"phone_number": PHONE, "content": "1471", "sequence_id": 1})
    assert ground.answers() == [("accepted", "sms", ground.staff)]
    await (await ground.service.person("operator")).move(ground.alarm, "resolve", outcome="help_given")
    ground.sms.sent.clear()
    await ground.report("sms-up", {"phone_number": PHONE, "content": "1472", "sequence_id": 2})
    await ground.go_out()
    assert "该报警已结束，您无需行动。" in [one.body for one in ground.sms.sent]


async def test_a_key_answers_and_both_reports_of_it_are_one(ground: Ground) -> None:
    message = ground.message("voice")
    call = {"call_id": f"voice^{message}", "out_id": reference(message), "dtmf": "1"}
    await ground.report("voice-call-report", {**call, "status_code": "300000"})
    await ground.report("voice-report", {**call, "status_code": "200000", "end_time": "2026-11-22 12:00:00"})
    assert ground.answers() == [("accepted", "voice", ground.staff)]
    assert ground.state("voice") == "read"
    # A call is over soon: how he goes on is written to him, once.
    ground.sms.sent.clear()
    await ground.go_out()
    (how,) = ground.sms.sent
    assert how.kind == "answer"
    assert f"出发回3{how.code}" in how.body
    await ground.report("sms-up", {"phone_number": PHONE, "content": f"3{how.code}", "sequence_id": 1})
    assert ground.answers()[1:] == [("en_route", "sms", ground.staff)]
    await ground.report("voice-report", {**call, "status_code": "200003", "dtmf": ""})
    assert ground.state("voice") == "read", "a state never goes back"


async def test_a_key_is_known_before_the_call_was_settled(ground: Ground) -> None:
    """The process died between the call and its settling: the provider's id was never written."""
    await ground.service.write("UPDATE notification SET provider_id = NULL, state = 'pending' WHERE channel = 'voice'")
    ref = reference(ground.message("voice"))
    await ground.report("voice-call-report", {"status_code": "300000", "call_id": "c", "out_id": ref, "dtmf": "2"})
    assert ground.answers() == [("declined", "voice", ground.staff)]


async def test_reports_late_double_and_out_of_order_leave_the_truth(ground: Ground) -> None:
    report = {"biz_id": f"sms^{ground.message()}", "phone_number": PHONE}
    assert ground.state() == "handed_over"
    failed, delivered = {**report, "success": False, "err_code": "X"}, {**report, "success": True}
    await ground.report("sms-report", delivered)
    for late in (failed, delivered, failed):
        await ground.report("sms-report", late)
        assert ground.state() == "delivered"
    ((proven,),) = ground.service.sql("SELECT delivered_at FROM contact_method WHERE channel = 'sms'")
    assert proven is not None


async def test_a_call_that_bounces_goes_out_again(ground: Ground) -> None:
    await ground.report("sms-report", {"biz_id": f"sms^{ground.message()}", "success": False, "err_code": "MK:0001"})
    ((state, error, due),) = ground.service.sql(
        "SELECT state, error, due_at <= carebed_now() FROM notification WHERE id = %s", ground.message()
    )
    assert (state, error, due) == ("handed_over", "MK:0001", True)
    ground.sms.sent.clear()
    await ground.service.write("UPDATE notification SET next_attempt_at = '-infinity' WHERE id = %s", ground.message())
    await ground.outbox.cycle()
    assert [one.id for one in ground.sms.sent] == [ground.message()]


async def test_news_that_bounces_comes_by_the_next_method_unless_its_person_has_left(ground: Ground) -> None:
    """Under the role of whoever takes the report, which is no person's."""
    sms, voice = ground.message("sms"), ground.message("voice")
    await ground.service.write("DELETE FROM notification WHERE id = %s", voice)
    for active, told in ((False, ["sms"]), (True, ["sms", "voice"])):
        await ground.service.write("UPDATE staff SET active = %s WHERE id = %s", active, ground.staff)
        await ground.service.write(
            "UPDATE notification SET kind = 'handled', state = 'handed_over', due_at = 'infinity' WHERE id = %s", sms
        )
        for _ in range(2):
            await ground.report("sms-report", {"biz_id": f"sms^{sms}", "success": False, "err_code": "MK:0001"})
        rows = ground.service.sql("SELECT channel FROM notification WHERE kind = 'handled' ORDER BY channel")
        assert [channel for (channel,) in rows] == told


async def test_callbacks_want_the_secret_and_sense(ground: Ground) -> None:
    assert (await ground.report("sms-up", secret="wrong")).status_code == 404
    assert (await ground.report("nothing")).status_code == 404
    answer = await ground.client.post(f"/api/v1/callbacks/{SECRET}/aliyun/sms-up", content=b"x")
    assert answer.status_code == 400
    assert (await ground.report("sms-report", {"biz_id": "of somebody else", "success": True})).status_code == 200
    many = [{"success": True, "biz_id": f"sms^{ground.message()}"}, {"nonsense": 1}]
    assert (await ground.report("sms-report", *many)).status_code == 200
    assert ground.state() == "delivered"


async def test_two_answers_at_once_are_both_on_record(ground: Ground) -> None:
    caregiver = await ground.service.person("caregiver2")
    await asyncio.gather(
        ground.client.post(ground.link(), data={"move": "accept"}), caregiver.move(ground.alarm, "accept")
    )
    assert sorted(one[1] for one in ground.answers()) == ["api", "link"]
