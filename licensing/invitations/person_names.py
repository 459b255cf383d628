"""First name and surname in one field, and what an address says of its owner. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from schools.folding import fold

# Words of mailboxes that are no person's.
_SHARED = frozenset(
    (
        *("accueil", "administration", "bureau", "cantine", "ce", "classe", "commune", "contact", "direction"),
        *("directeur", "directrice", "ec", "ecole", "education", "elementaire", "enseignant", "enseignante"),
        *("enseignants", "equipe", "groupe", "info", "maire", "mairie", "maternelle", "periscolaire", "primaire"),
        *("prof", "profs", "scolaire", "secretariat", "service"),
    )
)
_MIN_PARTS = 2


class PersonName(NamedTuple):
    """A person's first name and surname."""

    first: str
    last: str


def split_name(text: str) -> PersonName:
    """Return first name and surname: the words in capitals are the surname, else those after the first word.

    « Léa MARTIN », « MARTIN Léa », « Léa de la Tour ». The surname is empty where there is one word.
    """
    words = text.split()
    capitals = [word for word in words if len(word) > 1 and word == word.upper() != word.lower()]
    if capitals and len(capitals) < len(words):
        return PersonName(" ".join(word for word in words if word not in capitals), " ".join(capitals))
    return PersonName(" ".join(words[:1]), " ".join(words[1:]))


def is_same_person(name: str, other: str) -> bool:
    """Whether two names of one mailbox may be one person's: the same words in any order, or one is not known."""
    return not name or not other or sorted(fold(name).split()) == sorted(fold(other).split())


def guess_name(email: str) -> str:
    """Return « Léa Martin » for `lea.martin@…`, as far as letters tell; empty where the address names nobody."""
    parts = [part for part in re.split(r"[._]", email.partition("@")[0].lower()) if part]
    parts = [*parts[:-1], parts[-1].rstrip("0123456789")] if parts else []
    if len(parts) < _MIN_PARTS or any(len(part) < _MIN_PARTS or part in _SHARED for part in parts):
        return ""
    if not all(part.replace("-", "").isalpha() for part in parts):
        return ""
    return " ".join(part.title() for part in parts)


def suggest_username(name: PersonName) -> str:
    """Return `lea.martin` for « Léa Martin »."""
    return ".".join(part for part in (fold(name.first).replace(" ", "-"), fold(name.last).replace(" ", "-")) if part)
