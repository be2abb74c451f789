"""`python -m benchmarks.hanging`: the alerts process with one more channel, whose provider never answers.

Everybody who can be called has a verified contact method on it, so each call puts a message into its slots.
"""

import asyncio

import uvloop

from alerts import channels, main
from alerts.channel import Channel, Handover, Outgoing
from carebed.logs import configure_logs
from carebed.settings import Settings, load_settings


class Hanging:
    """Waits until it is given up."""

    name = "sms"
    is_route = True

    async def send(self, outgoing: Outgoing) -> Handover:
        """Never answers."""
        del outgoing
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None:
        """Nothing to close."""


def through(settings: Settings) -> tuple[str, ...]:
    """The channels' names, and this one's."""
    return (*channels.channels(settings), Hanging.name)


def set_up(settings: Settings) -> list[Channel]:
    """What is set up, and this."""
    return [*channels.set_up(settings), Hanging()]


if __name__ == "__main__":
    configure_logs("alerts", "warning")
    vars(main).update(channels=through, set_up=set_up)
    uvloop.run(main.run(load_settings()))
