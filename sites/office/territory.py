"""The map of a collectivity's schools on the outline of its territory, and the page of the schools of one dot."""

import datetime
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from collectivities.access import OfficeHttpRequest, office
from collectivities.queries import get_current_collectivity
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from licensing.entitlements.office_keys import ENTITLEMENTS
from licensing.pools.wording import SchoolKey
from schools.models import School, TerritoryLevel, TerritoryOutline
from schools.outlines import Position, Ring
from schools.wording import format_school_name
from tenants.models import Collectivity, CollectivityKind

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
#: Names in the words of a dot of several schools.
_NAMED_SCHOOLS = 3


class SchoolName(NamedTuple):
    """What the words of a dot say of a school."""

    name: str
    commune: str


class MapCell(NamedTuple):
    """Schools of the territory that lie nearer to one another than two dots may."""

    latitude: float
    longitude: float
    #: The most advanced of their states.
    state: str
    #: How many there are, and the UAIs of the first.
    schools: int
    uais: tuple[str, ...]
    #: Whether the school that is asked for is one of them.
    is_asked: bool = False
    #: Its number in the grid.
    number: int = 0


class MapDot(NamedTuple):
    """A dot of the map: one school, or several near to one another."""

    x: float
    y: float
    cells: list[MapCell]

    @property
    def state(self) -> str:
        """The most advanced state of its schools, lest a redeemed key is hidden. It determines shape and colour."""
        return max((cell.state for cell in self.cells), key=DRAWING_ORDER.index)

    @property
    def schools(self) -> int:
        """How many schools it stands for."""
        return sum(cell.schools for cell in self.cells)

    @property
    def is_merged(self) -> bool:
        return self.schools > 1

    @property
    def uais(self) -> list[str]:
        """The UAIs of the first of its schools, which its words name."""
        return sorted(chain.from_iterable(cell.uais for cell in self.cells))[:_NAMED_SCHOOLS]

    @property
    def url(self) -> str:
        """The page of its school, or that which lists its schools."""
        return reverse("map_place" if self.is_merged else "school", args=[self.uais[0]])

    def describe(self, names: Mapping[str, SchoolName]) -> str:
        """Return « École Jean Jaurès (Nîmes) : rien d'attribué », or the number of its schools and the first names."""
        if not self.is_merged:
            name, commune = names[self.uais[0]]
            place = f" ({commune})" if commune else ""
            state = STATES[self.state]
            words = f"{format_school_name(name)}{place} : {state[0].lower()}{state[1:]}"
            return formatting.add_nonbreaking_spaces(words)
        first = [format_school_name(names[uai].name) for uai in self.uais]
        named = formatting.join_first(first, _NAMED_SCHOOLS, count=self.schools)
        words = f"{formatting.pluralize(self.schools, 'école')} : {named}"
        return formatting.add_nonbreaking_spaces(words)


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


def draw_dots(cells: Iterable[MapCell], projection: Projection) -> list[MapDot]:
    """Return the dots of the cells, in drawing order: none nearer than `MERGED_WITHIN`.

    A dot lies where its first cell is.
    """
    dots: list[MapDot] = []
    neighbours: dict[tuple[float, float], list[MapDot]] = defaultdict(list)
    for cell in cells:
        x, y = projection.place((cell.longitude, cell.latitude))
        column, row = x // MERGED_WITHIN, y // MERGED_WITHIN
        for dot in neighbours.get((column, row), ()):
            if (dot.x - x) ** 2 + (dot.y - y) ** 2 < MERGED_WITHIN**2:
                dot.cells.append(cell)
                break
        else:
            dots.append(MapDot(x, y, [cell]))
            # Known to the neighbouring squares as well: a dot is looked up for every cell, and added rarely.
            for dx in (-1, 0, 1):
                for dy in (-1, 0, 1):
                    neighbours[column + dx, row + dy].append(dots[-1])
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


#: Schools of a page of those in a state.
_PAGE_SIZE = 100
#: The filter of « Écoles » where something can be done for the schools of a state.
_LIST_FILTERS = {"none": "none", "issued": "dormant"}
#: Outlines of communes drawn together: an intercommunality has 235 at most.
_MAX_OUTLINES = 300
#: Communes with arrondissements, which the directory has as communes of their own.
_ARRONDISSEMENTS = {"751": "75056", "6938": "69123", "132": "13055"}

#: Columns and rows of the grid in which schools are grouped: a cell is half as wide as two dots are apart, or less,
#: however little of the map its schools take.
_COLUMNS, _ROWS = (2 * math.ceil(length / MERGED_WITHIN) for length in (WIDTH, HEIGHT))
# Allocations are grouped alone, and joined by the school: of a union, the planner would expect 200 schools, and look
# each of 60,000 up in the directory.
_SHOWN_SQL = f"""
WITH {ENTITLEMENTS.cte},
given AS (
    SELECT
        allocation.school_id,
        max(CASE WHEN allocation.redeemed_at IS NULL THEN 1 WHEN allocation.held > 0 THEN 3 ELSE 2 END) AS progress
    FROM pools_pool AS pool
    JOIN entitlement ON entitlement.id = pool.entitlement_id
    JOIN pools_allocation AS allocation ON allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
        AND allocation.units > 0
    WHERE entitlement.last_day >= %(day)s AND entitlement.cancelled_at IS NULL
    GROUP BY allocation.school_id
),
shown AS (
    SELECT school_id, coalesce(given.progress, 0) AS progress
    FROM given
    FULL JOIN collectivities_portfolioschool USING (school_id)
)"""  # noqa: S608 - constants of these modules, and parameters
_GRID_SQL = f"""{_SHOWN_SQL},
placed AS MATERIALIZED (
    SELECT school.uai, shown.progress,
        CASE WHEN %(by_commune)s THEN school.commune_code ELSE school.departement_code END AS code,
        CASE WHEN school.longitude IS NOT NULL THEN school.latitude END AS latitude,
        CASE WHEN school.latitude IS NOT NULL THEN school.longitude END AS longitude
    FROM shown
    JOIN public.schools_school AS school ON school.uai = shown.school_id
),
extent AS (
    SELECT min(longitude) AS west, nullif(max(longitude) - min(longitude), 0) AS width,
        min(latitude) AS south, nullif(max(latitude) - min(latitude), 0) AS height
    FROM placed
),
gridded AS (
    SELECT placed.*,
        CASE WHEN longitude IS NOT NULL
            THEN coalesce(floor((longitude - west) / width * %(columns)s)::integer, 0) * (%(rows)s + 1)
                + coalesce(floor((latitude - south) / height * %(rows)s)::integer, 0) END AS number
    FROM placed
    CROSS JOIN extent
)"""  # noqa: S608 - constants of these modules, and parameters
#: A row for each cell, and after them for each commune or département, with how many schools it has.
_GROUPS_SQL = f"""{_GRID_SQL}
SELECT
    '', array[count(*) FILTER (WHERE progress = 0), count(*) FILTER (WHERE progress = 1),
        count(*) FILTER (WHERE progress = 2), count(*) FILTER (WHERE progress = 3)],
    (array_agg(uai ORDER BY uai))[:%(named)s], bool_or(uai = %(asked)s), max(progress), number,
    avg(latitude), avg(longitude), min(longitude), max(longitude), min(latitude), max(latitude)
FROM gridded
GROUP BY number
UNION ALL
SELECT code, array[count(*)], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM placed
WHERE code <> ''
GROUP BY code
"""  # noqa: S608 - constants of these modules, and parameters
_OF_CELLS_SQL = f"""{_GRID_SQL}
SELECT school.uai, school.name, school.commune, gridded.progress
FROM gridded
JOIN public.schools_school AS school ON school.uai = gridded.uai
WHERE gridded.number = ANY(%(cells)s)
ORDER BY school.commune, school.name, school.uai
"""  # noqa: S608 - constants of these modules, and parameters
_OF_STATE_SQL = f"""{_SHOWN_SQL}
SELECT school.uai, school.name, school.commune, shown.progress
FROM shown
JOIN public.schools_school AS school ON school.uai = shown.school_id
WHERE shown.progress = %(progress)s
ORDER BY school.commune, school.name, school.uai
LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608 - constants of these modules, and parameters
_COUNT_SQL = f"{_SHOWN_SQL} SELECT count(*) FROM shown WHERE progress = %(progress)s"  # noqa: S608 - as above


class LegendRow(NamedTuple):
    """A row of the map's legend table."""

    state: str
    label: str
    schools: int
    #: The list of these schools.
    url: str


@dataclass
class MappedSchools:
    """The schools of the map, in groups."""

    cells: list[MapCell] = field(default_factory=list)
    #: How many are in each state, and in each commune or département, by its code; those without one are left out.
    states: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    #: The corners of the rectangle in which those lie whose place is known; none where none is.
    corners: list[Position] = field(default_factory=list)


class TerritoryMap(NamedTuple):
    """The map, and the table with the same data."""

    states: Counter[str]
    #: Empty where no school's place is known; each with its words.
    dots: list[tuple[MapDot, str]] = []
    #: Path of the outlines below them; empty where none is loaded. `source` says whose they are.
    outline: str = ""
    source: str = ""
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def total(self) -> int:
        """How many schools there are."""
        return self.states.total()

    @property
    def lines(self) -> list[LegendRow]:
        """How many schools are in each state."""
        return [
            LegendRow(state, label, self.states[state], reverse("map_state", args=[state]))
            for state, label in STATES.items()
        ]

    @property
    def unplaced(self) -> int:
        """How many schools have no dot, as their place is unknown."""
        return self.total - sum(dot.schools for dot, _ in self.dots)

    @property
    def has_merged(self) -> bool:
        """Whether a dot stands for several schools."""
        return any(dot.is_merged for dot, _ in self.dots)


def get_territory(collectivity: Collectivity, day: datetime.date) -> TerritoryMap:
    """Return the map of the portfolio's schools and of those with licences that are not over on `day`.

    Four queries.
    """
    mapped = group_schools(collectivity, day)
    outlines = find_outlines(collectivity, mapped.codes)
    dots, projection = _place_dots(mapped, outlines)
    if projection is None:
        return TerritoryMap(mapped.states)
    named = School.objects.filter(uai__in_array={uai for dot in dots for uai in dot.uais})
    names = {uai: SchoolName(*name) for uai, *name in named.values_list("uai", "name", "commune")}
    rings = [ring for outline in outlines for ring in outline.rings]
    sources = sorted({outline.source for outline in outlines})
    return TerritoryMap(
        mapped.states,
        [(dot, dot.describe(names)) for dot in dots],
        draw_outline(rings, projection),
        formatting.join_words(sources),
    )


def _place_dots(mapped: MappedSchools, outlines: Sequence[TerritoryOutline]) -> tuple[list[MapDot], Projection | None]:
    """Return the dots and how they are placed; no projection where no school's place is known."""
    if not mapped.corners:
        return [], None
    rings = [ring for outline in outlines for ring in outline.rings]
    projection = fit(chain(mapped.corners, chain.from_iterable(rings)))
    return draw_dots(mapped.cells, projection), projection


def group_schools(collectivity: Collectivity, day: datetime.date, *, asked: str = "") -> MappedSchools:
    """Return the portfolio's schools and those with licences that are not over on `day`, in groups. Two queries.

    `asked`: the UAI of a school whose cell is marked.
    """
    mapped = MappedSchools()
    by_state: list[list[int]] = []
    corners: list[Position] = []
    by_commune = _get_level(collectivity) == TerritoryLevel.COMMUNE
    for code, counts, uais, is_asked, *cell in _fetch(_GROUPS_SQL, day, asked=asked, by_commune=by_commune):
        if code:
            [mapped.codes[code]] = counts
            continue
        by_state.append(counts)
        progress, number, latitude, longitude, west, east, south, north = cell
        if number is not None:
            state = DRAWING_ORDER[progress]
            mapped.cells.append(MapCell(latitude, longitude, state, sum(counts), tuple(uais), is_asked, number))
            corners += [(west, north), (east, south)]
    mapped.states.update(dict(zip(DRAWING_ORDER, map(sum, zip(*by_state, strict=True)), strict=False)))
    # By the first school: which of two neighbours a dot lies at does not change from one visit to the next.
    mapped.cells.sort(key=lambda each: each.uais)
    if corners:
        longitudes, latitudes = zip(*corners, strict=True)
        mapped.corners = [(min(longitudes), max(latitudes)), (max(longitudes), min(latitudes))]
    return mapped


def _fetch(statement: str, day: datetime.date, **parameters: Any) -> list[tuple[Any, ...]]:
    grid = {"columns": _COLUMNS, "rows": _ROWS, "named": _NAMED_SCHOOLS}
    with connection.cursor() as cursor:
        cursor.execute(statement, {**ENTITLEMENTS.read(), "day": day, **grid, **parameters})
        return list(cursor.fetchall())


def find_outlines(collectivity: Collectivity, codes: Counter[str]) -> list[TerritoryOutline]:
    """Return the outline of the collectivity, or of the territories where its schools are. One query.

    Its own is known by its SIREN. Of a commune or a département without one, that of most of its schools is taken; of
    others, the communes or départements of all its schools, whose codes are given.
    """
    level, counted = _get_level(collectivity), Counter[str]()
    translate = _get_commune if level == TerritoryLevel.COMMUNE else _get_departement
    # In order: of two communes with as many schools, it is the same one at each visit.
    for code, count in sorted(codes.items()):
        counted[translate(code)] += count
    single = collectivity.kind in (CollectivityKind.COMMUNE, CollectivityKind.DEPARTEMENT)
    chosen = [code for code, _ in counted.most_common(1 if single else _MAX_OUTLINES)]
    found = list(TerritoryOutline.objects.filter(Q(siren=collectivity.siren) | Q(level=level, code__in=chosen)))
    return [outline for outline in found if outline.siren == collectivity.siren] or found


def _get_level(collectivity: Collectivity) -> TerritoryLevel:
    """Return of which territories the outlines are drawn where the collectivity's own is not known."""
    of_communes = collectivity.kind in (CollectivityKind.COMMUNE, CollectivityKind.EPCI)
    return TerritoryLevel.COMMUNE if of_communes else TerritoryLevel.DEPARTEMENT


def _get_commune(code: str) -> str:
    """Return the code of the commune, of an arrondissement that of Paris, Lyon or Marseille."""
    return next((commune for start, commune in _ARRONDISSEMENTS.items() if code.startswith(start)), code)


def _get_departement(code: str) -> str:
    """Return INSEE's code of a département: the directory has « 030 » and « 02A » for « 30 » and « 2A »."""
    return code.removeprefix("0") if len(code) == 3 else code  # noqa: PLR2004


@office()
@require_GET
def territory_map(request: OfficeHttpRequest) -> HttpResponse:
    """Show the map; only its card where htmx asks for it, nothing where there is no school."""
    territory = get_territory(get_current_collectivity(), date_in_paris(timezone.now()))
    if request.htmx and not territory.total:
        return HttpResponse()
    template = "office/_territory.html" if request.htmx else "office/territory.html"
    return render(request, template, {"territory": territory})


@office()
@require_GET
def map_place(request: OfficeHttpRequest, uai: str) -> HttpResponse:
    """List the schools that share a dot of the map with a school."""
    day, collectivity = date_in_paris(timezone.now()), get_current_collectivity()
    mapped = group_schools(collectivity, day, asked=uai.upper())
    dots, _ = _place_dots(mapped, find_outlines(collectivity, mapped.codes))
    dot = next((dot for dot in dots if any(cell.is_asked for cell in dot.cells)), None)
    if dot is None:
        raise Http404("No school of the map.")
    schools = _fetch(_OF_CELLS_SQL, day, by_commune=True, cells=[cell.number for cell in dot.cells])
    return render(request, "office/map_place.html", {"rows": _list_rows(schools)})


@office()
@require_GET
def map_state(request: OfficeHttpRequest, state: str) -> HttpResponse:
    """List the schools of the map in a state, a page at a time: as many as the table beside the map says."""
    if state not in STATES:
        raise Http404("No state of the map.")
    day, progress = date_in_paris(timezone.now()), DRAWING_ORDER.index(state)
    [(count,)] = _fetch(_COUNT_SQL, day, progress=progress)
    # The paginator is given places: the rows are read for its page alone.
    page = Paginator(range(count), _PAGE_SIZE).get_page(request.GET.get("page"))
    shown = _fetch(_OF_STATE_SQL, day, progress=progress, limit=_PAGE_SIZE, offset=max(page.start_index() - 1, 0))
    acts = f"{reverse('portfolio:list')}?licences={_LIST_FILTERS[state]}" if state in _LIST_FILTERS else ""
    context = {"label": STATES[state], "page_obj": page, "rows": _list_rows(shown), "acts": acts}
    return render(request, "office/map_state.html", context)


def _list_rows(schools: Iterable[tuple[Any, ...]]) -> list[tuple[str, str, str, str]]:
    """Return UAI, name, commune and state in words of the schools."""
    return [
        (uai, format_school_name(name), commune, STATES[DRAWING_ORDER[progress]])
        for uai, name, commune, progress in schools
    ]
