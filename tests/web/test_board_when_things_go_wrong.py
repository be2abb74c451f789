"""What the board does when moves are refused or unanswered, tokens run out, lines fall silent and lists re-sort."""

import time

from playwright.async_api import Browser, expect

from tests.web.on_call_page import PHONE, OnCallPage
from tests.web.stand_in import StandIn, alarm_of, response_of


async def test_a_move_is_refused_or_unanswered_and_never_shown_as_done(desk: OnCallPage, board: StandIn) -> None:
    alarm = board.put(alarm_of("sos", "Home 1", responses=[response_of("c1", "Zhang Min", "called")]))
    board.put(alarm_of("fall", "Home 7", -20, exhausted=True, step=4))
    await desk.sign_in(board.http, "operator", "secret")
    row = desk.alarm(alarm["id"])
    await desk.choose(row)

    board.answers["escalate"] = [(403, {"title": "Forbidden", "status": 403})]
    await desk.press("e")
    await expect(row.get_by_role("alert")).to_contain_text("you have no right to do this")

    board.answers["acknowledge"] = [None, None, None]
    await desk.press("a")
    await expect(desk.move(row, "acknowledge")).to_be_disabled()
    await expect(row.get_by_role("alert")).to_contain_text("got no answer", timeout=10_000)
    await expect(row.locator(".chip.state")).to_have_text("Unanswered")
    await desk.shoot("board-unanswered-move")
    await row.get_by_role("button", name="Send again").click()
    await expect(row.locator(".chip.state")).to_have_text("Unanswered")  # the stand-in says yes and changes nothing
    await expect(row.locator(".trouble")).to_have_count(0)
    keys = {key for move, key, _ in board.posted if move == "acknowledge"}
    assert len(keys) == 1
    assert len([1 for move, _, _ in board.posted if move == "acknowledge"]) == 4

    now = {**board.read(alarm["id"]), "state": "on_scene", "version": 99}
    board.answers["accept"] = [(409, {"title": "Conflict", "status": 409, "alarm": now})]
    await desk.move(row, "accept").click()
    await expect(row.get_by_role("alert")).to_contain_text("The alarm is now: Help is there")
    await expect(row.locator(".chip.state")).to_have_text("Help is there")


async def test_the_selection_follows_the_alarm_and_the_focus_stays(desk: OnCallPage, board: StandIn) -> None:
    first = board.put(alarm_of("sos", "Home 1", 30))
    second = board.put(alarm_of("sos", "Home 2", 60))
    await desk.sign_in(board.http, "operator", "secret")
    row = desk.alarm(first["id"])
    await desk.choose(row)
    await desk.move(row, "escalate").focus()
    board.put(first, deadline_at=alarm_of("sos", "", 600)["deadline_at"])
    await expect(desk.page.locator("[data-alarm]").first).to_have_attribute("data-alarm", second["id"])
    await expect(row).to_have_attribute("data-selected", "true")
    await expect(desk.move(row, "escalate")).to_be_focused()
    board.put(alarm_of("fall", "Home 3", 5))
    await expect(desk.page.locator("[data-alarm]")).to_have_count(3)
    await expect(desk.move(row, "escalate")).to_be_focused()
    await desk.press("k")
    await expect(desk.alarm(second["id"])).to_have_attribute("data-selected", "true")
    await expect(desk.alarm(second["id"]).locator(".card-title")).to_be_focused()


async def test_a_repeated_press_rings_and_is_counted_until_somebody_takes_it(desk: OnCallPage, board: StandIn) -> None:
    await desk.sign_in(board.http, "operator", "secret")
    await expect(desk.page).to_have_title("Carebed · On call")
    alarm = board.put(alarm_of("sos", "Home 1"))
    body = desk.page.locator("body")
    await expect(desk.page).to_have_title("(1) SOS · Home 1")
    await expect(body).to_have_attribute("data-ringing", "siren")
    await expect(desk.page.get_by_role("log")).to_have_text("New alarm: SOS, Home 1, Chen Xiuying")
    board.put(alarm, repeats=2)
    row = desk.alarm(alarm["id"])
    await expect(row).to_contain_text("pressed 3 times")
    await expect(desk.page.get_by_role("log")).to_have_text("SOS, Home 1: 3 presses")
    board.answers["acknowledge"] = [
        (200, {"state": "acknowledged", "owner": {"type": "staff", "id": "me", "name": "Lin Wei"}})
    ]
    await desk.press("a")
    await expect(body).to_have_attribute("data-ringing", "nothing")
    await expect(desk.page).to_have_title("Carebed · On call")
    await expect(row).to_contain_text("Held by Lin Wei")


async def test_the_seconds_run_down_on_the_servers_clock(desk: OnCallPage, board: StandIn) -> None:
    await desk.page.clock.install(time="2031-01-01T00:00:00Z")  # the desk's computer lives in another year
    alarm = board.put(alarm_of("sos", "Home 1", 40))
    await desk.sign_in(board.http, "operator", "secret")
    digits = desk.alarm(alarm["id"]).locator(".countdown-digits")
    started = int((await digits.inner_text()).removesuffix("s"))
    assert 35 <= started <= 40
    await expect(digits).to_have_text(f"{started - 2}s")
    board.put(alarm, deadline_at=alarm_of("sos", "", -3)["deadline_at"])
    await expect(desk.alarm(alarm["id"]).get_by_role("timer")).to_contain_text("overdue")


async def test_a_refused_refresh_leads_to_the_form_with_its_reason(desk: OnCallPage, board: StandIn) -> None:
    board.token_seconds = 2
    await desk.sign_in(board.http, "operator", "secret")
    board.token_status = 401
    await expect(desk.page.get_by_role("alert")).to_contain_text("Your session has ended", timeout=10_000)
    await expect(desk.page.locator("[name=login]")).to_be_visible()
    await desk.shoot("board-session-ended")


async def test_no_network_is_said_at_once_and_silence_within_thirteen_seconds(desk: OnCallPage, board: StandIn) -> None:
    await desk.sign_in(board.http, "operator", "secret")
    await desk.page.context.set_offline(True)
    await expect(desk.banner).to_be_visible(timeout=1_000)
    await expect(desk.page).to_have_title("!! Connection lost · Carebed")
    await expect(desk.page.locator("body")).to_have_attribute("data-ringing", "lost")
    board.put(alarm_of("gas", "Home 4"))
    await desk.page.context.set_offline(False)
    await expect(desk.banner).to_have_count(0, timeout=10_000)
    await expect(desk.page.get_by_text("1 new alarm", exact=False)).to_be_visible()
    await expect(desk.newest("Gas", "Home 4")).to_contain_text("new while the line was down")

    board.silent.set()
    fell_silent = time.monotonic()
    await expect(desk.banner).to_be_visible(timeout=14_000)
    assert time.monotonic() - fell_silent < 13
    await desk.shoot("board-connection-lost")
    board.silent.clear()
    await expect(desk.banner).to_have_count(0, timeout=10_000)


async def test_an_alarm_is_raised_by_hand_from_a_telephone_call(desk: OnCallPage, board: StandIn) -> None:
    await desk.sign_in(board.http, "operator", "secret")
    await desk.press("n")
    await desk.page.get_by_role("searchbox").fill("Home 7")
    await desk.page.get_by_role("radio", name="Home 7").check()
    await desk.page.get_by_role("radio", name="Fall").check()
    await desk.page.get_by_label("Note").fill("The daughter called: her mother is on the floor.")
    await desk.shoot("board-raise-by-hand")
    await desk.page.get_by_role("button", name="Raise the alarm").click()
    await expect(desk.page.locator("dialog")).to_have_count(0)
    await expect(desk.newest("Fall", "Home 7")).to_have_attribute("data-selected", "true")
    assert [body["kind"] for move, _, body in board.posted if move == "raise"] == ["fall"]


async def test_a_reload_without_a_click_says_that_the_sound_is_off(desk: OnCallPage, board: StandIn) -> None:
    await desk.sign_in(board.http, "operator", "secret")
    await desk.page.reload()
    await expect(desk.page.get_by_text("The browser keeps the sound off")).to_be_visible()
    await desk.page.get_by_role("button", name="Switch the sound on").click()
    await expect(desk.page.get_by_text("The browser keeps the sound off")).to_have_count(0)


async def test_the_board_fits_a_phone(browser: Browser, desk: OnCallPage, board: StandIn) -> None:
    board.put(alarm_of("sos", "Home 1", 47, responses=[response_of("c1", "Zhang Min", "en_route")], repeats=2))
    board.put(alarm_of("leak", "Home 3", 400))
    phone = await OnCallPage.open(browser, desk.screenshots, viewport=PHONE, device_scale_factor=2)
    await phone.sign_in(board.http, "operator", "secret")
    await expect(phone.page.locator("[data-alarm]")).to_have_count(2)
    assert await phone.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    await phone.shoot("phone")
    await phone.page.get_by_role("button", name="Details").click()
    await expect(phone.page.get_by_role("heading", name="Event log")).to_be_visible()
    await phone.shoot("phone-details")
    await phone.page.get_by_role("button", name="Back to the list").click()
    await expect(phone.page.get_by_role("heading", name="Event log")).to_be_hidden()
    assert phone.complaints == []


async def test_a_fall_is_watched_then_waits_for_its_wearer_and_says_where(desk: OnCallPage, board: StandIn) -> None:
    """What the countdown counts to changes with the window; the place can be read out and opened in one's own map."""
    await desk.sign_in(board.http, "operator", "secret")
    windows = {"still_until": "2026-11-22T04:01:00Z", "page_at": "2026-11-22T04:01:20Z", "watching": True}
    example = alarm_of("fall", "Home 7", 50, state="suspected", step=0, suspicion=windows)
    location = {"lat": 26.07412, "lon": 119.29651, "accuracy_m": 25}
    alarm = board.put(example, why={**example["why"], "location": location})
    row = desk.alarm(alarm["id"])
    await expect(row.locator(".countdown")).to_contain_text("watching for movement")
    await expect(row.get_by_role("link")).to_have_text("26.07412, 119.29651 ± 25 m")
    await expect(row.get_by_role("link")).to_have_attribute("href", "geo:26.07412,119.29651;u=25")
    board.put(alarm, suspicion={**windows, "watching": False})
    await expect(row.locator(".countdown")).to_contain_text("until people are called")
    board.put(alarm, state="raised", suspicion=None, step=1)
    await expect(row.locator(".countdown")).to_contain_text("to the next step")


async def test_several_detectors_of_one_fire_are_named_and_urgent_presses_are_marked(
    desk: OnCallPage, board: StandIn
) -> None:
    await desk.sign_in(board.http, "operator", "secret")
    since = alarm_of("smoke", "")["raised_at"]
    devices = [{"id": "kitchen", "since": since, "over_at": since}, {"id": "bedroom", "since": since, "over_at": None}]
    smoke = board.put(alarm_of("smoke", "Home 2", devices=devices, repeats=1))
    await desk.choose(desk.alarm(smoke["id"]))
    facts = desk.page.locator(".details .facts")
    await expect(facts).to_contain_text("kitchen sees it no longer since")
    await expect(facts).to_contain_text("bedroom")
    sos = board.put(alarm_of("sos", "Home 3", repeats=4, urged_at=since))
    await expect(desk.alarm(sos["id"])).to_contain_text("pressed urgently: called sooner")
