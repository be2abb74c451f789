"""Zones on the ground: distances against published geodesics, edges, and what is refused as no zone."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.detect.safe_zone import Circle, Point, Polygon, Zone, distance_m

#: A hundred metres north, near Fuzhou, in degrees.
NORTH_100_M = 100 / 110_783.0

latitudes, longitudes = st.floats(-80, 80), st.floats(-180, 180)


def _read(value: dict[str, Any]) -> Zone:
    zone: Zone = msgspec.convert(value, Zone)
    return zone


def _square(side_m: float = 200.0, lat: float = 26.0, lon: float = 119.3) -> Polygon:
    """Around that point."""
    half = side_m / 200 * NORTH_100_M
    wide = half / math.cos(math.radians(lat)) * (110_783 / 111_320)
    corners = [(-half, -wide), (half, -wide), (half, wide), (-half, wide)]
    return Polygon(name="yard", points=tuple(Point(lat + north, lon + east) for north, east in corners))


@pytest.mark.parametrize(
    ("line", "metres"),
    [
        # Flinders Peak to Buninyong, the test line of Geoscience Australia (GRS80, the same to a millimetre).
        ((-37.95103341666667, 144.42486788888888, -37.65282113888889, 143.92649552777777), 54_972.271),
        # A degree of longitude on the equator, and the quarter of a meridian, both exact from the ellipsoid's axes.
        ((0.0, 0.0, 0.0, 1.0), math.radians(1) * 6_378_137.0),
        ((0.0, 0.0, 90.0, 0.0), 10_001_965.729),
        ((0.0, 179.5, 0.0, -179.5), math.radians(1) * 6_378_137.0),
    ],
)
def test_distances_are_those_of_the_ellipsoid(line: tuple[float, float, float, float], metres: float) -> None:
    assert distance_m(*line) == pytest.approx(metres, abs=0.002)


def test_opposite_ends_of_the_earth_have_a_distance_too() -> None:
    """Where the iteration does not settle."""
    assert distance_m(0.5, 0.0, -0.5, 179.7) == pytest.approx(20_000_000, rel=0.01)


@given(lat=latitudes, lon=longitudes, other_lat=latitudes, other_lon=longitudes)
def test_a_distance_is_the_same_both_ways_and_never_off_the_earth(
    lat: float, lon: float, other_lat: float, other_lon: float
) -> None:
    there = distance_m(lat, lon, other_lat, other_lon)
    assert there == pytest.approx(distance_m(other_lat, other_lon, lat, lon), rel=1e-6, abs=1e-3)
    assert 0 <= there < 20_100_000


@pytest.mark.parametrize(("north_m", "expected"), [(0, -300), (250, -50), (300, 0), (1300, 1000)])
def test_how_far_outside_of_a_circle(north_m: float, expected: float) -> None:
    circle = Circle(name="home", lat=26.0, lon=119.3, radius_m=300)
    assert circle.outside_m(26.0 + north_m / 100 * NORTH_100_M, 119.3) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("north_m", "expected"), [(0, -100), (60, -40), (150, 50), (100_000, 99_900)])
def test_how_far_outside_of_a_square(north_m: float, expected: float) -> None:
    there = _square().outside_m(26.0 + north_m / 100 * NORTH_100_M, 119.3)
    assert there == pytest.approx(expected, abs=0.1, rel=0.001)


def test_a_polygon_with_a_bay_is_outside_in_the_bay() -> None:
    """An L: the missing quarter is no part of it."""
    step = NORTH_100_M
    corners = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
    yard = Polygon(name="L", points=tuple(Point(26 + n * step, 119.3 + e * step) for n, e in corners))
    assert yard.outside_m(26 + 0.5 * step, 119.3 + 0.5 * step) < 0
    assert yard.outside_m(26 + 1.5 * step, 119.3 + 1.5 * step) > 40


@given(lat=st.floats(25.99, 26.01), lon=st.floats(119.29, 119.31), turned=st.integers(0, 3), back=st.booleans())
def test_which_corner_comes_first_and_which_way_round_changes_nothing(
    lat: float, lon: float, turned: int, back: bool
) -> None:
    yard = _square()
    corners = yard.points[turned:] + yard.points[:turned]
    other = Polygon(name="yard", points=corners[::-1] if back else corners)
    assert other.outside_m(lat, lon) == pytest.approx(yard.outside_m(lat, lon), abs=1e-6)


@given(lat=st.floats(-84, 84), lon=st.floats(-179.9, 179.9), bearing=st.floats(0, 360), metres=st.floats(0, 5_000))
def test_a_polygon_like_a_circle_agrees_with_the_circle(lat: float, lon: float, bearing: float, metres: float) -> None:
    """Two ways of measuring, one over the ellipsoid and one by its curvature: within the polygon's own coarseness."""
    assume(abs(lon) < 179)
    radius = 1_000.0
    circle = Circle(name="c", lat=lat, lon=lon, radius_m=radius)
    metre_lat, metre_lon = (
        1 / distance_m(lat, lon, lat + 1e-3, lon) * 1e-3,
        1 / distance_m(lat, lon, lat, lon + 1e-3) * 1e-3,
    )
    around = [
        Point(lat + math.cos(turn) * radius * metre_lat, lon + math.sin(turn) * radius * metre_lon)
        for turn in (math.radians(6 * number) for number in range(60))
    ]
    assume(all(abs(one.lat) <= 85 for one in around))
    polygon = Polygon(name="p", points=tuple(around))
    turn = math.radians(bearing)
    there = lat + math.cos(turn) * metres * metre_lat, lon + math.sin(turn) * metres * metre_lon
    assert polygon.outside_m(*there) == pytest.approx(circle.outside_m(*there), abs=8, rel=0.02)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ({"shape": "circle", "name": "h", "lat": 26, "lon": 119, "radius_m": 5}, "radius_m"),
        ({"shape": "circle", "name": "h", "lat": 96, "lon": 119, "radius_m": 50}, "lat"),
        ({"shape": "circle", "name": "h", "lat": 26, "lon": 119, "radius_m": 50, "colour": "red"}, "colour"),
        ({"shape": "circle", "name": "", "lat": 26, "lon": 119, "radius_m": 50}, "name"),
        ({"shape": "star", "name": "h"}, "star"),
        ({"shape": "polygon", "name": "h", "points": [[1, 1], [2, 2]]}, "points"),
        ({"shape": "polygon", "name": "date line", "points": [(0, 179.9), (0, -179.9), (1, -179.9)]}, "two zones"),
        ({"shape": "polygon", "name": "dot", "points": [(1, 1), (1, 1), (1, 1)]}, "twice in a row"),
        ({"shape": "polygon", "name": "line", "points": [(1, 1), (1, 1.1), (1, 1.2)]}, "cross"),
        ({"shape": "polygon", "name": "bow tie", "points": [(0, 0), (0.1, 0.1), (0.1, 0), (0, 0.1)]}, "in order"),
        ({"shape": "polygon", "name": "a province", "points": [(24, 116), (28, 116), (28, 120)]}, "km across"),
    ],
)
def test_what_is_no_zone_is_refused_with_a_sentence(zone: dict[str, Any], said: str) -> None:
    """When it is set, not when somebody walks out of it."""
    if "points" in zone:
        zone = {**zone, "points": [{"lat": lat, "lon": lon} for lat, lon in zone["points"]]}
    with pytest.raises(msgspec.ValidationError, match=said):
        _read(zone)
