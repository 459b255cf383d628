"""French formatting of the directory's names and types, and of masked e-mail addresses. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schools.models import School


def format_school_name(name: str) -> str:
    """Return a school's name with its missing accent: « Ecole » becomes « École », « ECOLE » « ÉCOLE »."""
    for bare, accented in (("Ecole", "École"), ("ECOLE", "ÉCOLE")):
        if name.startswith(bare):
            return accented + name.removeprefix(bare)
    return name


def format_school(school: School) -> str:
    """Return name and commune, as many schools share a name: « École Jean Jaurès (Nîmes) »."""
    name = format_school_name(school.name)
    return f"{name} ({school.commune})" if school.commune else name


def format_school_type(kind: str, sector: str) -> str:
    """Return type and sector as « École – Public »; either may be empty."""
    return " – ".join(part for part in (format_school_name(kind), sector) if part)


def town_with_preposition(town: str) -> str:
    """Return the town with its preposition: « de Nîmes », « d'Alès », « du Havre », « des Lilas »."""
    for article, contracted in (("Le ", "du "), ("LE ", "du "), ("Les ", "des "), ("LES ", "des ")):
        if town.startswith(article):
            return contracted + town.removeprefix(article)
    first = unicodedata.normalize("NFD", town[:1]).upper()[:1]
    return f"d'{town}" if first and first in "AEIOUYH" else f"de {town}"


def mask_email(address: str) -> str:
    """Mask an e-mail address so that only those who know it recognise it: « m•••@exemple.example »."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}•••@{domain}"
