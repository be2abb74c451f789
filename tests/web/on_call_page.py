"""The on-call page as its user sees it: what the stories do and look for, in the page's own words."""

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, expect

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

# An unanswered or refused request is part of some stories; the page says so to its user by itself. Before the first
# click the browser keeps the sound off, which the page says as well.
_EXPECTED = ("Failed to load resource", "The AudioContext was not allowed to start")


class OnCallPage:
    """One browser window with the page in it."""

    def __init__(self, page: Page, screenshots: Path) -> None:
        self.page = page
        self.screenshots = screenshots
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    @classmethod
    async def open(cls, browser: Browser, screenshots: Path, **window: Any) -> "OnCallPage":
        """A fresh window that remembers nothing."""
        here = {"locale": "en-GB", "timezone_id": "Asia/Shanghai"}
        context = await browser.new_context(**{"viewport": DESK, "color_scheme": "dark", **here, **window})
        return cls(await context.new_page(), screenshots)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_EXPECTED):
            self.complaints.append(message.text)

    async def sign_in(self, http: str, login: str, password: str) -> None:
        """To the board, with its open list there."""
        await self.page.goto(http)
        await self.page.locator("[name=login]").fill(login)
        await self.page.locator("[name=password]").fill(password)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator("[data-line=live]")).to_be_visible(timeout=10_000)

    def alarm(self, alarm_id: str) -> Locator:
        """The row of one alarm."""
        return self.page.locator(f"[data-alarm='{alarm_id}']")

    def newest(self, kind: str, place: str) -> Locator:
        """The open alarm of this kind at this place."""
        return self.page.locator("article[data-open=true]").filter(
            has=self.page.get_by_role("button", name=f"{kind}, {place}", exact=False)
        )

    def move(self, row: Locator, name: str) -> Locator:
        """A move's button, by the move's name in the API."""
        return row.locator(f"[data-move='{name}']")

    @property
    def banner(self) -> Locator:
        """The red banner of the lost connection."""
        return self.page.get_by_test_id("connection-lost")

    @property
    def details(self) -> Locator:
        return self.page.locator(".details")

    async def choose(self, row: Locator) -> None:
        """Select an alarm by the mouse."""
        await row.locator(".card-title").click()
        await expect(row).to_have_attribute("data-selected", "true")

    async def press(self, key: str) -> None:
        await self.page.keyboard.press(key)

    async def shoot(self, name: str) -> None:
        """Keep what is seen now."""
        self.screenshots.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=self.screenshots / f"{name}.png")

    async def order(self) -> list[str]:
        """The alarms' ids as they stand, top first."""
        ids: list[str] = await self.page.locator("[data-alarm]").evaluate_all("rows => rows.map(r => r.dataset.alarm)")
        return ids
