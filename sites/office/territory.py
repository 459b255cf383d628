"""The map of a collectivity's schools on the outline of its territory, and the page of the schools of one dot."""

import datetime
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

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
from schools.models import TerritoryLevel, TerritoryOutline
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

    @property
    def is_merged(self) -> bool:
        return len(self.schools) > 1

    @property
    def url(self) -> str:
        """The page of its school, or that which lists its schools."""
        return reverse("map_place" if self.is_merged else "school", args=[self.schools[0].uai])

    @property
    def words(self) -> str:
        """« École Jean Jaurès (Nîmes) : rien d'attribué », or names and states of several schools."""
        if len(self.schools) == 1:
            [school] = self.schools
            place = f" ({school.commune})" if school.commune else ""
            state = STATES[school.state]
            words = f"{format_school_name(school.name)}{place} : {state[0].lower()}{state[1:]}"
            return formatting.add_nonbreaking_spaces(words)
        names = [format_school_name(school.name) for school in self.schools[:_NAMED_SCHOOLS]]
        named = formatting.join_first(names, _NAMED_SCHOOLS, count=len(self.schools))
        words = f"{formatting.pluralize(len(self.schools), 'école')} : {named}"
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


#: Schools of a page of those in a state.
_PAGE_SIZE = 100
#: The filter of « Écoles » where something can be done for the schools of a state.
_LIST_FILTERS = {"none": "none", "issued": "dormant"}
#: Outlines of communes drawn together: an intercommunality has 235 at most.
_MAX_OUTLINES = 300
#: Communes with arrondissements, which the directory has as communes of their own.
_ARRONDISSEMENTS = {"751": "75056", "6938": "69123", "132": "13055"}

# Grouped before the directory is joined: its rows are then found by their key.
_SCHOOLS_SQL = f"""
WITH {ENTITLEMENTS.cte},
shown AS (
    SELECT school_id, max(progress) AS progress
    FROM (
        SELECT
            allocation.school_id,
            CASE WHEN allocation.redeemed_at IS NULL THEN 1 WHEN allocation.held > 0 THEN 3 ELSE 2 END AS progress
        FROM pools_pool AS pool
        JOIN entitlement ON entitlement.id = pool.entitlement_id
        JOIN pools_allocation AS allocation ON allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
            AND allocation.units > 0
        WHERE entitlement.last_day >= %(day)s AND entitlement.cancelled_at IS NULL
        UNION ALL
        SELECT school_id, 0 FROM collectivities_portfolioschool
    ) AS each
    GROUP BY school_id
)
SELECT school.uai, school.name, school.commune, school.commune_code, school.departement_code,
    school.latitude, school.longitude, (%(states)s::text[])[shown.progress + 1]
FROM shown
JOIN public.schools_school AS school ON school.uai = shown.school_id
"""  # noqa: S608 - constants of these modules, and parameters


class LegendRow(NamedTuple):
    """A row of the map's legend table."""

    state: str
    label: str
    schools: int
    #: The list of these schools.
    url: str


class TerritoryMap(NamedTuple):
    """The map, and the table with the same data."""

    schools: list[MappedSchool]
    #: Empty where no school's place is known.
    dots: list[MapDot] = []
    #: Path of the outlines below them; empty where none is loaded. `source` says whose they are.
    outline: str = ""
    source: str = ""
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def lines(self) -> list[LegendRow]:
        """How many schools are in each state."""
        counts = Counter(school.state for school in self.schools)
        return [
            LegendRow(state, label, counts[state], reverse("map_state", args=[state]))
            for state, label in STATES.items()
        ]

    @property
    def unplaced(self) -> int:
        """How many schools have no dot, as their place is unknown."""
        return len(self.schools) - sum(len(dot.schools) for dot in self.dots)

    @property
    def has_merged(self) -> bool:
        """Whether a dot stands for several schools."""
        return any(dot.is_merged for dot in self.dots)


def get_territory(collectivity: Collectivity, day: datetime.date) -> TerritoryMap:
    """Return the map of the portfolio's schools and of those with licences that are not over on `day`.

    Three queries.
    """
    schools = list_mapped_schools(day)
    positions = list_positions(schools)
    if not positions:
        return TerritoryMap(schools)
    outlines = find_outlines(collectivity, schools)
    rings = [ring for outline in outlines for ring in outline.rings]
    projection = fit(chain(positions, chain.from_iterable(rings)))
    sources = sorted({outline.source for outline in outlines})
    return TerritoryMap(
        schools, draw_dots(schools, projection), draw_outline(rings, projection), formatting.join_words(sources)
    )


def list_mapped_schools(day: datetime.date) -> list[MappedSchool]:
    """Return the portfolio's schools and those with licences that are not over on `day`, by UAI. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_SCHOOLS_SQL, {**ENTITLEMENTS.read(), "day": day, "states": list(DRAWING_ORDER)})
        # Sorted here: PostgreSQL compares texts by the rules of a language.
        return sorted(map(MappedSchool._make, cursor.fetchall()))


def find_outlines(collectivity: Collectivity, schools: Sequence[MappedSchool]) -> list[TerritoryOutline]:
    """Return the outline of the collectivity, or of the territories where its schools are. One query.

    Its own is known by its SIREN. Of a commune or a département without one, that of most of its schools is taken; of
    others, the communes or départements of all its schools.
    """
    if collectivity.kind in (CollectivityKind.COMMUNE, CollectivityKind.EPCI):
        level, counted = TerritoryLevel.COMMUNE, _count_codes((one.commune_code for one in schools), _get_commune)
    else:
        level = TerritoryLevel.DEPARTEMENT
        counted = _count_codes((one.departement_code for one in schools), _get_departement)
    single = collectivity.kind in (CollectivityKind.COMMUNE, CollectivityKind.DEPARTEMENT)
    codes = [code for code, _ in counted.most_common(1 if single else _MAX_OUTLINES)]
    found = list(TerritoryOutline.objects.filter(Q(siren=collectivity.siren) | Q(level=level, code__in=codes)))
    return [outline for outline in found if outline.siren == collectivity.siren] or found


def _count_codes(codes: Iterable[str], translate: Callable[[str], str]) -> Counter[str]:
    """Return how many schools have each of INSEE's codes; those without one are left out."""
    counted: Counter[str] = Counter()
    for code, count in Counter(codes).items():
        if code:
            counted[translate(code)] += count
    return counted


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
    if request.htmx and not territory.schools:
        return HttpResponse()
    template = "office/_territory.html" if request.htmx else "office/territory.html"
    return render(request, template, {"territory": territory})


@office()
@require_GET
def map_place(request: OfficeHttpRequest, uai: str) -> HttpResponse:
    """List the schools that share a dot of the map with a school."""
    dots = get_territory(get_current_collectivity(), date_in_paris(timezone.now())).dots
    dot = next((dot for dot in dots if any(school.uai == uai.upper() for school in dot.schools)), None)
    if dot is None:
        raise Http404("No school of the map.")
    return render(request, "office/map_place.html", {"rows": _list_rows(dot.schools)})


@office()
@require_GET
def map_state(request: OfficeHttpRequest, state: str) -> HttpResponse:
    """List the schools of the map in a state, a page at a time: as many as the table beside the map says."""
    if state not in STATES:
        raise Http404("No state of the map.")
    schools = [school for school in list_mapped_schools(date_in_paris(timezone.now())) if school.state == state]
    found = Paginator(_list_rows(schools), _PAGE_SIZE).get_page(request.GET.get("page"))
    acts = f"{reverse('portfolio:list')}?licences={_LIST_FILTERS[state]}" if state in _LIST_FILTERS else ""
    context = {"label": STATES[state], "page_obj": found, "rows": found.object_list, "acts": acts}
    return render(request, "office/map_state.html", context)


def _list_rows(schools: Iterable[MappedSchool]) -> list[tuple[str, str, str, str]]:
    """Return UAI, name, commune and state in words of the schools, by commune and name."""
    rows = [(one.uai, format_school_name(one.name), one.commune, STATES[one.state]) for one in schools]
    return sorted(rows, key=lambda row: (row[2], row[1]))
