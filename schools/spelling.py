"""Spelling correction with the words of the directory: nearest words by trigrams, then by edit distance.

`DirectoryWord` holds some 40,000 words without digits: a wrong digit is another school.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

from django.db import connection

from schools.folding import edit_distance
from schools.models import DirectoryWord

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
