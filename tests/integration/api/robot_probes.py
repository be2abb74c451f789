"""Probes for `test_scope` of group chats: seen in the office, kept by managers, each in his branch."""

from typing import Any
from uuid import uuid4

from rota_probes import MANAGERS, OFFICE, both, expected

AREAS = ("350102001000", "350103001000")


def dingtalk(token: str) -> str:
    """The address of a robot."""
    return f"https://oapi.dingtalk.com/robot/send?access_token={token}"


async def meets_groups(ground: Any, person: Any) -> None:
    for area, (station, _, visible) in zip(AREAS, both(ground, person), strict=True):
        for place in ({"area": area}, {"station": station}):
            body = {"name": "G", "channel": "dingtalk", "webhook_url": dingtalk(uuid4().hex), **place}
            answer = await person.post("/robot-groups", body)
            assert answer.status_code == expected(person, MANAGERS, visible, 201), answer.text
        group = str(uuid4())
        await ground.service.write(
            "INSERT INTO robot_group (id, name, channel, area_code, webhook_url, language, shows, work_orders)"
            " VALUES (%s, 'there', 'feishu', %s, %s, 'zh', '{raised}', false)", group, area, f"https://x/{uuid4()}",
        )  # fmt: skip
        answer = await person.get("/robot-groups")
        assert answer.status_code == (200 if person.login in OFFICE else 403)
        if person.login in OFFICE:
            assert (group in {one["id"] for one in answer.json()["items"]}) is visible
        body = {"name": "G", "channel": "feishu", "area": area}
        status = expected(person, MANAGERS, visible)
        assert (await person.put(f"/robot-groups/{group}", body)).status_code == status
        assert (await person.post(f"/robot-groups/{group}/test")).status_code == (202 if status == 200 else status)
        assert (await person.delete(f"/robot-groups/{group}")).status_code == status
        await ground.service.write("DELETE FROM robot_group")


ROBOT_PROBES = dict.fromkeys(
    ("listRobotGroups", "addRobotGroup", "changeRobotGroup", "removeRobotGroup", "testRobotGroup"), meets_groups
)
