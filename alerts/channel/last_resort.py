"""The last-resort list as a channel: everybody on it is told of an alarm whose ladder nobody has answered.

A message is taken when every address has taken it. Whoever has is not called again for it by this process; after a
crash a duplicate is better than a miss.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from alerts.channel import LAST_RESORT, Handover, NotTaken, Outgoing
from alerts.last_resort_list import Addresses
from alerts.webhook import Webhook
from carebed.logs import get_logger

log = get_logger()

#: Messages whose addresses are remembered.
_REMEMBERED = 1_000


class LastResortChannel:
    """`secret` None: calls are not signed, which is better than not calling. Raises `SettingsError` for one that is
    none."""

    name = LAST_RESORT
    is_route = False

    def __init__(self, file: Path, secret: str | None) -> None:
        self._addresses = Addresses(file)
        self._secret = secret
        self._webhooks: dict[str, Webhook] = {}
        self._taken: OrderedDict[UUID, set[str]] = OrderedDict()

    async def send(self, outgoing: Outgoing) -> Handover:
        """POST it to every address that has not taken it yet, all at once."""
        taken = self._taken.setdefault(outgoing.id, set())
        while len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        addresses = self._addresses.read()
        if not addresses:
            raise NotTaken("the last-resort list holds no address")
        missing = [address for address in addresses if address not in taken]
        errors = await asyncio.gather(*(self._call(address, outgoing, taken) for address in missing))
        if any(errors):
            raise NotTaken("; ".join(sorted({error for error in errors if error})))
        self._taken.pop(outgoing.id, None)
        return Handover(delivered=True)

    async def _call(self, address: str, outgoing: Outgoing, taken: set[str]) -> str | None:
        webhook = self._webhooks.setdefault(address, Webhook(address, self._secret))
        content = {
            "type": f"last_resort.{'calling' if outgoing.kind == LAST_RESORT else 'over'}",
            "timestamp": outgoing.created_at,
            "message": f"{outgoing.title}. {outgoing.body}",
            "data": {"alarm": outgoing.alarm, "alarm_id": outgoing.alarm_id, "kind": outgoing.kind,
                     "step": outgoing.step, "attempt": outgoing.attempt},
        }  # fmt: skip
        message_id = f"{outgoing.id}.{hashlib.sha256(address.encode()).hexdigest()[:8]}"
        error = await webhook.send(message_id, int(time.time()), content)
        # An address may hold somebody's key: the host says enough.
        outcome = {"host": urlsplit(address).hostname, "message": message_id, "alarm": str(outgoing.alarm_id)}
        if error is not None:
            log.error("last_resort_failed", error=error, **outcome)
            return error
        taken.add(address)
        log.warning("last_resort_called", **outcome)
        return None

    async def close(self) -> None:
        """Close its connections."""
        for webhook in self._webhooks.values():
            await webhook.close()
