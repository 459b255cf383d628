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
