"""The order of batches that are worked on at a time, each in a transaction of its own.

A batch stores its readings as soon as the one before it has stored its own, so that the database is not idle while that
one finishes; whatever else it writes waits for the commit, so that no batch waits for another's locks, the watermark
never runs ahead, and all are committed in the order in which they came.

Where a transaction fails, the batch behind it gives up too: were it to keep rows that the first one brings again, the
two would wait for each other, one of them in the database and one here. It comes again once the first is through.
"""

import asyncio


class OvertakenError(Exception):
    """The batch before this one failed while this one was under way; it must come after that one."""


class Turn:
    """One batch's place. `before`: that of the batch before it, None for the first.

    `to_store`, `stored`, `to_write`, then `failed` (and all over again) or `committed`.
    """

    def __init__(self, before: "Turn | None" = None) -> None:
        self._before = before
        self._overtaken = self._alone = False
        self._watched: asyncio.Future[bool] | None = None
        self._begin()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self.stores: asyncio.Future[bool] = loop.create_future()
        """Of this try: the readings are stored (False: it failed before)."""
        self.ends: asyncio.Future[bool] = loop.create_future()
        """Of this try: it has committed (False: it failed)."""

    async def to_store(self) -> None:
        """Until the batch before has stored its readings; has committed, where it failed beside this one before."""
        if self._before is None:
            return
        while not await asyncio.shield(self._before.ends if self._overtaken else self._before.stores):
            pass
        self._watched = self._before.ends

    def stored(self) -> None:
        """The readings are stored, though not committed. Of a batch that failed, and perhaps comes in parts, only the
        commit of all of it counts."""
        if not self._alone and not self.stores.done():
            self.stores.set_result(True)

    async def to_write(self) -> None:
        """Until the batch before has committed. Raises `OvertakenError` where it has failed instead."""
        if self._watched is not None and not await asyncio.shield(self._watched):
            self._overtaken = True
            raise OvertakenError

    def failed(self) -> None:
        """The transaction is rolled back, and comes again."""
        self._alone = True
        stored, ended = self.stores, self.ends
        self._begin()
        if not stored.done():
            stored.set_result(False)
        ended.set_result(False)

    def committed(self) -> None:
        """Everything of this batch is in the database."""
        if not self.stores.done():
            self.stores.set_result(True)
        self.ends.set_result(True)
        self._before = self._watched = None
