"""Why an alarm of the bed was raised, in words: what was expected, what was seen, since when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.why import why
from ingest.detect.bed_stay import Bed
from ingest.detect.local_day import wall_clock


def why_still(left_at: datetime, moved_at: datetime | None, span_min: float, zone: ZoneInfo) -> Mapping[str, Any]:
    """Out of bed at night, and nothing has moved since. `moved_at` None: no sensor could see it."""
    since = max(left_at, moved_at or left_at)
    out = wall_clock(left_at, zone)
    if moved_at is None:
        en, zh = "and not back in bed", "未回床"
    else:
        en = f"not back in bed, and no movement since {wall_clock(since, zone)}"
        zh = f"未回床，且自 {wall_clock(since, zone)} 起无活动"
    return why(
        "bed_still",
        f"Out of bed at night since {out}, {en}. Expected within {span_min:g} min.",
        f"夜间自 {out} 离床，{zh}。预期 {span_min:g} 分钟内恢复。",
        since=since.isoformat(),
        left_at=left_at.isoformat(),
        expected_min=span_min,
    )


def why_not_back(left_at: datetime, span_min: float, zone: ZoneInfo) -> Mapping[str, Any]:
    """Out of bed at night for long; somebody moves in the home."""
    out = wall_clock(left_at, zone)
    return why(
        "bed_not_back",
        f"Out of bed at night since {out} and still up. Expected back within {span_min:g} min.",
        f"夜间自 {out} 离床，仍在走动未回床。预期 {span_min:g} 分钟内回床。",
        since=left_at.isoformat(),
        expected_min=span_min,
    )


def why_alone(left_at: datetime, zone: ZoneInfo) -> Mapping[str, Any]:
    """Out of bed, who must not walk alone."""
    out = wall_clock(left_at, zone)
    return why(
        "bed_alone",
        f"Out of bed since {out}. This person must not walk alone.",
        f"自 {out} 离床。此人不可独自行走。",
        since=left_at.isoformat(),
    )


def why_not_up(bed: Bed, due_at: datetime, margin_min: float, zone: ZoneInfo) -> Mapping[str, Any]:
    """Still in bed when the person is always up. `due_at`: by when up was expected, the margin in it."""
    since, usual = bed.lying_from or due_at, bed.usual_up()
    by, lain = wall_clock(due_at, zone)[-5:], wall_clock(since, zone)
    if usual is None:
        en, zh = f"Expected up by {by} (habit not yet known)", f"预期 {by} 前起床（作息尚未掌握）"
    else:
        latest = f"{usual[1] // 60:02}:{usual[1] % 60:02}"
        en = f"Usually up by {latest}; {margin_min:g} min more were allowed, until {by}"
        zh = f"通常 {latest} 前起床，另宽限 {margin_min:g} 分钟至 {by}"
    return why(
        "bed_not_up",
        f"Not up. {en}. In bed since {lain}.",
        f"仍未起床。{zh}。自 {lain} 卧床。",
        since=since.isoformat(),
        expected_by=due_at.isoformat(),
        usual_minute=None if usual is None else usual[1],
        allowed_min=margin_min,
        known_mornings=len(bed.ups),
    )


def why_too_long(
    lying_from: datetime, elsewhere_at: datetime | None, limit_h: float, zone: ZoneInfo
) -> Mapping[str, Any]:
    """In bed without a break for longer than the limit. `elsewhere_at`: when
    somebody last moved outside the bedroom."""
    lain = wall_clock(lying_from, zone)
    return why(
        "bed_too_long",
        f"In bed without a break since {lain}. Expected at most {limit_h:g} h.",
        f"自 {lain} 起持续卧床。预期最多 {limit_h:g} 小时。",
        since=lying_from.isoformat(),
        elsewhere_at=None if elsewhere_at is None else elsewhere_at.isoformat(),
        limit_h=limit_h,
    )


def why_over(code: str, at: datetime, zone: ZoneInfo) -> Mapping[str, Any]:
    """The remark when it is so no longer: `bed_back`, `bed_up` or `bed_moves`."""
    en, zh = {
        "bed_back": ("Back in bed at", "已回床，时间"),
        "bed_up": ("Out of bed at", "已离床，时间"),
        "bed_moves": ("Somebody moves in the home again, at", "家中恢复活动，时间"),
    }[code]
    clock = wall_clock(at, zone)
    return why(code, f"{en} {clock}.", f"{zh} {clock}。", at=at.isoformat())
