"""Why an alarm was raised, as the desk reads it: in its language, by the home's clock, with the events behind it."""

from playwright.async_api import expect

from tests.web.on_call_page import OnCallPage
from tests.web.stand_in import StandIn, alarm_of

NOT_BACK = {
    "code": "bed_not_back",
    "text": {
        "en": "Out of bed at night since 11-22 02:10 and still up. Expected back within 30 min.",
        "zh": "自 11-22 02:10 夜间离床未回。预期 30 分钟内回床。",
    },
    "detector": "bed",
    "since": "2025-11-21T18:10:00Z",
    "expected_min": 30,
    "evidence": [
        {
            "at": "2025-11-21T18:10:00Z",
            "device_id": "h0001-bed",
            "name": "Mat",
            "room": "bedroom",
            "type": "bed",
            "value": 0,
            "message_id": "1",
        },
        {
            "at": "2025-11-21T18:35:30Z",
            "device_id": "h0001-pir",
            "name": None,
            "room": "kitchen",
            "type": "motion",
            "value": True,
            "message_id": "2",
        },
    ],
}


async def test_the_desk_reads_what_was_expected_what_was_seen_and_which_events_led_to_it(
    desk: OnCallPage, board: StandIn
) -> None:
    alarm = board.put(alarm_of("bed", "Home 1", why=NOT_BACK))
    board.put(alarm_of("sos", "Home 2"))
    await desk.sign_in(board.http, "operator", "secret")
    await desk.choose(desk.alarm(alarm["id"]))
    why = desk.details.locator(".explanation")
    await expect(why).to_contain_text("Out of bed at night since 11-22 02:10")
    await expect(why.locator(".reasons")).to_have_text(
        "SinceNov 22 02:10:00Expectedwithin 30 min", use_inner_text=False
    )
    await expect(why.locator("li").first).to_be_hidden()
    await why.locator("summary").click()
    await expect(why.locator("summary")).to_have_text("What led to it: 2 events")
    await expect(why.locator("li").nth(0)).to_contain_text("02:10:00")
    await expect(why.locator("li").nth(0)).to_contain_text("out of bed bedroom · Mat")
    await expect(why.locator("li").nth(1)).to_contain_text("movement kitchen · h0001-pir")
    await desk.shoot("explanation-en")

    await desk.page.get_by_role("button", name="中文").click()
    await expect(why).to_contain_text("预期 30 分钟内回床")
    await expect(why.locator("li").nth(0)).to_contain_text("离床 卧室 · Mat")
    await desk.shoot("explanation-zh")

    # Of a press there is nothing to unfold.
    await desk.press("k")
    await expect(why).to_contain_text("按下了紧急呼叫按钮")
    await expect(why.locator("summary")).to_have_count(0)
