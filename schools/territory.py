"""The public écoles of a collectivity's territory, as far as the directory tells it.

A commune is found by its name (and, among communes of one name, by the département in its SIREN), a département and a
région by their names. For any other collectivity, and for a commune whose name is no commune's, the directory tells
which écoles are theirs: the SIRET of a public école begins with the SIREN of who runs it.
"""

import re
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet

from core import formatting
from schools.folding import fold
from schools.models import School, SchoolState
from schools.recognition.places import CODES, build_commune_key
from tenants.models import Collectivity, CollectivityKind

#: Communes that a search shows at most.
MAX_COMMUNES = 20
_PREFIX = re.compile(
    r"^(ville|commune( nouvelle)?|mairie|municipalite|departement|conseil (departemental|general|regional)|region)"
    r"( (de|du|des|d|l|le|la|les))* "
)
#: « 21 » begins the SIREN of a commune, before the number of its département.
_COMMUNE_SIREN = re.compile(r"21([0-9]{2})[0-9]{5}")


class Territory(NamedTuple):
    """A territory: its name after « écoles publiques », as « de Nîmes » or « du Gard », and what its schools are."""

    of_place: str
    condition: Q

    def list_schools(self, *, nurseries: bool = True) -> QuerySet[School]:
        """Return its public écoles that are not closed, by commune and name.

        Without `nurseries`: only those with classes from CP to CM2, or of which the directory does not say.
        """
        schools = School.objects.filter(self.condition, type="Ecole", sector="Public").exclude(state=SchoolState.CLOSED)
        if not nurseries:
            schools = schools.exclude(has_elementary=False)
        return schools.order_by("commune_folded", "name_folded", "uai")

    def count_closed(self) -> int:
        """Return how many of its public écoles are closed."""
        return School.objects.filter(self.condition, type="Ecole", sector="Public", state=SchoolState.CLOSED).count()


class CommuneFound(NamedTuple):
    """A commune of the directory, with its number of open public écoles."""

    code: str
    name: str
    departement: str
    schools: int


def find_territory(collectivity: Collectivity) -> Territory | None:
    """Return the collectivity's territory; None where the directory does not tell it. Three queries at most."""
    name = _strip_prefix(collectivity.name)
    territory = None
    if collectivity.kind == CollectivityKind.COMMUNE:
        territory = _find_commune_by_name(name, collectivity.siren)
    elif collectivity.kind == CollectivityKind.DEPARTEMENT:
        territory = _find_area(collectivity, Q(departement_code=CODES.get(name, "-")))
    elif collectivity.kind == CollectivityKind.REGION:
        territory = _find_area(collectivity, Q(region__in=_list_regions(name)))
    return territory or _find_area(collectivity, Q(siret__startswith=collectivity.siren))


def find_commune(code: str) -> Territory | None:
    """Return the territory of the commune with this INSEE code; None where no school is there."""
    commune = School.objects.filter(commune_code=code).exclude(commune_code="").values_list("commune", flat=True)
    found = commune.order_by("uai").first()
    return None if found is None else Territory(formatting.of_town(found), Q(commune_code=code))


def search_communes(text: str) -> list[CommuneFound]:
    """Return the communes with open public écoles whose names begin with the text, ignoring accents and « st »."""
    key = build_commune_key(text)
    if not key:
        return []
    schools = School.objects.filter(commune_key__startswith=key, type="Ecole", sector="Public")
    communes = (
        schools.exclude(state=SchoolState.CLOSED)
        .exclude(commune_code="")
        .values_list("commune_code", "commune", "departement")
        .annotate(schools=Count("pk"))
        .order_by("commune_key", "commune_code")
    )
    return [CommuneFound(*commune) for commune in communes[:MAX_COMMUNES]]


def _strip_prefix(name: str) -> str:
    """Return the folded name of a place in a collectivity's: « Ville d'Alès » is `ales`, « Région Sud » `sud`."""
    folded = fold(name)
    return _PREFIX.sub("", folded) or folded


def _find_commune_by_name(name: str, siren: str) -> Territory | None:
    key = build_commune_key(name)
    # « Ville du Havre » is « Le Havre », « Ville des Lilas » « Les Lilas ».
    keys = [key, *(f"{article} {key}" for article in ("le", "la", "les", "l"))]
    rows = School.objects.filter(commune_key__in=keys).exclude(commune_code="")
    communes = rows.values_list("commune_key", "departement_code", "commune_code", "commune").order_by().distinct()
    # The name itself before the same name with an article.
    for wanted in keys:
        found = {code: (departement, town) for place, departement, code, town in communes if place == wanted}
        if numbered := _COMMUNE_SIREN.fullmatch(siren):
            found = {code: one for code, one in found.items() if _is_in(one[0], numbered[1])}
        if len({departement for departement, _ in found.values()}) == 1:
            # Several codes are the arrondissements of Paris, Lyon or Marseille.
            town = min((town for _, town in found.values()), key=len)
            town = re.sub(r"(?i)\s+[0-9]+\s*(er|e|ème)?(\s+arrondissement)?$", "", town)
            return Territory(formatting.of_town(town), Q(commune_code__in=sorted(found)))
    return None


def _is_in(departement_code: str, number: str) -> bool:
    """Whether a département of the directory is the one that a SIREN numbers: Corsica is 20, overseas 97."""
    if number in {"20", "97"}:
        return departement_code.startswith({"20": "02", "97": "97"}[number])
    return departement_code == f"0{number}"


def _list_regions(name: str) -> list[str]:
    """Return the région with this folded name as the directory writes it, in its several spellings."""
    # Folded here and not by the database: 0.4 s for 70,000 rows, of which some twenty differ.
    regions = School.objects.values_list("region", flat=True).order_by().distinct()
    return [region for region in regions if fold(region) == name]


def _find_area(collectivity: Collectivity, condition: Q) -> Territory | None:
    """Return the schools of a condition as the collectivity's territory, where it has an open école."""
    territory = Territory(formatting.collectivity_forms(collectivity.name).of_the, condition)
    return territory if territory.list_schools().order_by().exists() else None
