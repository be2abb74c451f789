"""Each story has a database of its own, and fails at its end by whatever nobody expected."""

from collections.abc import AsyncIterator, Generator

import pytest
from storyteller import Story, story_on

from carebed.embedded.postgres import DatabaseUrls

_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember how it went: a story that has failed already need not be told what else is wrong."""
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture
async def story(urls: DatabaseUrls, request: pytest.FixtureRequest) -> AsyncIterator[Story]:
    """A station with a home, people on duty and a ladder."""
    async with story_on(urls) as story:
        yield story
        if request.node.stash.get(_PASSED, False):
            await story.ends()
