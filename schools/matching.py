"""Who may belong where: the school that somebody typed by hand, the teachers who chose the one next door.

These are proposals: each is shown with its reason, and a person's click joins. Nothing here joins anybody to anything.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, NamedTuple

from django.contrib.postgres.search import TrigramStrictWordSimilarity
from django.db.models import F, Q

from accounts.models import Profile
from schools.folding import fold, words
from schools.models import Affiliation, Fold, School, SchoolState
from schools.queries import search

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: From here on two names are likely one: « Jean Jaurès » and « J. Jaurès » are, « Jean Jaurès » and « Jean Macé » not.
ALIKE = 0.5

_LIKELIEST_FIRST = ("-likeness", "since", "pk")
_MOST_NEIGHBOURS = 10_000

# What half the schools of a commune are called tells none of them from the others.
_TELL_NOTHING = frozenset(
    """
    ecole ecoles elementaire maternelle primaire college lycee groupe cite scolaire annexe publique public privee prive
    communale mixte generale general technologique professionnel polyvalent de du des d la le les l et a au aux en
    """.split()  # noqa: SIM905 - a list of forty quoted words is read by nobody
)


class LikelySchool(NamedTuple):
    """A school that somebody may have meant, and why we think so."""

    school: School
    reason: str


class LikelyTeacher(NamedTuple):
    """A teacher who may belong to a school, by what he said of his own, and why we think so."""

    affiliation: Affiliation
    reason: str


def likely_schools(*, name: str, postal_code: str = "", city: str = "", limit: int = 5) -> list[LikelySchool]:
    """Return the open schools that typed fields may mean, the likeliest first: near by place, and alike by name.

    Where neither postal code nor town leads to an open school, the name alone is searched in the country.
    """
    open_schools = School.objects.exclude(state=SchoolState.CLOSED)
    place = _place(postal_code, city)
    # Not asked first whether there is any: PostgreSQL would look for the first through the whole directory.
    near = list(
        open_schools.filter(place)
        .annotate(likeness=TrigramStrictWordSimilarity(_telling(name), F("name_folded")))
        .order_by("-likeness", "name_folded", "uai")[:limit]
        if place
        else ()
    )
    if not near:
        return [LikelySchool(school, "même nom") for school in search(name, among=open_schools)[:limit]]
    return [LikelySchool(one, _reason_of_place(one, postal_code)) for one in near if one.likeness >= ALIKE]


def likely_schools_of(affiliation: Affiliation, *, limit: int = 5) -> list[LikelySchool]:
    """Return the schools that an affiliation typed by hand may mean; none for one chosen in the directory."""
    if affiliation.school_id is not None:
        return []
    return likely_schools(
        name=affiliation.name, postal_code=affiliation.postal_code, city=affiliation.city, limit=limit
    )


def likely_teachers(school: School, *, limit: int = 20) -> list[LikelyTeacher]:
    """Return the teachers who may belong to `school` and have not chosen it, the likeliest first.

    Those who typed a school of the same place by hand and gave it a name like this one's, and those who chose another
    school of the place with such a name: « Collège Belin » for « École élémentaire Belin ».
    """
    teachers = (
        Affiliation.objects.filter(user__profile=Profile.TEACHER, user__is_active=True)
        .exclude(user__affiliations__school=school)
        .select_related("user", "school")
    )
    telling = _telling(school.name)
    typed = (
        teachers.filter(school__isnull=True)
        .alias(town=Fold(F("city")))
        .filter(_near(postal_code=school.postal_code, town=fold(school.commune)))
        .annotate(likeness=TrigramStrictWordSimilarity(telling, Fold(F("name"))))
        .filter(likeness__gte=ALIKE)
        .order_by(*_LIKELIEST_FIRST)[:limit]
    )
    chosen = (
        teachers.filter(school__in=_neighbours_alike(school, telling))
        .annotate(likeness=TrigramStrictWordSimilarity(telling, F("school__name_folded")))
        .order_by(*_LIKELIEST_FIRST)[:limit]
    )
    reasons = [
        *((affiliation, f"a saisi « {affiliation.name} » à la main") for affiliation in typed),
        *((affiliation, f"a choisi « {affiliation.school} »") for affiliation in chosen),
    ]
    reasons.sort(key=lambda pair: -pair[0].likeness)  # type: ignore[attr-defined] # annotated above
    return [LikelyTeacher(*pair) for pair in reasons[:limit]]


def _telling(name: str) -> str:
    """Return the words of a name that tell it from others; all of them where none does, as in « École primaire »."""
    folded = fold(name)
    return " ".join(word for word in folded.split() if word not in _TELL_NOTHING) or folded


def _place(postal_code: str, city: str) -> Q:
    """Return what finds the schools of a postal code or of a town, by an index; nothing where neither is told."""
    near = Q()
    code = postal_code.replace(" ", "")
    if code:
        near |= Q(postal_code=code)
    town = " ".join(words(city.upper().partition("CEDEX")[0]))
    if town:
        near |= Q(search_text__contains=f" {town} ")
    return near


def _near(**place: str) -> Q:
    """Return the condition that one of these is the same; none holds where nothing is told.

    What is empty is left out here and not in SQL: a third of the directory has no code of a commune, and PostgreSQL
    would expect them all.
    """
    told = (Q(**{name: value}) for name, value in place.items() if value)
    return functools.reduce(operator.or_, told, Q()) or Q(pk__in=[])


def _neighbours_alike(school: School, telling: str) -> QuerySet[School]:
    """Return the other schools of the place that have such a name.

    Cut off at a number that no place has: PostgreSQL then finds them by their place and compares these alone, where it
    would otherwise compare the seventy thousand names of the country first, guessing that few are alike.
    """
    alike = (
        School.objects.filter(_near(postal_code=school.postal_code, commune_code=school.commune_code))
        .exclude(pk=school.pk)
        .alias(likeness=TrigramStrictWordSimilarity(telling, F("name_folded")))
        .filter(likeness__gte=ALIKE)
    )
    return alike.values("pk")[:_MOST_NEIGHBOURS]  # type: ignore[return-value] # for a subquery, values or rows are one


def _reason_of_place(school: School, postal_code: str) -> str:
    if school.postal_code and school.postal_code == postal_code.replace(" ", ""):
        return "même code postal, nom proche"
    return "même commune, nom proche"
