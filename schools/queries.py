"""Looking schools up: by name, commune, postal code or UAI, whatever the case, the accents and the order of the words.

Every look-up is a `LIKE` on one folded column, and two plans make it quick at 70,000 schools. What few schools have,
the trigram index finds, and it is sorted. What many have (« école » stands in 40,000) is met soon enough on a walk
along the index of the order. PostgreSQL guesses badly which is which: it takes the words for independent of one another
and of the order. So we count first, no further than the limit between the two, and then leave it no choice.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import DateTimeField, F, Func, Q

from schools import uai
from schools.folding import slips, words
from schools.models import DirectoryWord, School

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django.db.models import QuerySet

#: Open schools before closed ones, then by name: the order that the index `school_order` holds.
ORDER = (F("closed_at").asc(nulls_first=True), "name_folded", "uai")


class _Computed(Func):
    """A date, as something that no index holds."""

    template = "(%(expressions)s AT TIME ZONE 'UTC')"
    output_field = DateTimeField()


# The same order, for which PostgreSQL cannot but find first and sort afterwards.
_ORDER_OF_FEW = (_Computed(F("closed_at")).asc(nulls_first=True), "name_folded", "uai")
_FEW = 2_500

# A trigram has three letters: a shorter word is looked for at the beginning of words alone, where the space counts.
_SHORT = 2
# Beyond these words a search is a paragraph that was pasted; the first of them have said enough.
_MOST_WORDS = 8
# How many words of the directory are looked at, and how many of them a misspelt one may have meant.
_MOST_NEIGHBOURS = 20
_MOST_MEANINGS = 4
# A word that so many schools have is spelt as it should be. Fewer may share a slip: the directory has its own.
_SURELY_A_WORD = 5

# The setting as it was, read before it is changed: the first expression is computed first.
_WITHOUT_WHOLE_READS = """
WITH setting AS MATERIALIZED (SELECT current_setting('enable_seqscan') AS before)
SELECT before FROM setting, LATERAL (SELECT set_config('enable_seqscan', 'off', before IS NULL)) AS changed
"""
_NEAREST = """
SELECT sought.word, nearest.word
FROM unnest(%s::text[]) AS sought(word), LATERAL (
    SELECT known.word FROM public.schools_directoryword AS known
    WHERE known.word OPERATOR(public.%%) sought.word
    ORDER BY known.word OPERATOR(public.<->) sought.word LIMIT %s
) AS nearest
"""


def by_uai(written: str) -> School | None:
    """Return the school of a UAI, in whatever case and without its zero if need be; None where it is nobody's."""
    code = uai.normalise(written)
    return School.objects.filter(pk=code).first() if uai.is_valid(code) else None


def search(text: str, *, among: QuerySet[School] | None = None) -> QuerySet[School]:
    """Return the schools that `text` means, in their order; `among` those, or among all.

    A UAI, even in lower case or without its zero, is that school alone. Otherwise every word must stand in the name,
    the commune, the postal code or the UAI, and the first of these that finds anything is the answer: words that begin
    so, words that hold it, words that are spelt nearly so. « St » and « Saint » are one word.

    The answer is lazy: slice it, filter it, count it. Nothing to look for finds nothing.
    """
    schools = School.objects.all() if among is None else among
    code = uai.normalise(text)
    if uai.is_valid(code):
        return schools.filter(pk=code)
    sought = words(text)[:_MOST_WORDS]
    if not sought:
        return schools.none()
    with _by_indexes():
        found = _meant(sought, schools)
    return schools.none() if found is None else found


def _meant(sought: list[str], schools: QuerySet[School]) -> QuerySet[School] | None:
    for condition in (_all(sought, _begins), _all(sought, _holds)):
        found = _ordered(schools.filter(condition))
        if found is not None:
            return found
    nearly = _spelt_nearly(sought)
    return None if nearly is None else _ordered(schools.filter(nearly))


@contextlib.contextmanager
def _by_indexes() -> Iterator[None]:
    """Have the counts within read no table whole: what PostgreSQL takes for frequent it would look for from the top.

    That is quick where it is right, and reads seventy thousand schools where it is not.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_WHOLE_READS)
        [before] = cursor.fetchone()
    try:
        yield
    except BaseException:
        # A transaction that failed takes the setting back with it, and would hear nothing more.
        if not connection.in_atomic_block:
            _reading_as(before)
        raise
    _reading_as(before)


def _reading_as(before: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_seqscan', %s, false)", [before])


def communes() -> frozenset[str]:
    """Return the folded names of all communes that have a school: some 20,000."""
    return frozenset(School.objects.exclude(commune_folded="").values_list("commune_folded", flat=True).distinct())


def _ordered(found: QuerySet[School]) -> QuerySet[School] | None:
    """Return the schools in the order that is quick for so many; None where there is none."""
    number = found.values("pk")[: _FEW + 1].count()
    if not number:
        return None
    return found.order_by(*(_ORDER_OF_FEW if number <= _FEW else ORDER))


def _begins(word: str) -> Q:
    return Q(search_text__contains=f" {word}")


def _holds(word: str) -> Q:
    return Q(search_text__contains=word) if len(word) > _SHORT else _begins(word)


def _all(sought: Iterable[str], condition: Callable[[str], Q]) -> Q:
    return functools.reduce(operator.and_, map(condition, sought))


def _spelt_nearly(sought: list[str]) -> Q | None:
    """Return what the words may have meant, each being itself or a word of the directory that few slips part from it.

    None where there is no such word. Numbers are never guessed.
    """
    sure = set(
        DirectoryWord.objects.filter(word__in=sought, schools__gte=_SURELY_A_WORD).values_list("word", flat=True)
    )
    unsure = [word for word in sought if word not in sure and len(word) > _SHORT and not word.isdecimal()]
    meanings = {word: [word] for word in sought} | _nearest(unsure)
    if not all(meanings.values()):
        return None
    return functools.reduce(
        operator.and_, (functools.reduce(operator.or_, map(_begins, meant)) for meant in meanings.values())
    )


def _nearest(unsure: list[str]) -> dict[str, list[str]]:
    """Return for each word what a hurried hand may have meant: one slip away, two in a long word; likeliest first."""
    if not unsure:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST, [unsure, _MOST_NEIGHBOURS])
        pairs: list[tuple[str, str]] = cursor.fetchall()
    meanings: dict[str, list[str]] = {}
    for word in unsure:
        distances = {neighbour: slips(word, neighbour) for sought, neighbour in pairs if sought == word}
        near = [neighbour for neighbour, distance in distances.items() if distance <= max(1, len(word) // 4)]
        meanings[word] = sorted(near, key=distances.__getitem__)[:_MOST_MEANINGS]
    return meanings
