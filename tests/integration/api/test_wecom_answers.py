"""Answers by WeCom's buttons: only from WeCom, only to one's own message, and bound to its alarm and step."""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from api_service import Seeded, Service, running
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from alerts.channel.wecom_settings import WecomSettings
from alerts.wecom_callback import Forged, Seal
from carebed.embedded.postgres import DatabaseUrls

# The sample that WeCom's own library comes with.
TOKEN, CORP = "hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo", "ww1436e0e65a779aee"
AES_KEY = "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt"
SETTINGS = WecomSettings(corp_id=CORP, corp_secret="s", agent_id=7, token=TOKEN, encoding_aes_key=AES_KEY)


def sealed(said: str, corp: str = CORP) -> dict[str, str]:
    """As WeCom seals it, written from its documentation: what goes into query and body."""
    key = base64.b64decode(AES_KEY + "=")
    plain = b"0123456789abcdef" + len(said.encode()).to_bytes(4) + said.encode() + corp.encode()
    count = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    encrypted = base64.b64encode(encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()).decode()
    signature = hashlib.sha1("".join(sorted([TOKEN, "1409659589", "263014780", encrypted])).encode()).hexdigest()
    return {"msg_signature": signature, "timestamp": "1409659589", "nonce": "263014780", "encrypted": encrypted}


@dataclass
class Ground:
    """Caregiver1 is called to an SOS through WeCom."""

    service: Service
    client: httpx.AsyncClient
    alarm: str
    message: UUID

    async def press(self, key: str, user: str = "linhua", message: UUID | None = None, **spoilt: str) -> httpx.Response:
        """What WeCom posts when a button is pressed."""
        said = (
            f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><FromUserName><![CDATA[{user}]]></FromUserName>"
            "<CreateTime>123456789</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[template_card_event]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
            f"<TaskId><![CDATA[{(message or self.message).hex}-2]]></TaskId>"
            "<CardType><![CDATA[button_interaction]]></CardType><AgentID>7</AgentID></xml>"
        )
        sent = sealed(said) | spoilt
        body = f"<xml><ToUserName>{CORP}</ToUserName><Encrypt><![CDATA[{sent.pop('encrypted')}]]></Encrypt></xml>"
        return await self.client.post("/api/v1/callbacks/wecom", params=sent, content=body)

    def answers(self) -> list[tuple[str, str]]:
        """What people did, as the log has it."""
        return self.service.sql(
            "SELECT type, channel FROM alarm_event WHERE alarm_id = %s AND actor_type = 'staff' AND type <> 'raised'"
            " ORDER BY seq", self.alarm,
        )  # fmt: skip


@asynccontextmanager
async def _ground(urls: DatabaseUrls, seeded: Seeded, web: Path) -> AsyncIterator[Ground]:
    async with running(urls, seeded.credentials, web, wecom=Seal(SETTINGS)) as service:
        alarm = await service.raised()
        staff = await (await service.person("caregiver1")).me()
        method, message = uuid4(), uuid4()
        await service.write("DELETE FROM notification WHERE channel = 'wecom'")
        await service.write("DELETE FROM contact_method WHERE channel = 'wecom'")
        await service.write(
            "INSERT INTO contact_method (id, staff_id, channel, address, verified_at)"
            " VALUES (%s, %s, 'wecom', 'LinHua', carebed_now())", method, staff,
        )  # fmt: skip
        await service.write(
            """INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step, life_critical,
                   payload, state, created_at, next_attempt_at, attempts, provider_id)
               VALUES (%s, %s, 'wecom', %s, %s, 'called', 1, true, '{}', 'handed_over', carebed_now(),
                   clock_timestamp(), 1, %s)""", message, alarm, staff, method, message.hex,
        )  # fmt: skip
        await service.write(
            "INSERT INTO response (alarm_id, staff_id, state, step, called_at) VALUES (%s, %s, 'called', 1, now())"
            " ON CONFLICT DO NOTHING", alarm, staff,
        )  # fmt: skip
        yield Ground(service, service.client(), alarm, message)


@pytest.fixture
async def ground(district: DatabaseUrls, seeded: Seeded, tmp_path: Path) -> AsyncIterator[Ground]:
    """The card is on the telephone."""
    async with _ground(district, seeded, tmp_path) as ground:
        yield ground


async def test_a_button_is_an_answer_and_says_so(ground: Ground) -> None:
    answer = await ground.press("go")
    assert answer.status_code == 200
    fields = answer.text
    opened = Seal(SETTINGS).open(
        fields.split("<MsgSignature><![CDATA[")[1].split("]]>")[0], fields.split("<TimeStamp>")[1].split("<")[0],
        fields.split("<Nonce><![CDATA[")[1].split("]]>")[0], fields.split("<Encrypt><![CDATA[")[1].split("]]>")[0],
    )  # fmt: skip
    assert "update_button" in opened
    assert "已记录：您将前往" in opened
    assert ground.answers() == [("accepted", "wecom")]
    assert ground.service.sql("SELECT state FROM notification WHERE id = %s", ground.message) == [("read",)]


async def test_who_goes_says_by_the_next_cards_that_he_is_on_the_way_and_there(ground: Ground) -> None:
    def next_card() -> tuple[UUID, str]:
        ((message, result),) = ground.service.sql(
            "SELECT id, payload ->> 'result' FROM notification WHERE channel = 'wecom' AND kind = 'answer'"
            " ORDER BY created_at DESC LIMIT 1"
        )
        return UUID(str(message)), str(result)

    await ground.press("go")
    first, result = next_card()
    assert result == "going"
    await ground.press("on_the_way", message=first)
    second, result = next_card()
    assert result == "on_the_way"
    await ground.press("there", message=second)
    assert next_card()[0] == second, "nothing comes next"
    assert [kind for kind, _ in ground.answers()] == ["accepted", "en_route", "arrived"]
    # Not any other news, nor by anybody else.
    assert (await ground.press("not_go", user="somebody-else", message=first)).text == ""
    await ground.press("not_go", message=first)
    assert [kind for kind, _ in ground.answers()][3:] == ["handed_back"]


async def test_a_button_that_is_reported_twice_is_one_answer(ground: Ground) -> None:
    await ground.press("not_go")
    await ground.press("not_go")
    assert ground.answers() == [("declined", "wecom")]


async def test_a_wrong_signature_another_corporation_and_another_member_answer_nothing(ground: Ground) -> None:
    assert (await ground.press("go", msg_signature="0" * 40)).status_code == 404
    assert (await ground.press("go", **sealed("<xml></xml>", "ww-other"))).status_code == 404
    assert (await ground.press("go", user="somebody-else")).text == ""
    assert (await ground.press("go", message=uuid4())).text == ""
    assert (await ground.press("another-key")).text == ""
    assert ground.answers() == []


async def test_the_address_proves_that_it_is_ours(ground: Ground) -> None:
    asked = sealed("1616140317555161061")
    asked["echostr"] = asked.pop("encrypted")
    answer = await ground.client.get("/api/v1/callbacks/wecom", params=asked)
    assert (answer.status_code, answer.text) == (200, "1616140317555161061")
    wrong = await ground.client.get("/api/v1/callbacks/wecom", params=asked | {"nonce": "1"})
    assert wrong.status_code == 404


def test_the_sample_of_wecoms_own_library() -> None:
    seal = Seal(SETTINGS)
    echo = "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA=="
    assert seal.open("012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb", "1476416373", "47744683", echo).isdigit()
    with pytest.raises(Forged):
        seal.open("012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb", "1476416374", "47744683", echo)
