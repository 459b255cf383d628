"""A small map of the territory: the schools as dots, placed by their coordinates and shaped by their state. Pure."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The drawing's own units, whatever its size on the page.
WIDTH, HEIGHT, MARGIN = 480, 360, 14
#: Dots of the same state closer than this are one dot: thousands of schools stay a drawing of some kilobytes.
GRAIN = 5

STATES = {
    "none": "Rien d'attribué",
    "issued": "Clé envoyée, non activée",
    "redeemed": "Clé activée, licences libres",
    "held": "Licences attribuées à des enseignants",
}
#: What is drawn last lies on top: the further along, the more visible.
ORDER = tuple(STATES)


class Dot(NamedTuple):
    """One dot: its place, and the state that gives it its shape and colour."""

    state: str
    x: int
    y: int


class Line(NamedTuple):
    """One line of the table beside the map."""

    state: str
    label: str
    schools: int


class Drawing(NamedTuple):
    """The map and the table that says the same."""

    dots: list[Dot]
    lines: list[Line]
    total: int
    unplaced: int
    width: int = WIDTH
    height: int = HEIGHT


def drawing(schools: Sequence[tuple[str, float | None, float | None]]) -> Drawing:
    """Return the map of schools given as (state, latitude, longitude); those without coordinates are only counted."""
    placed = [(state, lat, lon) for state, lat, lon in schools if lat is not None and lon is not None]
    counts = Counter(state for state, _, _ in schools)
    return Drawing(
        dots=_dots(placed),
        lines=[Line(state, label, counts[state]) for state, label in STATES.items()],
        total=len(schools),
        unplaced=len(schools) - len(placed),
    )


def _dots(placed: list[tuple[str, float, float]]) -> list[Dot]:
    if not placed:
        return []
    latitudes, longitudes = [lat for _, lat, _ in placed], [lon for _, _, lon in placed]
    # A degree of longitude is shorter than one of latitude, the more so the further north.
    shrink = math.cos(math.radians((min(latitudes) + max(latitudes)) / 2))
    west, north = min(longitudes), max(latitudes)
    across, down = (max(longitudes) - west) * shrink, north - min(latitudes)
    scale = min(
        (WIDTH - 2 * MARGIN) / across if across else math.inf, (HEIGHT - 2 * MARGIN) / down if down else math.inf
    )
    if math.isinf(scale):
        scale = 0.0
    left, top = (WIDTH - across * scale) / 2, (HEIGHT - down * scale) / 2

    def snapped(value: float) -> int:
        return round(value / GRAIN) * GRAIN

    dots = {
        Dot(state, snapped(left + (lon - west) * shrink * scale), snapped(top + (north - lat) * scale))
        for state, lat, lon in placed
    }
    return sorted(dots, key=lambda dot: (ORDER.index(dot.state), dot.x, dot.y))
