"""Everything else through Apprise: a contact method is one Apprise URL, of a scheme that this installation allows.

The URL holds a person's secrets (tokens of a bot, keys of a service). It is never logged, and what Apprise itself has
to say is not either, for it quotes URLs. What a service took is handed over and no more.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import apprise

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.channel.apprise_settings import AppriseSettings, scheme_of
from alerts.words import answer_at

_ANSWER_S = 4.0
#: As many at once as the outbox has slots of one channel. Apprise waits in threads, and those that all of the process
#: shares must not wait for somebody's bot.
_THREADS = 24


class AppriseChannel:
    """The channel."""

    name = "apprise"
    is_route = True

    def __init__(self, settings: AppriseSettings) -> None:
        self._schemes = frozenset(one.lower() for one in settings.schemes)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="apprise")
        _hush()

    async def send(self, outgoing: Outgoing) -> Handover:
        """Let Apprise send it. It tells that something failed and never what, so only a URL that is none ends here."""
        if scheme_of(outgoing.address) not in self._schemes:
            raise Undeliverable("scheme not allowed")
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._threads, _notify, outgoing):
            raise NotTaken("not taken")
        return Handover()

    async def close(self) -> None:
        """Threads that wait for a service end by themselves, within seconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _notify(outgoing: Outgoing) -> bool:
    service = apprise.Apprise.instantiate(outgoing.address, suppress_exceptions=True)
    if service is None:
        raise Undeliverable("no address")
    # The URL may ask for other times; a thread is ours.
    service.socket_connect_timeout = service.socket_read_timeout = _ANSWER_S
    link = f"\n\n{answer_at(outgoing.language)}\n{outgoing.link}" if outgoing.link else ""
    kind = apprise.NotifyType.WARNING if outgoing.life_critical else apprise.NotifyType.INFO
    return bool(service.notify(body=outgoing.body + link, title=outgoing.title, notify_type=kind))


def _hush() -> None:
    """Neither Apprise nor what it sends with may log a URL, at whatever level we log."""
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
