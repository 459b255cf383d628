"""A map of schools as dots, and of outlines below them, in the units of an SVG view box. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from licensing.pools.wording import SchoolKey
from schools.outlines import Position, Ring

#: In units of the SVG view box.
WIDTH, HEIGHT, MARGIN = 480, 360, 14
#: Schools nearer to one another share a dot: a dot is 10 units wide, 13 with its ring, and can be pointed at.
MERGED_WITHIN = 13

STATES = {
    "none": SchoolKey.NONE.value,
    "issued": SchoolKey.NOT_REDEEMED.value,
    "redeemed": f"{SchoolKey.REDEEMED}, licences non utilisées",
    "held": f"{SchoolKey.REDEEMED}, licences utilisées",
}
#: Drawing order: later states lie on top.
DRAWING_ORDER = tuple(STATES)


class MappedSchool(NamedTuple):
    """A school of the territory, with the state of its licences."""

    uai: str
    name: str
    commune: str
    commune_code: str
    departement_code: str
    latitude: float | None
    longitude: float | None
    state: str


class MapDot(NamedTuple):
    """A dot of the map: one school, or several near to one another."""

    x: float
    y: float
    schools: list[MappedSchool]

    @property
    def state(self) -> str:
        """The most advanced state of its schools, lest a redeemed key is hidden. It determines shape and colour."""
        return max((school.state for school in self.schools), key=DRAWING_ORDER.index)


class Projection(NamedTuple):
    """Equirectangular: a degree of longitude is shorter by the cosine of the latitude."""

    west: float
    north: float
    longitude_factor: float
    scale: float
    left: float
    top: float

    def place(self, position: Position) -> tuple[float, float]:
        """Return the place on the map of a longitude and a latitude."""
        longitude, latitude = position
        x = self.left + (longitude - self.west) * self.longitude_factor * self.scale
        return x, self.top + (self.north - latitude) * self.scale


def fit(positions: Iterable[Position]) -> Projection:
    """Return the projection that shows all the positions, one at least, in the middle of the map."""
    longitudes, latitudes = zip(*positions, strict=True)
    factor = math.cos(math.radians((min(latitudes) + max(latitudes)) / 2))
    west, north = min(longitudes), max(latitudes)
    span_x, span_y = (max(longitudes) - west) * factor, north - min(latitudes)
    scale = min(
        (WIDTH - 2 * MARGIN) / span_x if span_x else math.inf, (HEIGHT - 2 * MARGIN) / span_y if span_y else math.inf
    )
    if math.isinf(scale):
        scale = 0.0
    return Projection(west, north, factor, scale, (WIDTH - span_x * scale) / 2, (HEIGHT - span_y * scale) / 2)


def list_positions(schools: Iterable[MappedSchool]) -> list[Position]:
    """Return where the schools are, as far as the directory says."""
    return [
        (school.longitude, school.latitude)
        for school in schools
        if school.longitude is not None and school.latitude is not None
    ]


def draw_dots(schools: Iterable[MappedSchool], projection: Projection) -> list[MapDot]:
    """Return the dots of the schools whose place is known, in drawing order: none nearer than `MERGED_WITHIN`.

    A dot lies where its first school is.
    """
    dots: list[MapDot] = []
    cells: dict[tuple[float, float], list[MapDot]] = defaultdict(list)
    for school in schools:
        if school.longitude is None or school.latitude is None:
            continue
        x, y = projection.place((school.longitude, school.latitude))
        column, row = x // MERGED_WITHIN, y // MERGED_WITHIN
        for dot in cells.get((column, row), ()):
            if (dot.x - x) ** 2 + (dot.y - y) ** 2 < MERGED_WITHIN**2:
                dot.schools.append(school)
                break
        else:
            dots.append(MapDot(x, y, [school]))
            # Known to the neighbouring cells as well: a dot is looked up for every school, and added rarely.
            for dx in (-1, 0, 1):
                for dy in (-1, 0, 1):
                    cells[column + dx, row + dy].append(dots[-1])
    return sorted(dots, key=lambda dot: (DRAWING_ORDER.index(dot.state), dot.x, dot.y))


def draw_outline(rings: Sequence[Ring], projection: Projection) -> str:
    """Return the SVG path of the rings."""
    return "".join(f"M{' '.join(_list_steps(ring, projection))}Z" for ring in rings)


def _list_steps(ring: Ring, projection: Projection) -> Iterator[str]:
    last = ""
    for longitude, latitude in ring[:-1]:
        x, y = projection.place((longitude, latitude))
        step = f"{x:.1f} {y:.1f}"
        if step != last:
            yield step
        last = step
