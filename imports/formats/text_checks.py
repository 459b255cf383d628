"""Checks of a text that may be no delimited table, or whose rows are out of step."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from itertools import islice

from imports.formats.exceptions import UnreadableFile

#: Lines that are looked at, and the fewest that show columns.
_SAMPLE_LINES, _MIN_LINES = 100, 3
#: Spaces between two columns of fixed width: names have one between their words.
_MIN_GAP = 2
#: Share of the rows that have one number of cells, for others to be out of step.
_MIN_ROW_SHARE = 0.8
#: Rows that are named in a remark.
_MAX_NAMED = 5


def reject_fixed_width(text: str) -> None:
    """Raise `UnreadableFile` for a text whose columns are aligned by spaces. Only for a text without separators."""
    lines = [line.rstrip().expandtabs() for line in islice(io.StringIO(text), _SAMPLE_LINES)]
    lines = [line for line in lines if line]
    if len(lines) < _MIN_LINES:
        return
    width = min(len(line) for line in lines)
    blank = "".join(" " if all(line[at] == " " for line in lines) else "x" for at in range(width))
    # Blanks at the beginning of all lines are a margin.
    if " " * _MIN_GAP in blank.strip(" "):
        raise UnreadableFile(
            "not_supported",
            "Ce fichier est un texte à colonnes de largeur fixe, alignées par des espaces : rien n'y sépare les "
            "colonnes. Dans Excel, choisissez « Données » puis « À partir d'un fichier texte », « Largeur fixe », "
            "enregistrez le tableau en .xlsx, et déposez ce fichier-là.",
        )


def find_usual_width(counts: Mapping[int, int]) -> int | None:
    """Return the number of cells of the rows from the titles on, None where rows differ too much.

    `counts`: how many rows have a number of cells, in the order in which each number comes first. Some programs leave
    out empty cells at the end of a row.
    """
    filled = {width: count for width, count in counts.items() if width > 1}
    if not filled:
        return None
    usual = max(filled, key=filled.__getitem__)
    full = [width for width in filled if width >= usual]
    if filled[usual] < _MIN_ROW_SHARE * sum(filled[width] for width in full):
        return None
    # The first full row has the titles.
    return full[0]


def describe_longer_rows(rows: Iterable[int], separator: str) -> list[str]:
    """Return a remark about rows with more cells than the table has columns; none without such rows."""
    numbers = sorted(rows)
    if not numbers:
        return []
    named = ", ".join(map(str, numbers[:_MAX_NAMED])) + (", …" if len(numbers) > _MAX_NAMED else "")
    which = f"La ligne {named} a" if len(numbers) == 1 else f"Les lignes {named} ont"
    mark = "une tabulation" if separator == "\t" else f"un « {separator} »"
    remark = (
        f"{which} plus de cases que le tableau n'a de colonnes : {mark} dans un texte y a sans doute décalé les "
        "nombres. Vérifiez-les, ou mettez ce texte entre guillemets dans le fichier."
    )
    return [remark]
