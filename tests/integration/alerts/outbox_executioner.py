"""A delivery worker that is killed at the n-th moment of its work: as a program, `ENGINE_URL RECEIVER_URL`.

Moments: before and after the commit of the lease, before and after each send, before and after each settling's commit.
For every line with a number on its standard input it forks a worker that kills itself there, and answers with `killed`,
or with `lived` where there was no such moment, once its locks are gone. A worker that failed ends the program.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.channel import Handover, Outgoing
from alerts.channel.webhook import WebhookChannel
from alerts.outbox import Outbox
from alerts.webhook import Webhook
from carebed.database import Database

_APPLICATION = "test-executed"
_BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Executioner:
    """Counts the moments down."""

    def __init__(self, moments: int) -> None:
        self._left = moments

    def moment(self) -> None:
        """One more; the last one ends the process as nothing else can."""
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched(Database):
    """A database whose commits are moments."""

    executioner: Executioner

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """As it is, with a moment before and after its commit."""
        async with super().transaction() as conn:
            yield conn
            self.executioner.moment()
        self.executioner.moment()


class WatchedChannel(WebhookChannel):
    """The webhook under a person's own methods' name, whose sends are moments."""

    name = "sms"
    is_route = True

    def __init__(self, webhook: Webhook, executioner: Executioner) -> None:
        super().__init__(webhook)
        self._executioner = executioner

    async def send(self, outgoing: Outgoing) -> Handover:
        """As it is, with a moment before and after."""
        self._executioner.moment()
        await super().send(outgoing)
        self._executioner.moment()
        return Handover(f"sms^{outgoing.id}")


async def _work(engine: str, receiver: str, moments: int) -> None:
    executioner = Executioner(moments)
    database = Watched(engine, application=_APPLICATION, pool_size=4)
    database.executioner = executioner
    outbox = Outbox(database, [WatchedChannel(Webhook(receiver, SECRET), executioner)])
    while not await outbox.cycle():  # it gives a lease up that a busy machine did not grant in time
        pass


def _wait_for_backends(engine: str) -> None:
    """A killed process's backends notice it a moment later, and hold what they had locked until then."""
    with psycopg.connect(engine, autocommit=True) as conn:
        while conn.execute(_BACKENDS, [_APPLICATION]).fetchone() != (0,):
            time.sleep(0.01)


def main() -> None:
    """Fork a worker for each number that is asked for."""
    engine, receiver = sys.argv[1:]
    for line in sys.stdin:
        child = os.fork()
        if not child:
            asyncio.run(_work(engine, receiver, int(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        if not killed and os.waitstatus_to_exitcode(status):
            sys.exit(1)
        _wait_for_backends(engine)
        sys.stdout.write("killed\n" if killed else "lived\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
