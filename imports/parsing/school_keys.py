"""A key of the school that a row names, to find the rows of one school before the directory is searched. Pure."""

from __future__ import annotations

from imports.meanings import Meaning
from imports.parsing.rows import ParsedRow
from schools.folding import fold

#: Words of a cell that tells a class apart, and not a school: « CE1 B », « Cycle 2 ».
_CLASS_WORDS = frozenset(
    "tps ps ms gs cp ce1 ce2 cm1 cm2 6e 5e 4e 3e ulis cycle niveau classe a b c d 1 2 3 et".split()  # noqa: SIM905
)
_PLACE = (Meaning.COMMUNE, Meaning.POSTAL_CODE, Meaning.DEPARTEMENT, Meaning.ADDRESS)


def school_key(row: ParsedRow) -> str:
    """Return the UAI of a row as written, else its name with its kind and place, folded; "" where it has neither."""
    cells = row.cells
    code = cells.get(Meaning.UAI, "")
    if code:
        return code.upper().replace(" ", "")
    name = cells.get(Meaning.NAME, "")
    if not name:
        return ""
    kind = fold(cells.get(Meaning.KIND, ""))
    parts = [name, *(cells.get(meaning, "") for meaning in _PLACE)]
    return fold(" ".join(parts)) + ("" if _CLASS_WORDS.issuperset(kind.split()) else f" / {kind}")
