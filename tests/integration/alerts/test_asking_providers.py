"""Stories of reports that never came: the provider is asked what became of a message, and less and less often."""

from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aliyun_server import KEY_ID, SECRET, AliyunServer, aliyun
from station_world import StationWorld, founded

from alerts.aliyun import Aliyun, AliyunSms, AliyunVoice, SmsSettings, VoiceSettings
from alerts.asking import Asking
from alerts.moves import Move
from alerts.outbox import Outbox
from alerts.policy import Policy, Step
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id

ONLY_LIN = Policy(name="lin", steps=(Step(delay_s=0, call=("rota:1",)),), loop_s=3_600)
CHINA = ZoneInfo("Asia/Shanghai")
IVR, NOTICE, CODE = "11000000300005", "11000000300006", "11010000138001"


class Night:
    """Lin is called by SMS or by telephone, and Aliyun's pushes do not come."""

    def __init__(self, world: StationWorld, server: AliyunServer) -> None:
        self.world, self.server = world, server
        sms = SmsSettings("S", "SMS_call", "SMS_news", "SMS_code", server.url)
        voice = VoiceSettings("059187654321", "TTS_call", "TTS_key", "TTS_news", "TTS_code", server.url)
        self.ways = [AliyunSms(Aliyun(KEY_ID, SECRET), sms), AliyunVoice(Aliyun(KEY_ID, SECRET), voice)]
        self.outbox = Outbox(world.database, self.ways)
        self.asking = Asking(world.database, self.ways, ("live", "sms", "voice"))

    async def called(self, channel: str, kind: str = "sos") -> str:
        """An alarm for which lin is called that way; Aliyun's id of the message."""
        await self.world.do("DELETE FROM contact_method WHERE id NOT IN (SELECT contact_method_id FROM notification"
                            " WHERE contact_method_id IS NOT NULL)")  # fmt: skip
        await self.world.do(
            "INSERT INTO contact_method (id, staff_id, channel, address, verified_at)"
            " VALUES (:id, :staff, :channel, '+8613800138000', carebed_now())",
            id=new_id(), staff=self.world.people["lin"], channel=channel,
        )  # fmt: skip
        await self.world.alarm(kind)
        await self.outbox.cycle()
        return str((await self.message()).provider_id)

    async def message(self) -> Any:
        """The newest that was handed over, with the day in China on which it was."""
        (row,) = await self.world.rows(
            "SELECT provider_id, state, error, polls, (handed_over_at AT TIME ZONE 'Asia/Shanghai')::text AS day"
            " FROM notification WHERE provider_id IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT 1"
        )
        return row

    async def told(self, provider_id: str, *, product: str = IVR, **detail: Any) -> None:
        """From now on Aliyun knows this of the message."""
        day = (await self.message()).day[:19]
        if product == "sms":
            self.server.details[provider_id] = [
                {
                    "PhoneNum": "13800138000",
                    "SendDate": day,
                    "ReceiveDate": day,
                    "OutId": "x",
                    "Content": "...",
                    **detail,
                }
            ]
        else:
            self.server.details[provider_id] = product, {"gmtCreate": day, "endDate": day, **detail}

    async def ask(self, seconds: float = 0) -> int:
        """Time passes, and with it every pause; how many messages were asked for."""
        await self.world.shift(seconds)
        await self.world.do("UPDATE notification SET poll_at = clock_timestamp()")
        return await self.asking.cycle()


@pytest.fixture
async def night(urls: DatabaseUrls) -> AsyncIterator[Night]:
    """A quiet one."""
    async with founded(urls.engine, urls.owner, ("live", "sms", "voice")) as world, aliyun() as server:
        await world.policy(ONLY_LIN)
        await world.nobody_on_call(2)
        night = Night(world, server)
        yield night
        for way in night.ways:
            await way.close()


async def test_an_sms_whose_report_was_lost_is_asked_for_until_it_is_known(night: Night) -> None:
    biz = await night.called("sms")
    assert await night.ask() == 0, "a report may still come"
    assert await night.ask(41) == 1
    await night.told(biz, product="sms", SendStatus=1, ErrCode="")
    assert await night.ask() == 1
    assert (await night.message()).state == "handed_over"
    await night.told(biz, product="sms", SendStatus=3, ErrCode="DELIVERED")
    assert await night.ask() == 1
    message = await night.message()
    assert (message.state, message.polls) == ("delivered", 3)
    assert await night.ask(3_600) == 0, "it is known"
    assert night.server.refused == []


async def test_an_sms_that_failed_brings_the_next_attempt(night: Night) -> None:
    biz = await night.called("sms")
    await night.told(biz, product="sms", SendStatus=2, ErrCode="MK:0001")
    await night.ask(41)
    message = await night.message()
    assert (message.error, message.state) == ("MK:0001", "handed_over"), "life-critical: it is not given up"
    await night.world.do("UPDATE notification SET next_attempt_at = clock_timestamp() - interval '1 s'"
                         " WHERE next_attempt_at < 'infinity'")  # fmt: skip
    await night.outbox.cycle()
    assert [one["Action"] for one in night.server.requests].count("SendSms") == 2


async def test_a_telephone_call_is_asked_for_when_it_must_be_over(night: Night) -> None:
    call = await night.called("voice")
    await night.told(call, state="200003")
    assert await night.ask(60) == 0
    assert await night.ask(241) == 1
    message = await night.message()
    assert (message.state, message.error) == ("handed_over", "200003"), "life-critical: it rings again"
    await night.told(call, state="200000")
    await night.ask()
    assert (await night.message()).state == "read"


async def test_texts_read_out_are_found_under_either_product(night: Night) -> None:
    await night.called("voice")
    (alarm,) = await night.world.open_alarms()
    await night.world.do("UPDATE notification SET polls = 6")  # so it is not about the call itself
    await night.world.move("desk", Move.ACCEPT, alarm)  # and lin's telephone says that it is handled
    await night.outbox.cycle()
    call = (await night.message()).provider_id
    await night.told(call, product=CODE, state="200001")
    assert await night.ask(301) == 1
    asked = [one["ProdId"] for one in night.server.requests if one["Action"] == "QueryCallDetailByCallId"]
    assert asked == [NOTICE, CODE]
    assert (await night.message()).state == "delivered"


async def test_who_does_not_know_is_asked_six_times_and_less_and_less_often(night: Night) -> None:
    await night.called("sms")
    pauses = []
    await night.world.shift(41)
    while await night.asking.cycle():
        (row,) = await night.world.rows(
            "SELECT round(extract(epoch FROM poll_at - clock_timestamp()))::int AS s FROM notification WHERE polls > 0"
        )
        pauses.append(row.s)
        assert await night.asking.cycle() == 0, "not before its pause is over"
        await night.world.do("UPDATE notification SET poll_at = clock_timestamp()")
        night.server.answers["QuerySendDetails"] = "isv.ACCOUNT_ABNORMAL"
    assert [round(one, -1) for one in pauses] == [120, 360, 1_080, 3_240, 9_720, 29_160]
    assert (await night.message()).state == "handed_over"
