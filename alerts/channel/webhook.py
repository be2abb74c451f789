"""The webhook as a channel: every message to a person, signed, to one address."""

import time

from alerts.channel import Handover, NotTaken, Outgoing
from alerts.webhook import Webhook


class WebhookChannel:
    """Gets one row per message, whatever contact methods its person has. What it does with it is its own affair, so it
    never counts as reaching somebody."""

    name = "webhook"
    is_route = False

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def send(self, outgoing: Outgoing) -> Handover:
        """POST it; what the receiver took is delivered."""
        content = {
            "type": f"alarm.{outgoing.kind}",
            "timestamp": outgoing.created_at,
            "data": {
                "notification": outgoing.id, "alarm": outgoing.alarm, "alarm_id": outgoing.alarm_id,
                "staff": outgoing.staff_id, "step": outgoing.step, "kind": outgoing.kind, "attempt": outgoing.attempt,
            },
        }  # fmt: skip
        error = await self._webhook.send(str(outgoing.id), int(time.time()), content)
        if error is not None:
            raise NotTaken(error)
        return Handover(delivered=True)

    async def close(self) -> None:
        """Close its connections."""
        await self._webhook.close()
