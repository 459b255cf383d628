"""Fewer positions for closed lines, where nobody would see the difference on a map of some hundred pixels. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

#: Longitude and latitude in degrees.
type Position = tuple[float, float]
#: Its last position is the first again.
type Ring = list[Position]


#: Of the longer side of a territory: half a pixel of the largest map.
TOLERANCE = 1 / 1000
#: Decimals of a degree that are kept: some ten metres.
_DECIMALS = 4
_MIN_POSITIONS = 4


def simplify(rings: Sequence[Ring]) -> list[Ring]:
    """Return the rings of one territory with fewer positions, without the islets that would be a dot; perhaps none.

    Algorithm of Douglas and Peucker, on longitudes shortened as the latitude asks.
    """
    longitudes, latitudes = zip(*chain.from_iterable(rings), strict=True)
    factor = math.cos(math.radians((min(latitudes) + max(latitudes)) / 2))
    sides = ((max(longitudes) - min(longitudes)) * factor, max(latitudes) - min(latitudes))
    simplified = [_simplify_ring(ring, factor, max(sides) * TOLERANCE) for ring in rings]
    return [
        [(round(lon, _DECIMALS), round(lat, _DECIMALS)) for lon, lat in ring]
        for ring in simplified
        if len(ring) >= _MIN_POSITIONS
    ]


def _simplify_ring(ring: Ring, factor: float, tolerance: float) -> Ring:
    flat = [(lon * factor, lat) for lon, lat in ring]
    # A closed line has no ends: it is cut at the position farthest from the first.
    cut = max(range(len(flat)), key=lambda index: math.dist(flat[0], flat[index]))
    kept = {0, cut, len(flat) - 1}
    waiting = [(0, cut), (cut, len(flat) - 1)]
    while waiting:
        start, end = waiting.pop()
        farthest, distance = start, tolerance
        for index in range(start + 1, end):
            away = _find_distance(flat[index], flat[start], flat[end])
            if away > distance:
                farthest, distance = index, away
        if farthest != start:
            kept.add(farthest)
            waiting += [(start, farthest), (farthest, end)]
    return [ring[index] for index in sorted(kept)]


def _find_distance(position: Position, start: Position, end: Position) -> float:
    """Return the distance of a position from the segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    if not length:
        return math.dist(position, start)
    along = ((position[0] - start[0]) * dx + (position[1] - start[1]) * dy) / length
    along = min(1.0, max(0.0, along))
    return math.dist(position, (start[0] + along * dx, start[1] + along * dy))
