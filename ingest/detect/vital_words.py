"""Why a vital sign calls somebody, in both languages: what was expected, what was seen, since when."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from alerts.why import why
from ingest.detect.local_day import wall_clock
from ingest.detect.vital_course import Exceeded
from ingest.detect.vitals import TRAITS, Implausible

_REASONS = {
    "out_of_bounds": ("no living person has such a value", "该数值超出人体可能范围"),
    "unit": ("the unit is not one for this vital sign", "单位与该体征不符"),
    "pressures": ("the upper pressure is not above the lower", "收缩压不高于舒张压"),
}


def why_outside(exceeded: Sequence[Exceeded], zone: ZoneInfo) -> dict[str, Any]:
    """One or more vital signs of a person left their ranges. `expected`, `observed`: of the first; `vitals`: of all."""
    english = " ".join(_outside_en(one, zone) for one in exceeded)
    chinese = "".join(_outside_zh(one, zone) for one in exceeded)
    first = exceeded[0]
    return why(
        "vital_signs",
        english,
        chinese,
        since=min(one.spell.since for one in exceeded).isoformat(),
        expected={"lowest": _rounded(first.span.low), "highest": _rounded(first.span.high), "usual": _usual(first)},
        observed={"value": first.measured.value, "count": first.spell.count},
        vitals=[_figures(one) for one in exceeded],
    )


def why_inside(back: Sequence[Exceeded]) -> dict[str, Any]:
    """They are back."""
    english = " ".join(f"{_en(one).capitalize()} is back at {_value(one)} ({_range_en(one)} expected)." for one in back)
    chinese = "".join(f"{_zh(one)}已恢复至 {_value(one)}（预期{_range_zh(one)}）。" for one in back)
    return why("vital_signs_back", english, chinese, vitals=[_figures(one) for one in back])


def why_sensor(device_id: str, kind: str, count: int, seen: Implausible, since: str) -> dict[str, Any]:
    """A sensor tells what cannot be; `since`: RFC 3339."""
    en, zh = _REASONS[seen.reason]
    return why(
        "sensor_implausible",
        f"{device_id} has measured {seen.shown} ({kind}): {en}; {count} such values in a row.",
        f"设备 {device_id} 测得 {seen.shown}（{kind}）：{zh}；已连续 {count} 次。",
        device=device_id,
        reason=seen.reason,
        type=kind,
        count=count,
        since=since,
    )


def why_sensor_back(device_id: str, kind: str) -> dict[str, Any]:
    """It measures again."""
    return why(
        "sensor_plausible",
        f"{device_id} measures plausible values again ({kind}).",
        f"设备 {device_id} 的测量值已恢复合理（{kind}）。",
        device=device_id,
        type=kind,
    )


def _outside_en(one: Exceeded, zone: ZoneInfo) -> str:
    usual = "" if one.known is None else f", usual for this person {_number(one.known.median)}"
    times = f", {one.spell.count} values in a row" if one.spell.count > 1 else ""
    since = wall_clock(one.spell.since, zone)
    return f"{_en(one).capitalize()} is {_value(one)}: {_range_en(one)} expected{usual}; since {since}{times}."


def _outside_zh(one: Exceeded, zone: ZoneInfo) -> str:
    usual = "" if one.known is None else f"，本人通常为 {_number(one.known.median)}"
    times = f"，连续 {one.spell.count} 次" if one.spell.count > 1 else ""
    since = wall_clock(one.spell.since, zone)
    return f"{_zh(one)}为 {_value(one)}：预期{_range_zh(one)}{usual}；自 {since} 起{times}。"


def _figures(one: Exceeded) -> dict[str, Any]:
    traits = TRAITS[one.measured.vital]
    return {
        "vital": one.measured.vital.value,
        "value": one.measured.value,
        "unit": traits.unit,
        "low": _rounded(one.span.low),
        "high": _rounded(one.span.high),
        "personal": one.span.personal,
        "usual": _usual(one),
        "since": one.spell.since.isoformat(),
        "values": one.spell.count,
    }


def _en(one: Exceeded) -> str:
    return TRAITS[one.measured.vital].en


def _zh(one: Exceeded) -> str:
    return TRAITS[one.measured.vital].zh


def _value(one: Exceeded) -> str:
    return f"{_number(one.measured.value)} {TRAITS[one.measured.vital].shown}"


def _range_en(one: Exceeded) -> str:
    low, high = one.span.low, one.span.high
    if low is None or high is None:
        return f"at most {_number(high)}" if high is not None else f"at least {_number(low)}"
    return f"{_number(low)} to {_number(high)}"


def _range_zh(one: Exceeded) -> str:
    low, high = one.span.low, one.span.high
    if low is None or high is None:
        return f"不高于 {_number(high)}" if high is not None else f"不低于 {_number(low)}"
    return f" {_number(low)} 至 {_number(high)}"


def _usual(one: Exceeded) -> float | None:
    return None if one.known is None else _rounded(one.known.median)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}".removesuffix(".0")
