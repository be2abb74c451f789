"""When false alarms of one kind are too many in a home: set and resolved as what detectors are set to.

No detector of its own: `ingest.alarm_load` counts, in the calendar. Nothing is ever held back by it.
"""

from typing import Annotated

from ingest.detect.call import Call
from ingest.detect.core import Parameters, bounded


class AlarmLoadParameters(Parameters, frozen=True, kw_only=True):
    """`most`: so many false alarms of one kind within `days` are still no work order."""

    most: Annotated[
        int,
        bounded("1", 0, 1_000,
                "of 884 alerts in about 700 homes and four months 24 were real (Dinghai Road street, Shanghai, 2025): "
                "0.07 false ones a home and week; four are sixty times that"),
    ] = 3  # fmt: skip
    days: Annotated[int, bounded("d", 1, 31, "a week of everyday life")] = 7


DETECTOR = Call("alarm_load", AlarmLoadParameters)
