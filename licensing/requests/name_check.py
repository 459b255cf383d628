"""The reason of a school's request names no teacher: it leaves the school. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from accounts.models import User
from schools.folding import fold

_TITLES = r"(?:m|mr|mme|mlle|monsieur|madame|mademoiselle|maitre|maitresse)"


def find_named_person(text: str, people: Iterable[User]) -> str:
    """Return the name of the first of these people whom the text names; empty where it names none.

    By first name and surname in either order, or by a title and the surname: a surname alone may be a word, « petit ».
    """
    words = f" {' '.join(re.findall(r'[a-z0-9]+', fold(text)))} "
    for person in people:
        first, last = _spell(person.first_name), _spell(person.last_name)
        if not last:
            continue
        if first and (f" {first} {last} " in words or f" {last} {first} " in words):
            return str(person)
        if re.search(rf" {_TITLES}(?: {re.escape(first)})? {re.escape(last)} ", words):
            return str(person)
    return ""


def _spell(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", fold(name)))
