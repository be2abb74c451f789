"""Patience with wrong passwords: so many failures per login, then a pause, however many addresses they come from.

In memory and per process: a restart forgives, and that is cheap to accept. Sessions that are open go on.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

FAILURES = 10
WINDOW_S = 300.0

#: Logins that are remembered; somebody who tries more names than that is slowed by the hashing alone.
_LOGINS = 10_000


class Patience:
    """Failed sign-ins by login within the last `WINDOW_S`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds; another one in tests."""
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, login: str) -> float:
        """How long this login has to wait before its next try; 0 when it may try."""
        failures = self._failures.get(login)
        if failures is None:
            return 0.0
        now = self._clock()
        while failures and failures[0] <= now - WINDOW_S:
            failures.popleft()
        if not failures:
            del self._failures[login]
        return max(0.0, failures[0] + WINDOW_S - now) if len(failures) >= FAILURES else 0.0

    def failed(self, login: str) -> None:
        """A wrong password."""
        self._failures.setdefault(login, deque(maxlen=FAILURES)).append(self._clock())
        self._failures.move_to_end(login)
        if len(self._failures) > _LOGINS:
            self._failures.popitem(last=False)

    def succeeded(self, login: str) -> None:
        """The right one: start anew."""
        self._failures.pop(login, None)
