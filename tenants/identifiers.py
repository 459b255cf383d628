"""Rules for an office's slug, key prefix and SIREN. Pure: no queries."""

from __future__ import annotations

import re
import unicodedata

from stdnum.fr import siren as siren_numbers

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
SLUG_LENGTH = 40
PREFIX_LENGTH = 10
SIREN_LENGTH = 9

#: Host names that users or programs expect to be something else.
_RESERVED_WORDS = """
admin administration aide api app application assets autoconfig autodiscover blog boutique cdn compte contact dev docs
faq ftp help host imap login localhost mail media mx ns ns1 ns2 peps pop portail preprod public recette root smtp sso
staging static statut status support test webmail www
"""
RESERVED = frozenset(_RESERVED_WORDS.split())
#: Words before a collectivity's significant name that only tell its kind.
_GENERIC_WORDS = """
ville commune mairie departement conseil departemental regional region communaute communes agglomeration urbaine
metropole syndicat intercommunal mixte collectivite territoriale grand de du des d la le les l et
"""
_GENERIC = frozenset(_GENERIC_WORDS.split())


def _plain_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.findall(r"[a-z0-9]+", plain.lower())


def derive_slug(name: str) -> str:
    """Return the slug derived from a name: « Ville de Nîmes » gives `nimes`."""
    words = _plain_words(name)
    significant = list(words)
    while significant and significant[0] in _GENERIC:
        significant.pop(0)
    return "-".join(significant or words)[:SLUG_LENGTH].strip("-")


def derive_key_prefix(slug: str, mark: str = "") -> str:
    """Return the key prefix derived from a slug: its letters and digits, without 0 and 1, which look like letters.

    `mark`: the letters of the cell, which come first.
    """
    return (mark + re.sub(r"[^A-Z2-9]", "", slug.upper()))[:PREFIX_LENGTH]


def add_number(base: str, number: int, length: int, joint: str = "") -> str:
    """Return `base` followed by a number, at most `length` characters long: the proposal where `base` is taken."""
    ending = f"{joint}{number}"
    return base[: length - len(ending)].strip("-") + ending


def clean_siren(text: str) -> str:
    """Return a SIREN without the spaces, dots and dashes that people type."""
    return re.sub(r"[\s.\-\u202f\u00a0]+", "", text)


def check_siren(siren: str) -> str | None:
    """Return the French sentence for an invalid SIREN; None where it is valid."""
    if not re.fullmatch(r"[0-9]{9}", siren):
        return f"Un SIREN compte {SIREN_LENGTH} chiffres ; « {siren} » n'en est pas un."
    if siren == "0" * SIREN_LENGTH or not siren_numbers.is_valid(siren):
        return f"Le SIREN {siren} comporte une faute de frappe : sa clé de contrôle ne correspond pas."
    return None


def check_slug(slug: str) -> str | None:
    """Return the French sentence for an invalid slug; None where it is valid."""
    if len(slug) > SLUG_LENGTH or not SLUG.fullmatch(slug):
        return (
            f"L'adresse « {slug} » ne convient pas : {SLUG_LENGTH} lettres minuscules sans accent, chiffres ou tirets "
            "au plus, sans tiret au début ni à la fin."
        )
    if slug in RESERVED or slug.startswith("xn--"):
        return f"L'adresse « {slug} » est réservée : choisissez-en une autre."
    return None


def check_key_prefix(prefix: str, mark: str = "") -> str | None:
    """Return the French sentence for an invalid key prefix; None where it is valid.

    `mark`: the letters of the cell, with which it begins, and which are not all of it.

    Keys are read aloud and typed by hand: 0 and 1 would be confused with O and I.
    """
    if not re.fullmatch(r"[A-Z0-9]{2,10}", prefix):
        return f"Le préfixe « {prefix} » ne convient pas : de 2 à {PREFIX_LENGTH} lettres sans accent ou chiffres."
    if "0" in prefix or "1" in prefix:
        return f"Le préfixe « {prefix} » prête à confusion : 0 et 1 se lisent comme les lettres O et I."
    if not prefix.startswith(mark) or prefix == mark:
        return f"Le préfixe « {prefix} » doit commencer par « {mark} », qui distingue les clés de cette région."
    return None
