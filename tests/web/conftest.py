"""A real browser for the stories of the pages, and a folder for what it saw."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.web.on_call_page import OnCallPage
from tests.web.stand_in import DIST, StandIn, stand_in

ROOT = Path(__file__).resolve().parents[2]

# Without these Chromium calls home at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, or the one named by CAREBED_CHROMIUM."""
    path = os.environ.get("CAREBED_CHROMIUM") or shutil.which("chromium")
    assert path, "no chromium on the PATH: apt-get install chromium, or name one in CAREBED_CHROMIUM"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        await started.close()


@pytest.fixture
async def desk(browser: Browser) -> AsyncIterator[OnCallPage]:
    """A desk's screen in English, by night. Fails the test for what the browser complained of."""
    page = await OnCallPage.open(browser, screenshots=ROOT / "build" / "screenshots")
    yield page
    assert page.complaints == []


@pytest.fixture
def board() -> Iterator[StandIn]:
    """The stand-in for the API; the page must have been built."""
    assert (DIST / "index.html").is_file(), "the page is not built: cd web && npm ci && npm run build"
    with stand_in() as running:
        yield running
