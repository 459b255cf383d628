"""A dot map of the territory's schools, by coordinates and state. Pure."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In units of the SVG view box.
WIDTH, HEIGHT, MARGIN = 480, 360, 14
#: Cell size of the grid on which dots of a state are merged: keeps the SVG at some kB for thousands of schools.
GRID_SIZE = 5

STATES = {
    "none": "Rien d'attribué",
    "issued": "Clé envoyée, non activée",
    "redeemed": "Clé activée, licences libres",
    "held": "Licences attribuées à des enseignants",
}
#: Drawing order: later states lie on top.
DRAWING_ORDER = tuple(STATES)


class MapDot(NamedTuple):
    """A dot of the map, whose state determines shape and colour."""

    state: str
    x: int
    y: int


class LegendRow(NamedTuple):
    """A row of the map's legend table."""

    state: str
    label: str
    schools: int


class TerritoryMap(NamedTuple):
    """The map, and the table with the same data."""

    dots: list[MapDot]
    lines: list[LegendRow]
    total: int
    unplaced: int
    width: int = WIDTH
    height: int = HEIGHT


def build_map(schools: Sequence[tuple[str, float | None, float | None]]) -> TerritoryMap:
    """Return the map of (state, latitude, longitude) rows; schools without coordinates are only counted."""
    placed = [(state, lat, lon) for state, lat, lon in schools if lat is not None and lon is not None]
    counts = Counter(state for state, _, _ in schools)
    return TerritoryMap(
        dots=_build_dots(placed),
        lines=[LegendRow(state, label, counts[state]) for state, label in STATES.items()],
        total=len(schools),
        unplaced=len(schools) - len(placed),
    )


def _build_dots(placed: list[tuple[str, float, float]]) -> list[MapDot]:
    if not placed:
        return []
    latitudes, longitudes = [lat for _, lat, _ in placed], [lon for _, _, lon in placed]
    # Equirectangular projection: a degree of longitude is shorter by the cosine of the latitude.
    longitude_factor = math.cos(math.radians((min(latitudes) + max(latitudes)) / 2))
    west, north = min(longitudes), max(latitudes)
    span_x, span_y = (max(longitudes) - west) * longitude_factor, north - min(latitudes)
    scale = min(
        (WIDTH - 2 * MARGIN) / span_x if span_x else math.inf, (HEIGHT - 2 * MARGIN) / span_y if span_y else math.inf
    )
    if math.isinf(scale):
        scale = 0.0
    left, top = (WIDTH - span_x * scale) / 2, (HEIGHT - span_y * scale) / 2

    def snap_to_grid(value: float) -> int:
        return round(value / GRID_SIZE) * GRID_SIZE

    dots = {
        MapDot(
            state,
            snap_to_grid(left + (lon - west) * longitude_factor * scale),
            snap_to_grid(top + (north - lat) * scale),
        )
        for state, lat, lon in placed
    }
    return sorted(dots, key=lambda dot: (DRAWING_ORDER.index(dot.state), dot.x, dot.y))
