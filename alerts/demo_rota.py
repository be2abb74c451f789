"""The demo's rota: on each tier two posts, on which its people take turns day by day, so that all of them are on call.

Runs within the seed's transaction. Shifts are made here only where a pattern is new; afterwards the calendar does it.
"""

from datetime import date, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from alerts.rota_pattern import Layer, layers_json
from alerts.rota_plan import pattern_shifts
from alerts.rota_rewrite import AHEAD
from carebed.ids import new_id
from registry import demo_district as district

_ANCHOR = date(2026, 1, 1)
_HANDOVER = time(8)

_PUT_PATTERN = """
    INSERT INTO rota_pattern (id, station_id, tier, name, planned_at, planned_until)
    VALUES (%s, %s, %s, %s, carebed_now(), carebed_now() + %s)
    ON CONFLICT (id) DO NOTHING RETURNING planned_at, planned_until
"""
_PUT_VERSION = "INSERT INTO rota_version (id, pattern_id, layers, holds_from) VALUES (%s, %s, %s, %s)"
_PUT_SHIFT = """
    INSERT INTO rota (id, station_id, tier, pattern_id, staff_id, starts_at, ends_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_ZONE = "SELECT area.time_zone FROM station JOIN area ON area.code = station.area_code WHERE station.id = %s"

# Demos from before there were patterns had shifts of ten years; whoever is away was on call by them all the same.
_END_ENDLESS = """
    UPDATE rota SET ends_at = carebed_now()
    WHERE pattern_id IS NULL AND starts_at < carebed_now() AND ends_at > starts_at + interval '5 years'
"""


def put_demo_rota(conn: "psycopg.Connection[Any]") -> None:
    """Make sure that the demo's stations have their rotas; what is there is left alone."""
    posts: dict[tuple[UUID, int], list[UUID]] = {}
    for one in district.PEOPLE:
        if one.tier is not None:
            posts.setdefault((one.station, one.tier), []).append(one.id)
    for (station, tier), people in posts.items():
        for number in range(len(people)):
            _put_post(conn, station, tier, number + 1, (*people[number:], *people[:number]))
    conn.execute(_END_ENDLESS)


def _put_post(conn: "psycopg.Connection[Any]", station: UUID, tier: int, number: int, people: tuple[UUID, ...]) -> None:
    pattern = district.fixed_id(f"rota {station} {tier} {number}")
    row = conn.execute(_PUT_PATTERN, [pattern, station, tier, f"第{tier}梯队 {number}号岗", AHEAD]).fetchone()
    if row is None:
        return
    now, until = row
    layers = (Layer(people, _ANCHOR, turn_days=1, handover=_HANDOVER),)
    conn.execute(_PUT_VERSION, [new_id(), pattern, Jsonb(layers, dumps=layers_json), now])
    (zone,) = conn.execute(_ZONE, [station]).fetchone() or ("UTC",)
    conn.cursor().executemany(
        _PUT_SHIFT,
        [
            (new_id(), station, tier, pattern, one.staff_id, one.starts_at, one.ends_at)
            for one in pattern_shifts(layers, ZoneInfo(zone), now, until)
        ],
    )
