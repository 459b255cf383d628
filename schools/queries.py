"""Search schools by name, commune, postal code or UAI, ignoring case, accents and word order.

Every search is a `LIKE` on one folded column. For few matches, the trigram index and a sort are fast; for many, such as
« école » with 40,000 of 70,000, a scan of the order index with a LIMIT is. PostgreSQL misjudges which applies, as it
assumes words to be independent of one another and of the order. So matches are counted first, up to the threshold, and
the query is written so that only the right plan is possible.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Iterable, Iterator

from django.db import connection
from django.db.models import Case, DateTimeField, F, Func, Q, QuerySet, When

from core.search_terms import cut_search
from schools import uai
from schools.folding import split_words
from schools.models import School
from schools.spelling import find_search_corrections, list_correct_words

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
