"""French for what imports do: the problems by name, how a school was found, how far the work is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imports.enums import How, Verdict
from imports.meanings import Meaning
from web import typography

if TYPE_CHECKING:
    from imports.models import ImportRow

#: The tabs of « Vérification » by verdict, in the order in which they want a hand.
TABS = {
    Verdict.NEW: "Nouvelles",
    Verdict.CHANGED: "Modifiées",
    Verdict.CONFLICT: "Conflits",
    Verdict.ERROR: "Erreurs",
    Verdict.UNCHANGED: "Inchangées",
    Verdict.IGNORED: "Ignorées",
}
#: Remarks that have a place of their own in the row: what changes in the remit, how the school was found.
TOLD_APART = frozenset({"changes", "by_name", "repaired"})
_SURE, _NEARLY_SURE = 0.995, 0.97


def how_found(row: ImportRow) -> str:
    """Return how a row's school was found and how surely, "" where its UAI stood in the file."""
    if not row.uai or row.how in ("", How.UAI):
        return ""
    if row.how == How.CHOSEN:
        return "choisie par vous"
    confidence = row.confidence or 0.0
    if confidence >= _SURE:
        sure = "sans aucun doute"
    elif confidence >= _NEARLY_SURE:
        sure = "presque sûrement"
    else:
        sure = "très probablement"
    return f"trouvée {How(row.how).label}, {sure}"


def as_in_file(row: ImportRow) -> str:
    """Return what the file calls the school of a row that was found otherwise than by its UAI; "" elsewhere."""
    if not row.uai or row.how in ("", How.UAI):
        return ""
    names = [row.cells[meaning] for meaning in (Meaning.NAME, Meaning.COMMUNE) if row.cells.get(meaning)]
    written: str = row.cells.get(Meaning.UAI, "")
    return written if row.how == How.REPAIRED or not names else " – ".join(names)


def time_left(seconds: int) -> str:
    """Return « encore 20 secondes environ », rounded as people say it."""
    if seconds < 5:  # noqa: PLR2004
        return "c'est presque fini"
    if seconds < 55:  # noqa: PLR2004
        tens = max(5, round(seconds / 5) * 5) if seconds < 20 else round(seconds / 10) * 10  # noqa: PLR2004
        return f"encore {typography.plural(tens, 'seconde')} environ"
    return f"encore {typography.plural(max(1, round(seconds / 60)), 'minute')} environ"


class Change(NamedTuple):
    """One thing that the remit will say differently; `before` "" where it said nothing."""

    label: str
    before: str
    after: str


def changes(row: ImportRow) -> list[Change]:
    """Return what a row changes in the remit. What the file does not say stays, and is not told."""
    before = row.before or {}
    said = (
        ("Contact", "contact_name", row.contact_name),
        ("E-mail", "contact_email", row.email),
        ("Téléphone", "contact_phone", row.phone),
        ("Classes", "classes", "" if row.classes is None else str(row.classes)),
    )
    told = []
    for label, field, after in said:
        stood = before.get(field)
        was = "" if stood is None else str(stood)
        if after and after != was:
            told.append(Change(label, was, after))
    return told
