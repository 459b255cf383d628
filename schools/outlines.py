"""Outlines of communes, intercommunalities, départements and regions, from files of open data."""

import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from core.bounded_process import BoundedProcessError, ProcessLimits, run_bounded
from schools.exceptions import OutlinesRefused

# Read outlines from a GeoJSON file, in a child process, which a file may make run out of memory or time alone.
#
# Known properties: those of geo.api.gouv.fr and of Etalab's « contours administratifs » (`code`, `nom`, `siren`), and
# those of IGN's ADMIN EXPRESS (`INSEE_COM`, `CODE_SIREN`, `INSEE_DEP`, `INSEE_REG`, `NOM`; from 2024 on `code_insee`,
# `code_siren`, `nom_officiel`).

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


#: Of the file, and of what a compressed one holds. The communes of France to some 100 metres are 60 MB.
MAX_BYTES = 100 * 1024 * 1024
_LIMITS = ProcessLimits(
    memory_bytes=1536 * 1024 * 1024, cpu_seconds=180, wall_seconds=240.0, result_bytes=64 * 1024 * 1024
)
_GZIP = b"\x1f\x8b"
_TOO_LARGE = (
    f"Ce fichier dépasse {MAX_BYTES // 1024 // 1024} Mo. Prenez des contours généralisés (à 100 m ou à 1 000 m), ou le"
    " fichier d'un seul département."
)
_NOT_GEOJSON = "Ce fichier n'est pas un GeoJSON lisible : il est abîmé, coupé ou d'un autre format."

#: What a feature is, by the first of these properties that it has; names are compared in lower case.
_LEVEL_OF = {
    "insee_com": "commune",
    "code_siren": "epci",
    "insee_dep": "departement",
    "insee_reg": "region",
}
_CODES = ("code", "code_insee")
_NAMES = ("nom", "nom_officiel", "libelle")
_COMMUNE = re.compile(r"[0-9][0-9AB][0-9]{3}")
_SIREN = re.compile(r"[0-9]{9}")
_DEPARTEMENT = re.compile(r"[0-9]{2,3}|2[AB]")
_REGION = re.compile(r"[0-9]{2}")
#: By level, the form of its codes.
_FORMS = {"commune": _COMMUNE, "epci": _SIREN, "departement": _DEPARTEMENT, "region": _REGION}
#: A département names its region; a region names nothing above it.
_ABOVE_DEPARTEMENTS = ("region", "coderegion", "code_insee_de_la_region")
_MAX_NAME = 120


class Outline(NamedTuple):
    """The outline of one territory. `rings` are all its borders, of islands and of holes alike."""

    level: str
    code: str
    siren: str
    name: str
    rings: list[Ring]


class UnreadItem(NamedTuple):
    """What of a file cannot be read, by its number in the file, from 1."""

    number: int
    reason: str


class OutlineFile(NamedTuple):
    """What a file holds."""

    outlines: list[Outline]
    refused: list[UnreadItem]


def read_outlines(path: Path, *, level: str = "") -> OutlineFile:
    """Return the outlines of a GeoJSON file, compressed or not, simplified. Raises `OutlinesRefused`.

    `level`: what its features are, where their properties leave it open (« commune », « epci », « departement »,
    « region »).
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise OutlinesRefused(_TOO_LARGE)
        content = path.read_bytes()
    except OSError as error:
        raise OutlinesRefused(f"Le fichier ne peut pas être lu : {error.strerror or error}.") from error
    try:
        answer = run_bounded(f"{__name__}:child_read", content, level, limits=_LIMITS)
    except BoundedProcessError as error:
        raise OutlinesRefused(error.sentence) from error
    if isinstance(answer, str):
        raise OutlinesRefused(answer)
    outlines, refused = answer
    return OutlineFile([Outline(*outline) for outline in outlines], [UnreadItem(*feature) for feature in refused])


# --- In the child ----------------------------------------------------------------------------------------------------


class _UnknownFeature(Exception):
    """A feature is no outline that can be drawn; the text says why, in French."""


def child_read(send: Callable[[Any], None], content: bytes, level: str) -> tuple[list[Any], list[Any]] | str:  # noqa: ARG001 - nothing to tell meanwhile
    """Return the outlines and the refused features as plain data, or the reason why the file is refused."""
    try:
        return _read(content, level)
    except OutlinesRefused as refusal:
        return str(refusal)


def _read(content: bytes, level: str) -> tuple[list[Any], list[Any]]:
    try:
        # Each geometry is simplified as soon as it is read: the file's own coordinates never are in memory together.
        document = json.loads(
            _inflate(content).decode("utf-8-sig"), object_hook=_shrink_geometry, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise OutlinesRefused(_NOT_GEOJSON) from error
    outlines, refused = [], []
    for number, feature in enumerate(_list_features(document), start=1):
        try:
            outlines.append(tuple(_build_outline(feature, level)))
        except _UnknownFeature as problem:
            refused.append((number, str(problem)))
    if not outlines:
        raise OutlinesRefused(
            f"Aucun contour n'a pu être lu. Premier objet : {refused[0][1]}" if refused else _NOT_GEOJSON
        )
    return outlines, refused


def _inflate(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(content, MAX_BYTES + 1)
    except zlib.error as error:
        raise OutlinesRefused("Ce fichier compressé est coupé ou abîmé. Téléchargez-le de nouveau.") from error
    if len(plain) > MAX_BYTES:
        raise OutlinesRefused(_TOO_LARGE)
    return plain


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _list_features(document: object) -> list[object]:
    if isinstance(document, dict) and document.get("type") == "Feature":
        return [document]
    if isinstance(document, dict) and isinstance(features := document.get("features"), list):
        return features
    raise OutlinesRefused(
        "Ce fichier est du JSON, mais sans les objets (« features ») d'un GeoJSON : téléchargez les contours dans ce"
        " format."
    )


def _shrink_geometry(content: dict[str, Any]) -> dict[str, Any]:
    """Return a geometry with its simplified rings, or with the reason why it has none; anything else as it is."""
    if "coordinates" not in content:
        return content
    try:
        return {"rings": simplify(list(_list_rings(content)))}
    except _UnknownFeature as problem:
        return {"problem": str(problem)}


def _list_rings(geometry: dict[str, Any]) -> Iterator[Ring]:
    """Yield the checked rings of a polygon or of several. Raises `_UnknownFeature`."""
    coordinates = geometry["coordinates"]
    polygons = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(str(geometry.get("type")))
    if not isinstance(polygons, list):
        raise _UnknownFeature("ce n'est pas une surface (« Polygon » ou « MultiPolygon »).")
    empty = True
    for polygon in polygons:
        for ring in polygon if isinstance(polygon, list) else ():
            yield _check_ring(ring)
            empty = False
    if empty:
        raise _UnknownFeature("son contour est vide.")


def _check_ring(ring: object) -> Ring:
    try:
        positions = [(float(position[0]), float(position[1])) for position in ring]  # type: ignore[attr-defined]
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise _UnknownFeature("ses coordonnées sont abîmées.") from error
    if len(positions) < 4 or positions[0] != positions[-1]:  # noqa: PLR2004 - of a triangle, closed
        raise _UnknownFeature("son contour n'est pas fermé.")
    if not all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in positions):  # noqa: PLR2004 - degrees
        raise _UnknownFeature(
            "ses coordonnées ne sont pas des degrés : exportez le fichier en longitudes et latitudes (EPSG:4326)."
        )
    return positions


def _build_outline(feature: object, asked_level: str) -> Outline:
    """Return the outline of a feature. Raises `_UnknownFeature`."""
    if not isinstance(feature, dict) or not isinstance(properties := feature.get("properties"), dict):
        raise _UnknownFeature("il n'a pas de propriétés.")
    known = {str(key).lower(): str(value).strip() for key, value in properties.items() if value not in (None, "")}
    level, code = _identify(known, asked_level)
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict) or "problem" in geometry or not geometry.get("rings"):
        problem = geometry.get("problem") if isinstance(geometry, dict) else None
        raise _UnknownFeature(str(problem or "son contour est vide."))
    siren = code if level == "epci" else known.get("siren") or known.get("code_siren") or ""
    name = next((known[key] for key in _NAMES if key in known), code)
    return Outline(level, code, siren if _SIREN.fullmatch(siren) else "", name[:_MAX_NAME], geometry["rings"])


def _identify(known: dict[str, str], asked_level: str) -> tuple[str, str]:
    """Return level and code of a feature with these properties. Raises `_UnknownFeature`."""
    for key, level in _LEVEL_OF.items():
        if key == "code_siren" and "code_insee" in known:
            # A commune's own SIREN.
            continue
        if key in known and _FORMS[level].fullmatch(known[key]) and asked_level in ("", level):
            return level, known[key]
    code = next((known[key] for key in _CODES if key in known), "")
    if asked_level:
        if _FORMS[asked_level].fullmatch(code):
            return asked_level, code
    elif _COMMUNE.fullmatch(code):
        return "commune", code
    elif _SIREN.fullmatch(code):
        return "epci", code
    elif _DEPARTEMENT.fullmatch(code):
        if not _REGION.fullmatch(code) or any(key in known for key in _ABOVE_DEPARTEMENTS):
            return "departement", code
        raise _UnknownFeature(
            f"« {code} » est un code de département ou de région : précisez --level departement ou --level region."
        )
    raise _UnknownFeature(
        "aucun code connu (« code », « INSEE_COM », « CODE_SIREN », « INSEE_DEP », « INSEE_REG ») dans ses propriétés."
    )
