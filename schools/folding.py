"""One text, one form, in Python: what `public.fold` does in the database, for what is typed into a search."""

from __future__ import annotations

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
_OTHER = re.compile(r"[^a-z0-9]+")


def _bare(text: str) -> str:
    """Return lower-case text without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).translate(_LIGATURES)


# What French texts hold beside ASCII, letter by letter: a table is five times quicker than to take texts apart.
_LATIN = {code: _bare(chr(code)) for code in range(0xA0, 0x180)} | dict.fromkeys(map(ord, "‘’–—…«»\u202f"), " ")


def fold(text: str) -> str:
    """Return `text` in lower case, without accents, its words parted by single spaces."""
    bare = text.lower()
    if not bare.isascii():
        latin = bare.translate(_LATIN)
        bare = latin if latin.isascii() else _bare(bare)
    return _OTHER.sub(" ", bare).strip()


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
