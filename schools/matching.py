"""Suggest matches: schools for a hand-typed affiliation, teachers for a school.

Suggestions are shown with their reason and confirmed by a user. Nothing is written here.
"""

from __future__ import annotations

import functools
import operator
from typing import Any, NamedTuple

from django.contrib.postgres.search import TrigramStrictWordSimilarity
from django.db.models import F, Q, QuerySet

from accounts.models import Profile
from schools.folding import fold, split_words
from schools.models import Affiliation, Fold, School, SchoolState
from schools.queries import search

#: Minimum trigram similarity: « J. Jaurès » matches « Jean Jaurès », « Jean Macé » does not.
MIN_SIMILARITY = 0.5

_BEST_FIRST = ("-similarity", "since", "pk")
_MAX_NEIGHBOURS = 10_000

# Stop words of school names.
_STOP_WORDS = frozenset(
    """
    ecole ecoles elementaire maternelle primaire college lycee groupe cite scolaire annexe publique public privee prive
    communale mixte generale general technologique professionnel polyvalent de du des d la le les l et a au aux en
    """.split()  # noqa: SIM905 - more readable than a list of quoted words
)


class LikelySchool(NamedTuple):
    """A suggested school, and the French reason."""

    school: School
    reason: str


class LikelyTeacher(NamedTuple):
    """A suggested teacher's affiliation, and the French reason."""

    affiliation: Affiliation
    reason: str


def suggest_schools(*, name: str, postal_code: str = "", city: str = "", limit: int = 5) -> list[LikelySchool]:
    """Return open schools of the same place with a similar name, best first.

    Where the place has no open school, the name is searched in the whole country.
    """
    open_schools = School.objects.exclude(state=SchoolState.CLOSED)
    place = _place_filter(postal_code, city)
    # No `exists()` first: PostgreSQL would scan the whole directory for a first row.
    near = list(
        open_schools.filter(place)
        .annotate(similarity=TrigramStrictWordSimilarity(_distinctive_words(name), F("name_folded")))
        .order_by("-similarity", "name_folded", "uai")[:limit]
        if place
        else ()
    )
    if not near:
        return [LikelySchool(school, "même nom") for school in search(name, among=open_schools)[:limit]]
    return [
        LikelySchool(school, _place_reason(school, postal_code))
        for school in near
        if school.similarity >= MIN_SIMILARITY
    ]


def suggest_schools_for(affiliation: Affiliation, *, limit: int = 5) -> list[LikelySchool]:
    """Return likely schools for a hand-typed affiliation; none for a school of the directory."""
    if affiliation.school_id is not None:
        return []
    return suggest_schools(
        name=affiliation.name, postal_code=affiliation.postal_code, city=affiliation.city, limit=limit
    )


def suggest_teachers(school: School, *, limit: int = 20) -> list[LikelyTeacher]:
    """Return teachers who may belong to `school` without being affiliated with it, best first.

    Those who typed a school of the same place with a similar name, and those who chose another school of the place
    with a similar name: « Collège Belin » for « École élémentaire Belin ».
    """
    teachers = (
        Affiliation.objects.filter(user__profile=Profile.TEACHER, user__is_active=True)
        .exclude(user__affiliations__school=school)
        .select_related("user", "school")
    )
    distinctive = _distinctive_words(school.name)
    typed = (
        teachers.filter(school__isnull=True)
        .alias(town=Fold(F("city")))
        .filter(_same_place(postal_code=school.postal_code, town=fold(school.commune)))
        .annotate(similarity=TrigramStrictWordSimilarity(distinctive, Fold(F("name"))))
        .filter(similarity__gte=MIN_SIMILARITY)
        .order_by(*_BEST_FIRST)[:limit]
    )
    chosen = (
        teachers.filter(school__in=_similar_neighbours(school, distinctive))
        .annotate(similarity=TrigramStrictWordSimilarity(distinctive, F("school__name_folded")))
        .order_by(*_BEST_FIRST)[:limit]
    )
    matches = [
        *((one.similarity, one, f"a saisi « {one.name} » à la main") for one in typed),
        *((one.similarity, one, f"a choisi « {one.school} »") for one in chosen),
    ]
    matches.sort(key=lambda match: -match[0])
    return [LikelyTeacher(affiliation, reason) for _, affiliation, reason in matches[:limit]]


def _distinctive_words(name: str) -> str:
    """Return the folded words of a name without stop words; all of them where nothing else is left."""
    folded = fold(name)
    return " ".join(word for word in folded.split() if word not in _STOP_WORDS) or folded


def _place_filter(postal_code: str, city: str) -> Q:
    """Return the indexed condition for a postal code or a town; an empty Q where both are empty."""
    near = Q()
    code = postal_code.replace(" ", "")
    if code:
        near |= Q(postal_code=code)
    town = " ".join(split_words(city.upper().partition("CEDEX")[0]))
    if town:
        near |= Q(search_text__contains=f" {town} ")
    return near


def _same_place(**place: str) -> Q:
    """Return the condition that any of the non-empty values is equal; matches nothing where all are empty.

    Empty values are dropped here and not in SQL: a third of the directory has no commune code, which would mislead
    PostgreSQL's row estimate.
    """
    conditions = (Q(**{name: value}) for name, value in place.items() if value)
    return functools.reduce(operator.or_, conditions, Q()) or Q(pk__in=[])


def _similar_neighbours(school: School, distinctive: str) -> QuerySet[Any, Any]:
    """Return the keys of the other schools of the place with a similar name.

    The LIMIT exceeds any place: it makes PostgreSQL filter by place first instead of comparing the 70,000 names of the
    country.
    """
    alike = (
        School.objects.filter(_same_place(postal_code=school.postal_code, commune_code=school.commune_code))
        .exclude(pk=school.pk)
        .alias(similarity=TrigramStrictWordSimilarity(distinctive, F("name_folded")))
        .filter(similarity__gte=MIN_SIMILARITY)
    )
    return alike.values("pk")[:_MAX_NEIGHBOURS]


def _place_reason(school: School, postal_code: str) -> str:
    if school.postal_code and school.postal_code == postal_code.replace(" ", ""):
        return "même code postal, nom proche"
    return "même commune, nom proche"
