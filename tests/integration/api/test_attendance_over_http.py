"""Who is there: the API writes it down, and whoever signs off has no alarms any more."""

import asyncio

import pytest
from api_service import Service

from api import hub


async def _everybody_leaves(service: Service) -> None:
    await service.write("UPDATE staff_session SET seen_at = clock_timestamp() - interval '1 hour'")


async def _somebody_is_there(service: Service) -> None:
    """Wait until somebody has been seen; fails after 5 s."""
    async with asyncio.timeout(5):
        while not service.sql("SELECT 1 FROM staff_session WHERE seen_at > clock_timestamp() - interval '1 min'"):
            await asyncio.sleep(0.1)


async def test_a_request_or_an_open_stream_is_being_there(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "ATTENDANCE_S", 0.1)
    operator = await service.person("operator")
    async with operator.live() as stream:
        assert await stream.next() is not None
        for _ in range(2):  # for as long as it is open
            await _everybody_leaves(service)
            await _somebody_is_there(service)
    await _everybody_leaves(service)
    assert (await operator.get("/me")).status_code == 200
    await _somebody_is_there(service)


async def test_who_signs_off_gives_his_alarms_back_unless_he_is_at_another_device(service: Service) -> None:
    alarm = await service.raised()
    first, second = await service.sign_in("operator"), await service.sign_in("operator")
    assert (await first.move(alarm, "acknowledge")).status_code == 200
    await service.write(
        "DELETE FROM staff_session WHERE access_hash NOT IN (SELECT access_hash FROM staff_session"
        " ORDER BY id DESC LIMIT 2)"
    )
    await first.post("/auth/sign-out")
    assert (await second.alarm(alarm))["owner"]["type"] == "staff"
    assert (await second.post("/auth/sign-out")).status_code == 204
    manager = await service.person("manager")
    assert (await manager.alarm(alarm))["owner"]["type"] == "station"
    events = (await manager.get(f"/alarms/{alarm}/events")).json()["items"]
    assert (events[-1]["type"], events[-1]["data"]["reason"]) == ("returned", "signed_off")
