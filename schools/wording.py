"""French around what the directory writes of a school. Pure."""

from __future__ import annotations

import unicodedata


def school_name(name: str) -> str:
    """Return the directory's name with the accent it leaves out: « Ecole » is « École », « ECOLE » « ÉCOLE »."""
    for bare, accented in (("Ecole", "École"), ("ECOLE", "ÉCOLE")):
        if name.startswith(bare):
            return accented + name.removeprefix(bare)
    return name


def sort_of_school(kind: str, sector: str) -> str:
    """Return « École – Public » from what the directory writes, « Ecole » and « Public »; either may be missing."""
    return " – ".join(part for part in (school_name(kind), sector) if part)


def of_town(town: str) -> str:
    """Return what follows « la commune »: « de Nîmes », « d'Alès », « du Havre », « des Lilas », « de La Rochelle »."""
    for article, contracted in (("Le ", "du "), ("LE ", "du "), ("Les ", "des "), ("LES ", "des ")):
        if town.startswith(article):
            return contracted + town.removeprefix(article)
    first = unicodedata.normalize("NFD", town[:1]).upper()[:1]
    return f"d'{town}" if first and first in "AEIOUYH" else f"de {town}"
