"""Why many homes are one incident, and that it is over: in words, with the figures behind them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.why import why
from ingest.detect.local_day import wall_clock


def why_outage(area: str, zone: ZoneInfo, since: datetime, *, homes: int, mains: int, least: int) -> dict[str, Any]:
    """`homes` of the branch called `area` are without power or line, `mains` of them told that the mains are gone."""
    clock = wall_clock(since, zone)
    en = f"{homes} homes in {area} lost power or line at once, from {clock} on."
    zh = f"自 {clock} 起，{area}有 {homes} 户同时断电或断网。"
    if mains:
        en += f" {mains} of them say that the mains are gone."
        zh += f"其中 {mains} 户报告市电中断。"
    return why(
        "outage", en, zh, since=since.isoformat(), area=area, homes=homes, mains=mains, expected={"fewer_than": least}
    )


def why_over(zone: ZoneInfo, at: datetime) -> dict[str, Any]:
    """None of its homes is out any more."""
    clock = wall_clock(at, zone)
    en, zh = f"All homes are back, or closed by hand, at {clock}.", f"{clock}：所有住户均已恢复或已人工关闭。"
    return why("outage_over", en, zh, at=at.isoformat())
