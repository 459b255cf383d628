"""What is to be said in an annotated workbook, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from imports.enums import Verdict, Volume
from imports.meanings import Meaning
from imports.reading.table import volume_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORDS = {Verdict.ERROR: "Erreur", Verdict.CONFLICT: "Conflit"}
#: What is said of a row without being a fault: what the remit will say instead.
_NO_FAULT = {"changes"}
#: In names of schools they would be wildcards of the look-up by which a cell finds its list.
_WILDCARDS = str.maketrans("*?~", "   ")


class Fault(NamedTuple):
    """One thing to say, and the column (from 0) of the cell that it is about; None: the whole row."""

    column: int | None
    words: str
    #: An error or a conflict, not a mere warning.
    grave: bool


class Mark(NamedTuple):
    """All that is said of one row: its sheet's index among the workbook's, and its number there, from 1."""

    sheet: int
    number: int
    faults: tuple[Fault, ...]
    #: The schools that may be meant: « 0301234D – École Zola – Nîmes ».
    proposals: tuple[str, ...]


class Place(NamedTuple):
    """Where the table stands in the workbook, as it was read."""

    #: The names of all sheets, and of each that is read its index with its row of titles, None where it has none.
    names: Sequence[str]
    headers: Mapping[int, int | None]
    columns: Mapping[str, int]
    width: int

    @classmethod
    def of(cls, layout: Mapping[str, Any]) -> Place:
        """Return it from the layout that an import holds."""
        headers = {region["sheet"]: region["header_row"] for region in layout.get("read", [])}
        return cls(layout.get("sheets", []), headers, layout.get("columns", {}), len(layout.get("titles", [])))

    @property
    def first(self) -> int:
        """The table's first column that means something."""
        return min((index for meaning, index in self.columns.items() if meaning != Meaning.CHOICE), default=0)


def mark(
    *,
    sheet: int,
    number: int,
    verdict: str,
    problems: Iterable[Mapping[str, Any]],
    proposals: Iterable[Mapping[str, Any]],
    columns: Mapping[str, int],
    volume: Volume | str | None,
) -> Mark | None:
    """Return what is said of a row, None where there is nothing to say."""
    if verdict == Verdict.IGNORED:
        return None
    faults = []
    for problem in problems:
        if problem["code"] in _NO_FAULT:
            continue
        # Of a conflict it is the number that contradicts; what else is said of the row stays a warning.
        grave = problem["blocking"] or (verdict == Verdict.CONFLICT and problem["column"] in ("", Meaning.UNITS))
        kind = _WORDS.get(Verdict(verdict), "À vérifier") if grave else "À vérifier"
        faults.append(Fault(_column(problem["column"], columns, volume), f"{kind} : {problem['message']}", grave))
    if not faults:
        return None
    offered = tuple(f"{offer['uai']} – {offer['label'].translate(_WILDCARDS)}" for offer in proposals)
    return Mark(sheet, number, tuple(faults), offered)


def _column(meaning: str, columns: Mapping[str, int], volume: Volume | str | None) -> int | None:
    said_by = [meaning]
    if meaning == Meaning.UNITS and (column := volume_column(volume)):
        said_by = [column.value]
    elif meaning == Meaning.UAI:
        # In a list without UAI it is the name that leads to no school.
        said_by = [Meaning.UAI.value, Meaning.NAME.value]
    return next((columns[one] for one in said_by if one in columns), None)
