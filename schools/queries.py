"""Search schools by name, commune, postal code or UAI, ignoring case, accents and word order.

Every search is a `LIKE` on one folded column. For few matches, the trigram index and a sort are fast; for many, such as
« école » with 40,000 of 70,000, a scan of the order index with a LIMIT is. PostgreSQL misjudges which applies, as it
assumes words to be independent of one another and of the order. So matches are counted first, up to the threshold, and
the query is written so that only the right plan is possible.
"""

import contextlib
import datetime
import functools
import itertools
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.contrib.postgres.search import TrigramStrictWordSimilarity
from django.db import connection
from django.db.models import Case, DateTimeField, F, Func, Q, QuerySet, When

from accounts.models import Profile, User
from core.foreign_values import cut_search
from core.links import hash_token
from core.models import LockableQuerySet
from schools import uai
from schools.exceptions import PrincipalLinkExpired
from schools.folding import edit_distance, fold, split_words
from schools.models import Affiliation, DirectoryWord, Fold, PrincipalRequest, School, SchoolState

# Spelling correction with the words of the directory: nearest words by trigrams, then by edit distance.
#
# `DirectoryWord` holds some 40,000 words without digits: a wrong digit is another school.

# Dictionary words compared with a misspelt one: the nearest by trigram similarity.
_NEAREST = """
SELECT misspelt.word, nearest.word, nearest.school_count
FROM unnest(%(words)s::text[]) AS misspelt(word), LATERAL (
    SELECT known.word, known.school_count FROM public.schools_directoryword AS known
    WHERE known.word OPERATOR(public.%%) misspelt.word
    ORDER BY known.word OPERATOR(public.<->) misspelt.word LIMIT 20
) AS nearest
"""
# A transposition leaves too few common trigrams in a short word: also the dictionary words equal to one of its
# transpositions.
_NEAREST_OR_TRANSPOSED = f"""{_NEAREST}
UNION
SELECT transposed.word, known.word, known.school_count
FROM unnest(%(originals)s::text[], %(transpositions)s::text[]) AS transposed(word, other)
JOIN public.schools_directoryword AS known ON known.word = transposed.other
"""  # noqa: S608 - our own statement

# A word of so many schools is considered correct. Rarer words may be misspellings of the directory itself.
_CORRECT_FROM = 5
# Corrections kept of a searched word.
_MAX_CORRECTIONS = 4
# Minimum and maximum length of words of a list to correct; minimum length for an edit distance of 2. Each letter of a
# word adds a transposition to the query; the longest word of the directory has some 25.
_MIN_LENGTH, _MAX_LENGTH, _LONG = 4, 40, 8
# Words of a list that are corrected, and those of one statement: 40,000 transpositions at most, some 4 MB.
_MAX_WORDS, _BATCH_WORDS = 20_000, 1_000
_MAX_DISTANCE = 2


def list_correct_words(words: Collection[str]) -> set[str]:
    """Return those of the words that are in the names or places of several schools. One query."""
    known = DirectoryWord.objects.filter(word__in=words, school_count__gte=_CORRECT_FROM)
    return set(known.values_list("word", flat=True))


def find_search_corrections(words: Collection[str]) -> dict[str, list[str]]:
    """Return by word of a search the nearest dictionary words, nearest first, including itself where it is one.

    Edit distance 1, or up to a quarter of a long word's letters: a search shows its results, so it may be lenient.
    """
    if not words:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST, {"words": list(words)})
        rows: list[tuple[str, str, int]] = cursor.fetchall()
    corrections: dict[str, list[str]] = {}
    for word in words:
        distances = {neighbour: edit_distance(word, neighbour) for term, neighbour, _ in rows if term == word}
        near = [neighbour for neighbour, distance in distances.items() if distance <= max(1, len(word) // 4)]
        corrections[word] = sorted(near, key=distances.__getitem__)[:_MAX_CORRECTIONS]
    return corrections


def find_corrections(words: Collection[str]) -> dict[str, dict[str, int]]:
    """Return by word of a list the other dictionary words within edit distance 1, or 2 for long words, with distances.

    Ordered by distance, then by number of schools. Stricter than a search: nobody looks at each row of a list. Of very
    many words, as no list of schools has them, only the first in alphabetical order are corrected.
    """
    terms = [word for word in words if _MIN_LENGTH <= len(word) <= _MAX_LENGTH and word.isalpha()]
    if len(terms) > _MAX_WORDS:
        terms = sorted(terms)[:_MAX_WORDS]
    corrections: dict[str, dict[str, int]] = {}
    for batch in itertools.batched(terms, _BATCH_WORDS):
        corrections |= _find_corrections(batch)
    return corrections


def _find_corrections(terms: Sequence[str]) -> dict[str, dict[str, int]]:
    transposed = [
        (word, word[:i] + word[i + 1] + word[i] + word[i + 2 :]) for word in terms for i in range(len(word) - 1)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _NEAREST_OR_TRANSPOSED,
            {
                "words": list(terms),
                "originals": [word for word, _ in transposed],
                "transpositions": [other for _, other in transposed],
            },
        )
        rows: list[tuple[str, str, int]] = cursor.fetchall()
    rows.sort(key=lambda row: -row[2])
    found: dict[str, list[tuple[int, str]]] = {}
    for word, other, _ in rows:
        if abs(len(word) - len(other)) > _MAX_DISTANCE or word == other:
            continue
        distance = edit_distance(word, other)
        if distance <= (_MAX_DISTANCE if len(word) >= _LONG else 1):
            found.setdefault(word, []).append((distance, other))
    return {
        word: {other: distance for distance, other in sorted(others, key=lambda pair: pair[0])}
        for word, others in found.items()
    }


def list_verified_principals(school_id: str) -> LockableQuerySet[Affiliation]:
    """Return the affiliations of the school's verified principals, by date of verification."""
    return (
        Affiliation.objects.filter(
            school=school_id, verified_at__isnull=False, user__profile=Profile.PRINCIPAL, user__is_active=True
        )
        .select_related("user")
        .order_by("verified_at", "pk")
    )


def get_pending_principal_request(user: User, school_id: str, *, at: datetime.datetime) -> PrincipalRequest | None:
    """Return the latest link sent for this user that can still be confirmed, or None."""
    sent = PrincipalRequest.objects.filter(user=user, school=school_id, confirmed_at=None, expires_at__gt=at)
    return sent.order_by("-requested_at", "-pk").first()


def get_principal_request(
    token: str, *, at: datetime.datetime, lock: bool = False
) -> tuple[PrincipalRequest, Affiliation]:
    """Return the request of a link's token, and the affiliation it would verify. Raises `PrincipalLinkExpired`.

    Also raised where the user left the school, closed their account or was verified meanwhile.
    """
    requests = PrincipalRequest.objects.filter(token_hash=hash_token(token)).select_related("user", "school")
    request = (requests.locked() if lock else requests).first()
    if request is None or not is_link_usable(request, at=at):
        raise PrincipalLinkExpired
    affiliation = Affiliation.objects.filter(user=request.user_id, school=request.school_id, verified_at=None).first()
    if affiliation is None:
        raise PrincipalLinkExpired
    affiliation.user, affiliation.school = request.user, request.school
    return request, affiliation


def is_link_usable(request: PrincipalRequest, *, at: datetime.datetime) -> bool:
    """Return whether the link can be used: not confirmed, not expired, of a principal with an active account."""
    user = request.user
    return (
        request.confirmed_at is None
        and request.expires_at > at
        and user.is_active
        and user.profile == Profile.PRINCIPAL
    )


#: Open schools before closed ones, then by name: the order of the index `school_order`.
DEFAULT_ORDER = (F("closed_at").asc(nulls_first=True), "name_folded", "uai")


class _Unindexed(Func):
    """A date as an expression without an index."""

    template = "(%(expressions)s AT TIME ZONE 'UTC')"
    output_field = DateTimeField()


# The same order, without an index: PostgreSQL must filter first and sort afterwards.
_ORDER_BY_SORT = (_Unindexed(F("closed_at")).asc(nulls_first=True), "name_folded", "uai")
_SORT_LIMIT = 2_500
#: Rank of a school's level, by its type in the directory.
_LEVEL = Case(When(type="Ecole", then=0), When(type="Collège", then=1), When(type="Lycée", then=2), default=3)

# Words below three letters have no trigram: they match word prefixes only, where the leading space counts.
_MAX_SHORT = 2

# MATERIALIZED: reads the setting before changing it.
_DISABLE_SEQSCAN = """
WITH setting AS MATERIALIZED (SELECT current_setting('enable_seqscan') AS before)
SELECT before FROM setting, LATERAL (SELECT set_config('enable_seqscan', 'off', before IS NULL)) AS changed
"""


def find_by_uai(text: str) -> School | None:
    """Return the school of a UAI, normalised first; None where there is none."""
    code = uai.normalise(text)
    return School.objects.filter(pk=code).first() if uai.is_valid(code) else None


def search(text: str, *, among: QuerySet[School] | None = None, by_level: bool = False) -> QuerySet[School]:
    """Return the schools that match `text`, ordered; within `among`, or within all.

    `by_level`: écoles before collèges, and these before lycées; only where few enough match to be sorted.

    A UAI, even in lower case or without its leading zero, matches that school only. Otherwise every word must match
    name, commune, postal code or UAI: by prefix; where that finds nothing, by substring; then with spelling correction.
    « St » and « Saint » are the same word.

    The queryset is lazy. An empty text matches nothing.
    """
    schools = School.objects.all() if among is None else among
    text = cut_search(text)
    code = uai.normalise(text)
    if uai.is_valid(code):
        return schools.filter(pk=code)
    terms = split_words(text)
    if not terms:
        return schools.none()
    with _index_scans_only():
        found = _first_match(terms, schools, by_level=by_level)
    return schools.none() if found is None else found


def _first_match(terms: list[str], schools: QuerySet[School], *, by_level: bool) -> QuerySet[School] | None:
    for condition in (_all_words(terms, _prefix_filter), _all_words(terms, _substring_filter)):
        found = _order_by_size(schools.filter(condition), by_level=by_level)
        if found is not None:
            return found
    corrected = _corrected_filter(terms)
    return None if corrected is None else _order_by_size(schools.filter(corrected), by_level=by_level)


@contextlib.contextmanager
def _index_scans_only() -> Iterator[None]:
    """Disable sequential scans for the block: for words that it believes frequent, PostgreSQL would scan the table.

    Where the estimate is wrong, that reads 70,000 schools.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DISABLE_SEQSCAN)
        [before] = cursor.fetchone()
    try:
        yield
    except BaseException:
        # In a failed transaction no statement is possible, and the rollback restores the setting.
        if not connection.in_atomic_block:
            _restore_seqscan(before)
        raise
    _restore_seqscan(before)


def _restore_seqscan(before: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_seqscan', %s, false)", [before])


def list_communes() -> frozenset[str]:
    """Return the folded names of all communes with a school: some 20,000."""
    return frozenset(School.objects.exclude(commune_folded="").values_list("commune_folded", flat=True).distinct())


def _order_by_size(schools: QuerySet[School], *, by_level: bool) -> QuerySet[School] | None:
    """Order the schools by the expression that is fast for their number; None where there is none."""
    number = schools.values("pk")[: _SORT_LIMIT + 1].count()
    if not number:
        return None
    if number > _SORT_LIMIT:
        return schools.order_by(*DEFAULT_ORDER)
    return schools.order_by(*([_LEVEL] if by_level else []), *_ORDER_BY_SORT)


def _prefix_filter(word: str) -> Q:
    return Q(search_text__contains=f" {word}")


def _substring_filter(word: str) -> Q:
    return Q(search_text__contains=word) if len(word) > _MAX_SHORT else _prefix_filter(word)


def _all_words(terms: Iterable[str], condition: Callable[[str], Q]) -> Q:
    return functools.reduce(operator.and_, map(condition, terms))


def _corrected_filter(terms: list[str]) -> Q | None:
    """Return the condition for the words or their corrections from the dictionary.

    None where a word has neither. Numbers are never corrected.
    """
    correct = list_correct_words(terms)
    unsure = [word for word in terms if word not in correct and len(word) > _MAX_SHORT and not word.isdecimal()]
    corrections = {word: [word] for word in terms} | find_search_corrections(unsure)
    if not all(corrections.values()):
        return None
    return functools.reduce(
        operator.and_,
        (functools.reduce(operator.or_, map(_prefix_filter, alternatives)) for alternatives in corrections.values()),
    )


# Suggest matches: schools for a hand-typed affiliation, teachers for a school.
#
# Suggestions are shown with their reason and confirmed by a user. Nothing is written here.

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
    # Each part by its own indexes; of two as similar, who typed the school comes first.
    likely = sorted(
        typed.union(chosen, all=True), key=lambda one: (-one.similarity, one.school_id is not None, one.since, one.pk)
    )
    return [
        LikelyTeacher(one, f"a choisi « {one.school} »" if one.school else f"a saisi « {one.name} » à la main")
        for one in likely[:limit]
    ]


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
