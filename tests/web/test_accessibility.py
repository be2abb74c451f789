"""Everybody can use the board: no rule of WCAG 2.1 AA that a program can check is broken, in any colour or language."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.web.on_call_page import OnCallPage
from tests.web.stand_in import WEB, StandIn, alarm_of, response_of

AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


async def violations(desk: OnCallPage) -> list[str]:
    """What axe finds, each with the elements it means. Evaluated, because the page's policy lets no script in."""
    await desk.page.evaluate(AXE.read_text())
    found: dict[str, Any] = await desk.page.evaluate("(tags) => axe.run({runOnly: tags})", RULES)
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]


@pytest.mark.parametrize("colours", ["dark", "light"])
async def test_no_rule_is_broken(desk: OnCallPage, board: StandIn, colours: str) -> None:
    await desk.page.emulate_media(color_scheme="light" if colours == "light" else "dark", reduced_motion="reduce")
    await desk.page.goto(board.http)
    assert await violations(desk) == []
    called = [response_of("c1", "Zhang Min", "called"), response_of("c2", "Wang Fang", "declined")]
    board.put(alarm_of("sos", "Home 1", 47, responses=called, repeats=2))
    why = {**alarm_of("fall", "")["why"], "location": {"lat": 26.07, "lon": 119.3, "accuracy_m": 25}}
    board.put(alarm_of("fall", "Home 7", -8, exhausted=True, step=4, late=True, why=why))
    board.put(alarm_of("leak", "Home 3", 12, state="en_route", owner={"type": "staff", "id": "c4", "name": "Sun Li"}))
    board.put(alarm_of("offline", "Home 12", 9000))
    board.put(alarm_of("sos", "Home 9", state="resolved", outcome="test", closed_at=alarm_of("sos", "")["raised_at"]))
    await desk.sign_in(board.http, "operator", "secret")
    await expect(desk.page.locator("[data-alarm]")).to_have_count(4)
    await desk.shoot(f"board-{colours}")
    assert await violations(desk) == []
    for key, name in [("x", "resolve"), ("n", "raise"), ("m", "comment"), ("?", "help")]:
        await desk.press(key)
        await expect(desk.page.locator("dialog[open]")).to_be_visible()
        await desk.shoot(f"{name}-{colours}")
        assert await violations(desk) == []
        await desk.press("Escape")
        await expect(desk.page.locator("dialog")).to_have_count(0)
    await desk.press("t")
    await expect(desk.page.locator("[data-alarm]")).to_have_count(1)
    await desk.shoot(f"closed-{colours}")
    assert await violations(desk) == []
    await desk.press("t")
    await desk.page.get_by_role("button", name="中文").click()
    await expect(desk.page.locator("html")).to_have_attribute("lang", "zh-CN")
    await desk.shoot(f"chinese-{colours}")
    assert await violations(desk) == []
    await desk.page.context.set_offline(True)
    await expect(desk.banner).to_be_visible()
    assert await violations(desk) == []
