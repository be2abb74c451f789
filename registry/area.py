"""The administrative tree: province, city, county, street, community, by 12-digit area codes.

A code is its ancestors' digits followed by its own; what is left is zeros (35 | 01 | 02 | 001 | 001). So a branch is
a prefix, and everybody's scope is one string. Source of the code: GB/T 2260 and GB/T 10114 division codes.
"""

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import CheckConstraint, Column, Table, Text

from carebed.columns import label, refers
from carebed.database import metadata
from carebed.logs import get_logger

log = get_logger()

#: Digits that name each level, cumulated.
LEVEL_DIGITS = {"province": 2, "city": 4, "county": 6, "street": 9, "community": 12}

#: What a code looks like, as a regular expression.
AREA_CODE = "^[0-9]{12}$"

_DEFAULT_ZONE = "Asia/Shanghai"

area = Table(
    "area",
    metadata,
    Column("code", Text, CheckConstraint(f"code ~ '{AREA_CODE}'", name="twelve_digits"), primary_key=True),
    label("name"),
    Column(
        "level",
        Text,
        CheckConstraint("level IN ('province', 'city', 'county', 'street', 'community')", name="level"),
        nullable=False,
    ),
    refers("parent_code", "area.code", required=False),
    Column("time_zone", Text, nullable=False, server_default=_DEFAULT_ZONE),
    comment="administrative tree",
)


@lru_cache(maxsize=4_096)
def scope_of(code: str) -> str:
    """The prefix that all codes of this branch share: `350102000000` -> `350102`.

    Raises ValueError for anything but twelve digits.
    """
    if len(code) != 12 or not code.isascii() or not code.isdigit():
        raise ValueError(f"{code!r} is not a 12-digit area code")
    for digits in LEVEL_DIGITS.values():
        if not code[digits:].strip("0"):
            return code[:digits]
    return code


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """An area's time zone; for a name that is none, China's: hours that are wrong by some stop no call for help."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.error("time_zone_unknown", time_zone=name)
        return ZoneInfo(_DEFAULT_ZONE)
