"""Homes on the line of a running house: gateways that keep the contract, with pauses that fit a story."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from device_sim.backoff import Backoff
from device_sim.gateway_link import Account, GatewayLink, utc_now
from device_sim.outbox import Outbox
from gateway.wire import Receipt

#: A device resends every 5 to 20 s; a story has no time for that.
RESEND_S = (2.0, 4.0)


class Place(Protocol):
    """A house or a stage: where the broker is."""

    @property
    def ready(self) -> dict[str, Any]:
        """As in the ready file."""


def link_of(
    house: Place, gateway: dict[str, Any], *, clock: Any = utc_now, resend_s: tuple[float, float] = RESEND_S
) -> GatewayLink:
    """The gateway's line, not yet up: `run()` keeps it up."""
    mqtt = house.ready["mqtt"]
    account = Account(mqtt["host"], mqtt["port"], gateway["id"], gateway["password"])
    return GatewayLink(
        account, clock=clock, outbox=Outbox(resend_s=resend_s), backoff=Backoff(first_s=0.2, longest_s=1.0)
    )


@asynccontextmanager
async def on_line(links: Iterable[GatewayLink]) -> AsyncIterator[None]:
    """All lines up, and down in the end."""
    links = list(links)
    running = [asyncio.create_task(link.run()) for link in links]
    try:
        async with asyncio.timeout(60):
            for link in links:
                await link.connected.wait()
        yield
    finally:
        async with asyncio.timeout(60):
            left = set(running)
            while left:  # a line that breaks in this very moment swallows a cancellation
                for task in left:
                    task.cancel()
                _, left = await asyncio.wait(left, timeout=3)
        await asyncio.gather(*running, return_exceptions=True)


def device_of(gateway: dict[str, Any], kind: str) -> str:
    """The id of the gateway's device of that kind."""
    return next(str(device["id"]) for device in gateway["devices"] if device["kind"] == kind)


async def answered(futures: Iterable["asyncio.Future[Receipt | None]"], within_s: float) -> list[Receipt]:
    """The final receipts of all; fails when one is still missing then."""
    futures = list(futures)
    _done, missing = await asyncio.wait(futures, timeout=within_s)
    assert not missing, f"{len(missing)} of {len(futures)} messages have no receipt"
    receipts = [future.result() for future in futures]
    assert None not in receipts
    return [receipt for receipt in receipts if receipt is not None]


async def until(condition: Any, within_s: float, every_s: float = 0.1) -> Any:
    """Poll without standing in the lines' way; the last value after `within_s`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while True:
        value = await asyncio.to_thread(condition)
        if value or loop.time() > end:
            return value
        await asyncio.sleep(every_s)
