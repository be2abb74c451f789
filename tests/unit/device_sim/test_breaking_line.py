"""A gateway's line that breaks at the worst moment: the link notices, and connects again."""

import asyncio
from typing import Any, cast

import aiomqtt
import pytest

from device_sim.gateway_link import Account, GatewayLink
from device_sim.outbox import Outbox


class _Line:
    """Takes everything."""

    async def publish(self, *_args: Any, **_more: Any) -> None:
        await asyncio.sleep(0)


async def _breaks() -> None:
    raise aiomqtt.MqttError("the line broke")


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(8))
async def test_a_line_that_breaks_while_there_is_work_ends_the_sending(turns: int) -> None:
    """Between the work and the break lie so many turns of the event loop; in none of them may the sender overhear that
    it is to stop, for it would go on for ever on a line that is gone."""
    link = GatewayLink(Account("nowhere", 0, "gw-1", "x"), outbox=Outbox(resend_s=(60, 60)))

    async def serve() -> None:
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            tasks.create_task(link._send(cast("Any", _Line()), tasks))
            link.alarm("button", link.message("sos", True))
            await _turns(10)
            link._work.set()
            await _turns(turns)
            tasks.create_task(_breaks())

    with pytest.raises(ExceptionGroup) as broken:
        await serve()
    assert [type(one) for one in broken.value.exceptions] == [aiomqtt.MqttError]
