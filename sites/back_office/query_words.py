"""What a typed sentence asks for: « mairie de Nîmes, où est ma facture » wants invoices of « mairie de nimes »."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from schools.folding import edit_distance, fold


class WantedKind(StrEnum):
    """What somebody says to look for."""

    INVOICES = "invoices"
    ORDERS = "orders"
    KEYS = "keys"
    INVITATIONS = "invitations"


_KINDS = {
    "facture": WantedKind.INVOICES,
    "factures": WantedKind.INVOICES,
    "avoir": WantedKind.INVOICES,
    "avoirs": WantedKind.INVOICES,
    "commande": WantedKind.ORDERS,
    "commandes": WantedKind.ORDERS,
    "devis": WantedKind.ORDERS,
    "cle": WantedKind.KEYS,
    "cles": WantedKind.KEYS,
    "clef": WantedKind.KEYS,
    "clefs": WantedKind.KEYS,
    "invitation": WantedKind.INVITATIONS,
    "invitations": WantedKind.INVITATIONS,
}
#: A longer word is a kind even with a slip: « factre ».
_MIN_MISSPELT = 6
#: Of the question, not of a name; left out beside a kind alone.
_QUESTION = frozenset((
    "a", "ai", "cherche", "d", "de", "des", "du", "est", "j", "je", "l", "la", "le", "les", "leur", "leurs", "ma",
    "mes", "mon", "n", "no", "nos", "notre", "numero", "ou", "pas", "pour", "quelle", "recu", "sa", "ses", "son",
    "sont", "trouve", "trouver", "un", "une", "vos", "votre",
))  # fmt: skip
_KEY_NUMBER = re.compile(r"(?:la |ma |sa )?cle?f?s? ?(?:n|no|num|numero)? ?([0-9]{1,15})")
#: Of ten digits, or with the country's prefix.
_PHONE = re.compile(r"(?:\+33|0033|0)([1-9][0-9]{8})")


class SearchQuestion(NamedTuple):
    """The kind that is asked for, None if none is, and the text that is left."""

    wanted: WantedKind | None
    rest: str


def read_question(text: str) -> SearchQuestion:
    """Return what a text asks for; the text as it is where it names no kind, or nothing besides. Pure."""
    words = fold(text).split()
    kinds = [kind for word in words if (kind := _read_kind(word))]
    rest = " ".join(word for word in words if word not in _QUESTION and not _read_kind(word))
    return SearchQuestion(kinds[0], rest) if kinds and rest else SearchQuestion(None, text)


def read_key_number(text: str) -> int | None:
    """Return the number of « clé n° 40 », as pages name a key; None for any other text. Pure."""
    match = _KEY_NUMBER.fullmatch(fold(text))
    return int(match[1]) if match else None


def read_phone(text: str) -> str:
    """Return the last nine digits of a French telephone number; empty for any other text. Pure."""
    match = _PHONE.fullmatch(re.sub(r"[\s.()/-]", "", text))
    return match[1] if match else ""


def _read_kind(word: str) -> WantedKind | None:
    if word in _KINDS or len(word) < _MIN_MISSPELT:
        return _KINDS.get(word)
    return next((kind for known, kind in _KINDS.items() if edit_distance(word, known) == 1), None)
