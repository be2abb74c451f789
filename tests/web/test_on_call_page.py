"""The operator's night on the real system: a press reaches the page, is answered, and outlives a dead line."""

import os
import re
import signal
import time

from playwright.async_api import Locator, expect

from tests.house import House
from tests.web.gateway_at_home import GatewayAtHome
from tests.web.on_call_page import OnCallPage

SEEN_WITHIN_MS = 5_000


async def sign_in(desk: OnCallPage, system: House) -> None:
    operator = system.user("operator")
    await desk.sign_in(system.http, operator["login"], operator["password"])


async def expect_state(row: Locator, state: str) -> None:
    await expect(row).to_have_attribute("data-state", state, timeout=SEEN_WITHIN_MS)


async def test_a_press_is_answered_by_keyboard_from_alarm_to_visit(desk: OnCallPage, system: House) -> None:
    await sign_in(desk, system)
    home = GatewayAtHome(system.ready, -1)
    pressed = time.monotonic()
    alarm_id = await home.press()
    row = desk.alarm(alarm_id)
    await expect(row).to_be_visible(timeout=SEEN_WITHIN_MS)
    assert time.monotonic() - pressed < 5
    await expect(desk.page).to_have_title(re.compile(r"^\(\d+\) "))
    await expect(desk.page.locator("body")).to_have_attribute("data-ringing", "siren")
    await expect(row.locator(".card-title")).to_have_text("SOS")
    await expect(row.get_by_role("timer")).to_contain_text("to the next step", timeout=SEEN_WITHIN_MS)
    await desk.choose(row)
    await desk.shoot("sos-raised")

    await desk.press("a")
    await expect_state(row, "acknowledged")
    await expect(row).to_contain_text("Held by")
    await expect(row).to_have_attribute("data-unanswered", "false")
    if await desk.page.locator("[data-unanswered=true]").count() == 0:
        await expect(desk.page).to_have_title("Carebed · On call")
        await expect(desk.page.locator("body")).to_have_attribute("data-ringing", "nothing")
    await desk.press("c")
    await expect(row.locator("[data-response=accepted]")).to_be_visible()
    await desk.press("g")
    await expect_state(row, "en_route")
    await desk.press("r")
    await expect_state(row, "on_scene")
    await expect(desk.details.locator("[data-visit]")).to_be_visible()
    await desk.shoot("sos-on-scene")

    await desk.press("x")
    await desk.press("4")
    await desk.page.get_by_label("Note").fill("She had pressed by mistake and is well.")
    await desk.press("Control+Enter")
    await expect_state(row, "resolved")
    await expect(row).to_contain_text("No help needed")
    visit = desk.details.locator("[data-visit]")
    await expect(visit).to_contain_text("Emergency visit")
    await expect(visit).to_contain_text(re.compile(r"\d\d:\d\d:\d\d . \d\d:\d\d:\d\d"))
    events = desk.details.locator("[data-event]")
    for event in ("raised", "paged", "acknowledged", "accepted", "en_route", "arrived", "resolved"):
        await expect(events.and_(desk.page.locator(f"[data-event={event}]")).first).to_be_visible()
    await desk.shoot("sos-resolved")


async def test_a_press_is_answered_by_buttons_and_is_among_the_closed(desk: OnCallPage, system: House) -> None:
    await sign_in(desk, system)
    alarm_id = await GatewayAtHome(system.ready, -2).press()
    row = desk.alarm(alarm_id)
    await expect(row).to_be_visible(timeout=SEEN_WITHIN_MS)
    await desk.choose(row)
    for move, state in [
        ("acknowledge", "acknowledged"),
        ("accept", "acknowledged"),
        ("en-route", "en_route"),
        ("arrive", "on_scene"),
    ]:
        await desk.move(row, move).click()
        await expect_state(row, state)
        await expect(desk.move(row, move)).to_have_count(0)
    await desk.move(row, "comment").click()
    await desk.page.get_by_label("Remark").fill("The neighbour has the key.")
    await desk.page.get_by_role("button", name="Save the comment").click()
    await expect(desk.details).to_contain_text("The neighbour has the key.")
    await desk.move(row, "resolve").click()
    await desk.page.get_by_role("radio", name="Help given").check()
    await desk.page.get_by_role("button", name="Resolve", exact=True).click()
    await expect_state(row, "resolved")
    await desk.page.get_by_role("button", name="Recently closed").click()
    await expect(row).to_contain_text("Help given")
    await expect(desk.details.locator("[data-visit]")).to_be_visible()
    await desk.shoot("recently-closed")


async def test_the_line_falls_silent_and_comes_back_without_a_gap(desk: OnCallPage, system: House) -> None:
    await sign_in(desk, system)
    api = system.pid("api")
    os.kill(api, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        alarm_id = await GatewayAtHome(system.ready, -3).press()
        await expect(desk.banner).to_be_visible(timeout=15_000)
        assert time.monotonic() - stopped < 13
        await expect(desk.banner).to_contain_text(
            re.compile(r"Connection lost . this board is not current since \d\d:\d\d:\d\d")
        )
        await expect(desk.page).to_have_title("!! Connection lost · Carebed")
        await expect(desk.alarm(alarm_id)).to_have_count(0)
        await desk.shoot("connection-lost")
    finally:
        os.kill(api, signal.SIGCONT)
    await expect(desk.banner).to_have_count(0, timeout=15_000)
    row = desk.alarm(alarm_id)
    await expect(row).to_be_visible()
    await expect(row).to_contain_text("new while the line was down")
    await desk.shoot("connection-back")
    await desk.choose(row)
    await desk.press("a")
    await expect_state(row, "acknowledged")


async def test_the_board_speaks_chinese(desk: OnCallPage, system: House) -> None:
    await sign_in(desk, system)
    alarm_id = await GatewayAtHome(system.ready, -4).press()
    row = desk.alarm(alarm_id)
    await expect(row).to_be_visible(timeout=SEEN_WITHIN_MS)
    await desk.page.get_by_role("button", name="中文").click()
    await expect(desk.page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(row.locator(".card-title")).to_have_text("紧急呼叫")
    await expect(row).to_contain_text("未应答")
    await desk.choose(row)
    await desk.shoot("chinese")
    await desk.page.reload()
    await expect(row.locator(".card-title")).to_have_text("紧急呼叫", timeout=SEEN_WITHIN_MS)
    await desk.page.get_by_role("button", name="开启声音").click()
    await desk.choose(row)
    await desk.press("a")
    await expect_state(row, "acknowledged")
    await expect(row).to_contain_text("已接警")


async def test_the_api_dies_and_the_board_says_so_at_once(desk: OnCallPage, system: House) -> None:
    await sign_in(desk, system)
    os.kill(system.pid("api"), signal.SIGKILL)
    await expect(desk.banner).to_be_visible(timeout=2_000)
    await expect(desk.page.locator("body")).to_have_attribute("data-ringing", "lost")
    alarm_id = await GatewayAtHome(system.ready, -5).press()
    await expect(desk.banner).to_have_count(0, timeout=30_000)
    row = desk.alarm(alarm_id)
    await expect(row).to_be_visible()
    await desk.choose(row)
    await desk.press("a")
    await expect_state(row, "acknowledged")
