"""French around the names of schools, as the directory writes them, and of what they are given. Pure."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    from licensing.subscriptions.models import Source

#: The first word of a school's name, folded, and its article.
_ARTICLES = {
    "l'": "ecole etablissement ensemble externat internat institut institution annexe antenne unite ime itep erea iem",
    "le": "college lycee groupe centre cours pensionnat rpi regroupement petit jardin seminaire",
    "la": "maternelle section maison cite fondation classe micro-ecole primaire",
}
_ARTICLE_OF = {word: article for article, words in _ARTICLES.items() for word in words.split()}


class Named(NamedTuple):
    """A school's name as a sentence takes it: « l'École Jean Jaurès », « de l'École… », « à l'École… »."""

    the: str
    of_the: str
    to_the: str


def _fold(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))


def named(name: str) -> Named:
    """Return the name with its article: « l'École Jean Jaurès », « le Collège Belin », « du Collège Belin ».

    A name whose first word says nothing (« Saint-Joseph ») is introduced: « l'établissement Saint-Joseph ».
    """
    proper = school_name(" ".join(name.split()))
    article = _ARTICLE_OF.get(_fold(proper.split(" ")[0].rstrip(",")) if proper else "")
    if article is None:
        article, proper = "l'", f"établissement {proper}"
    if article == "le":
        return Named(f"le {proper}", f"du {proper}", f"au {proper}")
    joined = f"{article}{proper}" if article == "l'" else f"{article} {proper}"
    return Named(joined, f"de {joined}", f"à {joined}")


@functools.cache
def _licences(units: int) -> str:
    return typography.plural(units, "licence")


def given_in_words(units: int, name: str, pool_name: str, recipient: str) -> str:
    """Return what the journal says of a first gift to the school of this name."""
    agreed = "attribuée" if units == 1 else "attribuées"
    return (
        f"{_licences(units)} {agreed} à {school_name(name)} sur le lot «\u00a0{pool_name}\u00a0»\u00a0; "
        f"clé pour {recipient}."
    )


def grown_in_words(added: int, total: int, name: str, pool_name: str, recipient: str) -> str:
    """Return what the journal says of a second volume, on the key that the school has."""
    return (
        f"{_licences(added)} de plus pour {school_name(name)} sur le lot «\u00a0{pool_name}\u00a0» "
        f"(désormais {typography.number(total)}, même clé)\u00a0; e-mail pour {recipient}."
    )


def given_together(units: int, schools: int, pool_name: str) -> str:
    """Return what the journal says of a list that was given from at once."""
    agreed = "attribuée" if units == 1 else "attribuées"
    return (
        f"{_licences(units)} {agreed} à {typography.plural(schools, 'établissement')} "
        f"sur le lot «\u00a0{pool_name}\u00a0»."
    )


def lot_in_words(name: str, free: int, source: Source) -> str:
    """Return « Achat 2026-2027 – 120 licences libres », and whether its rights are provisional, for whoever chooses."""
    provisional = ", droits temporaires" if source.temporary_until else ""
    return f"{name} – {typography.plural(free, 'licence libre', 'licences libres')}{provisional}"
