"""Where a device says that it is: which positions may be believed at all."""

import math
from datetime import datetime
from typing import Any

import msgspec

from ingest.detect.core import Event

#: A larger error circle than that of a mobile cell in the country is no position.
_WORST_ACCURACY_M = 50_000.0


class Fix(msgspec.Struct, frozen=True, omit_defaults=True):
    """A position that may be believed."""

    at: datetime
    lat: float
    lon: float
    accuracy_m: float
    message_id: str = ""

    def for_people(self, at: datetime) -> dict[str, Any]:
        """For whoever goes to look: the position, and how old it is at `at`."""
        return {
            "lat": self.lat, "lon": self.lon, "accuracy_m": self.accuracy_m, "at": self.at.isoformat(),
            "age_s": round((at - self.at).total_seconds()),
        }  # fmt: skip


def read_fix(event: Event, assumed_accuracy_m: float) -> Fix | None:
    """The position of a `location` reading, or None where it is none."""
    lat, lon = _number(event.data.get("lat")), _number(event.data.get("lon"))
    given = event.data.get("accuracy_m")
    accuracy = assumed_accuracy_m if given is None else _number(given)
    if lat is None or lon is None or accuracy is None:
        return None
    if not 0 < accuracy <= _WORST_ACCURACY_M or abs(lat) > 90 or abs(lon) > 180 or (lat, lon) == (0, 0):
        return None
    return Fix(event.at, lat, lon, accuracy, event.message_id)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
