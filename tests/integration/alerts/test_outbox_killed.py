"""The delivery worker is killed between every two things that it does: a message may come twice, and none is missed."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

from station_world import founded
from webhook_receiver import SECRET, receiving

from alerts.channel.webhook import WebhookChannel
from alerts.moves import Move
from alerts.outbox import Outbox
from alerts.webhook import Webhook
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id

#: Two messages: a lease (2 moments), two sends (4), and their settling, together or one after the other (2 or 4).
_MOMENTS_AT_LEAST, _MOMENTS_AT_MOST = 8, 10


class _Sms(WebhookChannel):
    """The worker that comes after."""

    name = "sms"


async def test_killed_at_every_moment_it_doubles_some_messages_and_misses_none(urls: DatabaseUrls) -> None:
    async with founded(urls.engine, urls.owner, ("sms",)) as world, receiving() as receiver:
        for who in ("lin", "chen"):
            await world.do(
                "INSERT INTO contact_method (id, staff_id, channel, address, verified_at)"
                " VALUES (:id, :staff, 'sms', :address, carebed_now())",
                id=new_id(), staff=world.people[who], address=f"sms-{who}",
            )  # fmt: skip
        program = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).parent / "outbox_executioner.py"), urls.engine, receiver.url,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        webhook = Webhook(receiver.url, SECRET)
        survivor = Outbox(world.database, [_Sms(webhook)])
        for moment in range(_MOMENTS_AT_MOST):
            alarm = await world.alarm(key=f"alarm-{moment}")
            receiver.deliveries.clear()
            program.stdin.write(f"{moment}\n".encode())
            if (await program.stdout.readline()).strip() == b"lived":
                assert moment >= _MOMENTS_AT_LEAST
                break
            rows = await world.rows("SELECT id, state FROM notification WHERE alarm_id = :id", id=alarm)
            assert len(rows) == 2
            sent = {delivery.id for delivery in receiver.deliveries}
            for row in rows:
                assert row.state == "pending" or str(row.id) in sent, "nothing counts as handed over that was not"
            # Its leases run out.
            await world.do("UPDATE notification SET next_attempt_at = clock_timestamp() WHERE state = 'pending'")
            await survivor.cycle()
            times = Counter(delivery.id for delivery in receiver.deliveries)
            assert set(times) == {str(row.id) for row in rows}, f"missed after a kill at moment {moment}"
            assert max(times.values()) <= 2
            states = await world.rows("SELECT DISTINCT state FROM notification WHERE alarm_id = :id", id=alarm)
            assert {row.state for row in states} <= {"handed_over", "delivered"}
            await world.move("lin", Move.RESOLVE, alarm)
            await world.do("UPDATE notification SET due_at = 'infinity'")
        program.stdin.close()
        await program.wait()
        await webhook.close()
