"""The nights' learning of a simulated home, as the platform's night job does it for a real one."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from evaluation.playing import Player
from ingest.detect.inactivity import NAME, InactivityParameters
from ingest.detect.rhythm import History, learn, rhythm_of

_OUTAGES_KEPT = timedelta(days=7)


class Nights:
    """What is learned of one home, night by night."""

    def __init__(self, parameters: InactivityParameters) -> None:
        self._longest = timedelta(seconds=parameters.fixed_s)
        self._history: History | None = None

    def learn(self, player: Player, until: datetime) -> Mapping[str, Any]:
        """What is known at `until` by what has been shown since the last night."""
        outages = [one for one in player.outages if until - one[1] < _OUTAGES_KEPT]
        self._history = learn(
            self._history, player.take_shown(), player.home, until, longest=self._longest, outages=outages
        )
        rhythm = rhythm_of(self._history, player.home.zone)
        return {} if rhythm is None else {NAME: rhythm}
