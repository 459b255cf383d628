"""Communes that an unknown one may mean.

By words of the directory; by letters among those of its départements; and those whose names begin with it, as
communes that merged or were renamed: « Évry » is « Évry-Courcouronnes ».
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

# Corrections of a commune by words: each word has several.
_MAX_CORRECTIONS, _MAX_WORD_CORRECTIONS = 16, 6
# Minimum length of a commune's name for an edit distance of 2, and of 1.
_LONG, _SHORT = 10, 5
_MAX_DISTANCE = 2
_ARTICLES = ("le", "la", "les", "l")


class CommuneNames:
    """The names of communes, to find those within edit distance 2 of a misspelt one.

    A name is compared only with those of its départements that are at most two letters longer or shorter.
    """

    def __init__(self, communes: Sequence[tuple[str, str]]) -> None:
        """Take `communes`: pairs of a département and the key of a commune."""
        self._communes = communes
        # By départements, then by number of letters, the letters of each key.
        self._letters: dict[frozenset[str], dict[int, dict[str, str]]] = {}
        self._by_first_word: dict[str, list[tuple[str, str]]] = {}
        for each in communes:
            self._by_first_word.setdefault(each[1].split()[0], []).append(each)

    def find_near(self, commune: str, departements: frozenset[str]) -> list[str]:
        """Return the keys of those communes of the départements that `commune` may misspell, nearest first."""
        if departements not in self._letters:
            self._letters[departements] = self._group(departements)
        by_length = self._letters[departements]
        letters = commune.replace(" ", "")
        found: list[tuple[float, str]] = []
        for length in range(max(len(letters) - _MAX_DISTANCE, _SHORT), len(letters) + _MAX_DISTANCE + 1):
            most = _MAX_DISTANCE if length >= _LONG else 1
            near = process.extract(
                letters, by_length.get(length, {}), scorer=OSA.distance, score_cutoff=most, limit=None
            )
            found += [(distance, key) for _, distance, key in near]
        return [key for _, key in sorted(found)]

    def find_longer(self, commune: str, departements: frozenset[str]) -> list[str]:
        """Return the keys of those communes of the départements that begin with the words of `commune`."""
        return sorted(
            {
                key
                for departement, key in self._by_first_word.get(commune.split(maxsplit=1)[0], ())
                if departement in departements and key.startswith(f"{commune} ")
            }
        )

    def _group(self, departements: frozenset[str]) -> dict[int, dict[str, str]]:
        by_length: dict[int, dict[str, str]] = {}
        for departement, key in self._communes:
            if departement in departements:
                # Without spaces: « Rosny-sousBois ».
                letters = key.replace(" ", "")
                by_length.setdefault(len(letters), {})[key] = letters
        return by_length


def correct_by_words(commune: str, nearest: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return candidate keys for a misspelt commune, including itself with and without article.

    `nearest`: the corrections of each word.
    """
    choices = [[word, *itertools.islice(nearest.get(word, ()), _MAX_WORD_CORRECTIONS)] for word in commune.split()]
    keys = [" ".join(words) for words in itertools.islice(itertools.product(*choices), _MAX_CORRECTIONS)]
    first, _, rest = commune.partition(" ")
    if rest and first in _ARTICLES:
        keys.append(rest)
    elif first not in _ARTICLES:
        keys += [f"{article} {commune}" for article in _ARTICLES]
    return keys
