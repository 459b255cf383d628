"""One text, one form, in Python: what `public.fold` does in the database, for what is typed into a search."""

from __future__ import annotations

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
_OTHER = re.compile(r"[^a-z0-9]+")


def fold(text: str) -> str:
    """Return `text` in lower case, without accents, its words parted by single spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return _OTHER.sub(" ", bare.translate(_LIGATURES)).strip()


def words(text: str) -> list[str]:
    """Return the words of `text` as the directory spells them, each once: « St-Exupéry » is `saint`, `exupery`."""
    written_out = {"st": "saint", "ste": "sainte"}
    return list(dict.fromkeys(written_out.get(word, word) for word in fold(text).split()))


def slips(one: str, other: str) -> int:
    """Return how many slips part two words: a letter added, left out, mistaken, or two neighbours swapped."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, facing in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != facing))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == facing:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
