"""A manager sets up a group chat, tries it out, changes and removes it; its address and secret never come back."""

import psycopg
import pytest
from api_service import Person, Service
from psycopg import errors
from robot_probes import dingtalk

SECRET = "SEC" + "5e" * 32
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/0c1d2e3f-1111-2222-3333-444455556666"
GROUP = {"name": "Gulou", "channel": "dingtalk", "webhook_url": dingtalk("a" * 64), "secret": SECRET,
         "area": "350102000000"}  # fmt: skip


@pytest.fixture
async def manager(service: Service) -> Person:
    """Of the demo district."""
    return await service.person("manager")


async def test_a_group_is_set_up_tried_out_changed_and_removed(service: Service, manager: Person) -> None:
    answer = await manager.post("/robot-groups", GROUP, key="once")
    assert answer.status_code == 201, answer.text
    again = await manager.post("/robot-groups", GROUP, key="once")
    assert again.json() == answer.json()
    shown = answer.json()
    assert (shown["place"], shown["shows"]) == (
        {"scope": "area", "id": "350102000000"}, ["raised", "answered", "unanswered", "over"],
    )  # fmt: skip
    path = f"/robot-groups/{shown['id']}"
    assert (await manager.post(f"{path}/test")).json()["test_wanted"] is True

    await service.write(
        "UPDATE robot_group SET last_error = 'wrong_signature (310000)', failures = 3, failed_at = now(),"
        " paused_until = now() + interval '5 minutes'"
    )
    (seen,) = (await manager.get("/robot-groups")).json()["items"]
    assert (seen["last_error"], seen["failures"]) == ("wrong_signature (310000)", 3)
    assert seen["paused_until"]

    body = {"name": "Gulou, nights", "channel": "dingtalk", "area": "350102001000", "shows": ["over", "raised"]}
    changed = (await manager.put(path, body)).json()
    assert (changed["name"], changed["shows"], changed["failures"]) == ("Gulou, nights", ["raised", "over"], 3)
    assert service.sql("SELECT webhook_url, secret FROM robot_group") == [(GROUP["webhook_url"], SECRET)]
    changed = (await manager.put(path, body | {"channel": "feishu", "webhook_url": FEISHU})).json()
    assert (changed["channel"], changed["last_error"], changed["paused_until"]) == ("feishu", None, None)
    assert service.sql("SELECT webhook_url, secret FROM robot_group") == [(FEISHU, None)]

    removed = await manager.delete(path)
    assert removed.json()["id"] == shown["id"]
    assert service.sql("SELECT count(*) FROM robot_group") == [(0,)]
    kept = str(service.sql("SELECT body FROM idempotency"))
    for text in (answer.text, again.text, str(seen), str(changed), removed.text, kept):
        assert "access_token" not in text
        assert SECRET not in text


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"webhook_url": "http://169.254.169.254/robot/send?access_token=" + "a" * 64}, "/webhook_url"),
        ({"webhook_url": FEISHU}, "/webhook_url"),
        ({"channel": "wecom", "webhook_url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=" + "a" * 36},
         "/webhook_url"),
        ({"area": None}, "/area"),
        ({"shows": []}, "/shows"),
        ({"name": "a\0b"}, "/name"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_nothing_is_quoted(
    manager: Person, wrong: dict[str, object], pointer: str
) -> None:
    answer = await manager.post("/robot-groups", GROUP | wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert "a" * 36 not in answer.text


async def test_one_robot_is_one_group_and_a_secret_comes_with_its_robot(service: Service, manager: Person) -> None:
    group = (await manager.post("/robot-groups", GROUP)).json()["id"]
    assert (await manager.post("/robot-groups", GROUP | {"name": "again"})).status_code == 409
    body = {"name": "G", "channel": "dingtalk", "area": "350102000000"}
    for wrong in ({"secret": SECRET}, {"channel": "feishu"}):
        assert (await manager.put(f"/robot-groups/{group}", body | wrong)).status_code == 422
    with psycopg.connect(service.urls.api) as conn:  # nor beyond the branch by who gets past the API
        conn.execute("SELECT set_config('carebed.scope', '/350102', true)")
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("UPDATE robot_group SET area_code = '350103000000'")
