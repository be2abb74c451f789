"""Safe zones on the ground, WGS-84: a circle or a polygon, and how far outside of it a position lies.

Distances are geodesic: Vincenty's inverse formula for circles (Survey Review 23, 1975; to a millimetre); for polygons
the ellipsoid's own radii of curvature around the position asked for, which is exact near an edge, where it matters.
"""

import math
from typing import Annotated, NamedTuple

import msgspec

from ingest.detect.core import bounded

#: WGS-84, NIMA TR8350.2: semi-major axis in metres, flattening.
_A, _F = 6_378_137.0, 1 / 298.257223563
_B = _A * (1 - _F)
_E2 = _F * (2 - _F)
#: Mean radius (IUGG), for the one case in which Vincenty's iteration does not settle: nearly opposite points.
_MEAN_RADIUS = 6_371_008.8
_SETTLED, _ROUNDS = 1e-12, 60

#: Beyond it a zone is a province, and a typing error more likely than a wish.
_WIDEST_M = 200_000.0

Latitude = Annotated[float, bounded("deg", -85.0, 85.0, "WGS-84; nobody lives nearer to a pole")]
Longitude = Annotated[float, bounded("deg", -180.0, 180.0, "WGS-84")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A corner of a polygon."""

    lat: Latitude
    lon: Longitude


class Circle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="circle", tag_field="shape"):
    """Safe within `radius_m` of a point. `by_night` False: at night it is no safe place (a park, a club)."""

    name: Name
    lat: Latitude
    lon: Longitude
    radius_m: Annotated[
        float, bounded("m", 20.0, 50_000.0, "below 20 m no satellite fix tells inside from outside; 50 km: a city")
    ]
    by_night: bool = True

    def outside_m(self, lat: float, lon: float) -> float:
        """Metres from its edge; negative inside."""
        return distance_m(self.lat, self.lon, lat, lon) - self.radius_m


class Polygon(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="polygon", tag_field="shape"):
    """Safe within these corners, given in order, either way round; the last is joined to the first."""

    name: Name
    points: Annotated[tuple[Point, ...], msgspec.Meta(min_length=3, max_length=200)]
    by_night: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no area on the ground."""
        corners = list(self.points)
        sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        if any(abs(one.lon - other.lon) > 180 for one, other in sides):
            raise ValueError(f"zone {self.name!r} crosses the 180 degree meridian: make two zones of it")
        if any(one == other for one, other in sides):
            raise ValueError(f"zone {self.name!r} names the same corner twice in a row: leave one out")
        wide = distance_m(
            min(one.lat for one in corners), min(one.lon for one in corners),
            max(one.lat for one in corners), max(one.lon for one in corners),
        )  # fmt: skip
        if wide > _WIDEST_M:
            raise ValueError(f"zone {self.name!r} is {wide / 1000:.0f} km across: at most {_WIDEST_M / 1000:.0f} km")
        if _crosses_itself([(one.lon, one.lat) for one in corners]):
            raise ValueError(f"the sides of zone {self.name!r} cross: give the corners in order along its edge")

    def outside_m(self, lat: float, lon: float) -> float:
        """Metres from its edge; negative inside."""
        corners = [_seen_from(lat, lon, one) for one in self.points]
        sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        edge = min(_from_origin(one, other) for one, other in sides)
        inside = sum(_passes_east(one, other) for one, other in sides) % 2 == 1
        return -edge if inside else edge


Zone = Circle | Polygon


class _Flat(NamedTuple):
    """Metres east and north of the position asked for."""

    east: float
    north: float


def _seen_from(lat: float, lon: float, corner: Point) -> _Flat:
    """By the radii of curvature half-way between: to 1 in 100,000 within 100 km."""
    middle = math.radians((lat + corner.lat) / 2)
    root = 1 - _E2 * math.sin(middle) ** 2
    meridional, transverse = _A * (1 - _E2) / root**1.5, _A / math.sqrt(root)
    turned = (corner.lon - lon + 180) % 360 - 180
    return _Flat(math.radians(turned) * transverse * math.cos(middle), math.radians(corner.lat - lat) * meridional)


def _from_origin(one: _Flat, other: _Flat) -> float:
    """Metres from the position to the side between two corners."""
    east, north = other.east - one.east, other.north - one.north
    length = east * east + north * north
    along = 0.0 if length == 0 else -(one.east * east + one.north * north) / length
    along = min(1.0, max(0.0, along))
    return math.hypot(one.east + along * east, one.north + along * north)


def _passes_east(one: _Flat, other: _Flat) -> bool:
    """Whether a line from the position due east crosses this side; a corner belongs to one of its sides only."""
    if (one.north > 0) == (other.north > 0):
        return False
    return one.east - one.north * (other.east - one.east) / (other.north - one.north) > 0


_Corner = tuple[float, float]


def _crosses_itself(corners: list[_Corner]) -> bool:
    """Whether any two sides that are no neighbours meet, or all corners lie on one line."""
    count = len(corners)
    if all(_turn(corners[0], corners[1], one) == 0 for one in corners):
        return True
    sides = [(corners[index], corners[(index + 1) % count]) for index in range(count)]
    return any(
        _meet(*sides[first], *sides[second])
        for first in range(count)
        for second in range(first + 2, count)
        if (second + 1) % count != first
    )


def _turn(one: _Corner, other: _Corner, third: _Corner) -> float:
    return (other[0] - one[0]) * (third[1] - one[1]) - (other[1] - one[1]) * (third[0] - one[0])


def _meet(one: _Corner, other: _Corner, third: _Corner, fourth: _Corner) -> bool:
    turns = (
        _turn(one, other, third), _turn(one, other, fourth), _turn(third, fourth, one), _turn(third, fourth, other),
    )  # fmt: skip
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    touching = zip(turns, ((one, other, third), (one, other, fourth), (third, fourth, one), (third, fourth, other)),
                   strict=True)  # fmt: skip
    return any(turn == 0 and _between(*three) for turn, three in touching)


def _between(one: _Corner, other: _Corner, third: _Corner) -> bool:
    """Whether the third, which lies on the line of the two, lies between them."""
    return all(min(a, b) <= c <= max(a, b) for a, b, c in zip(one, other, third, strict=True))


def distance_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Geodesic distance in metres between two positions in degrees, on the WGS-84 ellipsoid."""
    turned = math.radians((other_lon - lon + 180) % 360 - 180)
    u1, u2 = (math.atan((1 - _F) * math.tan(math.radians(one))) for one in (lat, other_lat))
    sin1, cos1, sin2, cos2 = math.sin(u1), math.cos(u1), math.sin(u2), math.cos(u2)
    lam = turned
    for _ in range(_ROUNDS):
        sin_lam, cos_lam = math.sin(lam), math.cos(lam)
        sin_sigma = math.hypot(cos2 * sin_lam, cos1 * sin2 - sin1 * cos2 * cos_lam)
        if sin_sigma == 0:
            return 0.0
        cos_sigma = sin1 * sin2 + cos1 * cos2 * cos_lam
        sigma = math.atan2(sin_sigma, cos_sigma)
        sin_alpha = cos1 * cos2 * sin_lam / sin_sigma
        cos2_alpha = 1 - sin_alpha * sin_alpha
        middle = cos_sigma - 2 * sin1 * sin2 / cos2_alpha if cos2_alpha else 0.0
        c = _F / 16 * cos2_alpha * (4 + _F * (4 - 3 * cos2_alpha))
        before, lam = (
            lam,
            turned
            + (1 - c) * _F * sin_alpha * (sigma + c * sin_sigma * (middle + c * cos_sigma * (2 * middle * middle - 1))),
        )
        if abs(lam - before) < _SETTLED:
            return _arc(cos2_alpha, sigma, sin_sigma, cos_sigma, middle)
    return _on_a_sphere(lat, other_lat, turned)


def _arc(cos2_alpha: float, sigma: float, sin_sigma: float, cos_sigma: float, middle: float) -> float:
    """The length of the geodesic once its azimuth is known: the second half of Vincenty's formula."""
    u = cos2_alpha * (_A * _A - _B * _B) / (_B * _B)
    big_a = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    big_b = u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))
    twice = 2 * middle * middle - 1
    cubic = big_b / 6 * middle * (4 * sin_sigma * sin_sigma - 3) * (4 * middle * middle - 3)
    return _B * big_a * (sigma - big_b * sin_sigma * (middle + big_b / 4 * (cos_sigma * twice - cubic)))


def _on_a_sphere(lat: float, other_lat: float, turned: float) -> float:
    one, other = math.radians(lat), math.radians(other_lat)
    half = math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(turned / 2) ** 2
    return 2 * _MEAN_RADIUS * math.asin(min(1.0, math.sqrt(half)))
