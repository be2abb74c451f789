"""Why a device was called silent, and that it was heard again: in words, with the figures behind them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.why import why
from ingest.detect.local_day import wall_clock


def why_silent(
    device_id: str, zone: ZoneInfo, since: datetime, *, beats: int, heartbeat_s: int, grade: int | None,
    reporting_s: int | None, without_power_at: datetime | None,
) -> dict[str, Any]:  # fmt: skip
    """A device said nothing for longer than it may. `without_power_at`: when its home lost its mains before that."""
    clock = wall_clock(since, zone)
    if reporting_s is None:
        en = f"{device_id} has missed {beats} signs of life in a row (one every {heartbeat_s} s), the last at {clock}."
        zh = f"设备 {device_id} 已连续 {beats} 次未上报（每 {heartbeat_s} 秒一次），最后一次为 {clock}。"
    else:
        en = f"{device_id} has been silent since {clock}; grade {grade} allows {reporting_s // 60} min."
        zh = f"设备 {device_id} 自 {clock} 起失联；传输等级 {grade} 允许 {reporting_s // 60} 分钟。"
    if without_power_at is not None:
        lost = wall_clock(without_power_at, zone)
        en += f" Power was lost at {lost}."
        zh += f"市电于 {lost} 中断。"
    return why(
        "offline" if without_power_at is None else "offline_without_power", en, zh, since=since.isoformat(),
        device=device_id, beats=beats, heartbeat_s=heartbeat_s, grade=grade, reporting_s=reporting_s,
        power_lost_at=None if without_power_at is None else without_power_at.isoformat(),
    )  # fmt: skip


def why_never_heard(device_id: str, zone: ZoneInfo, paired_at: datetime, now: datetime, span_s: int) -> dict[str, Any]:
    """Nothing was ever heard of a device since it was paired."""
    clock, hours = wall_clock(paired_at, zone), (now - paired_at).total_seconds() / 3600
    return why(
        "never_heard",
        f"{device_id} was paired at {clock} ({hours:.0f} h ago) and has not been heard of since.",
        f"设备 {device_id} 于 {clock} 完成配对（{hours:.0f} 小时前），此后从未上报。",
        since=paired_at.isoformat(), device=device_id, first_sign_s=span_s,
    )  # fmt: skip


def why_heard_again(device_id: str, zone: ZoneInfo, at: datetime) -> dict[str, Any]:
    """A device that was silent speaks."""
    clock = wall_clock(at, zone)
    return why(
        "heard_again", f"{device_id} was heard again at {clock}.", f"设备 {device_id} 已于 {clock} 恢复上报。",
        at=at.isoformat(), device=device_id,
    )  # fmt: skip
