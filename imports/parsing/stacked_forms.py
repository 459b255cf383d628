"""Read forms one below the other, one a school: « École : Zola », « Licences : 3 ». Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from imports.formats.sheet_types import CellRow, CellValue
from imports.meanings import Meaning
from imports.parsing.cells import cell_to_text
from imports.parsing.column_titles import count_exact_meanings
from imports.parsing.table_boundaries import find_title_meanings
from schools.folding import fold

#: The share of the rows that hold a label, in a sheet of forms; others are banners and signatures.
MIN_LABELLED_SHARE = 0.6
#: Cells of a row in a form: at most three labels with their values.
MAX_CELLS = 6
_SCHOOL_MEANINGS = frozenset({Meaning.UAI, Meaning.NAME})


class FormLine(NamedTuple):
    """A label and its value, with the row that holds them."""

    number: int
    label: str
    value: CellValue


def are_forms(rows: Sequence[CellRow]) -> bool:
    """Whether the first rows of a sheet are forms: labels that name schools and their numbers come again and again."""
    filled = [row for row in rows if any(cell != "" for cell in row)]
    if not filled or any(sum(1 for cell in row if cell != "") > MAX_CELLS for row in filled):
        return False
    lines = read_lines(rows)
    labels = Counter(line.number for line in lines)
    if any(sum(1 for cell in rows[number - 1] if cell != "") > 2 * count for number, count in labels.items()):
        return False  # more than one school beside a label
    if len(labels) < MIN_LABELLED_SHARE * len(filled):
        return False
    counts = Counter(fold(line.label) for line in lines)
    repeated = {fold(line.label): line.label for line in lines if counts[fold(line.label)] > 1}
    if not find_title_meanings(list(repeated.values())) & _SCHOOL_MEANINGS:
        return False
    # Titles in one row, above their values, are those of a list.
    return not any(
        len(texts := [text for cell in row if (text := cell_to_text(cell))]) > 1
        and not any(text.endswith(":") for text in texts)
        and find_title_meanings(texts)
        for row in filled
    )


def read_lines(rows: Iterable[CellRow]) -> list[FormLine]:
    """Return the labels of all forms with their values, "" where they have none, in order."""
    lines = []
    for number, row in enumerate(rows, start=1):
        label = ""
        for cell in row:
            text = cell_to_text(cell)
            if not text:
                continue
            name, colon, rest = (part.strip() for part in text.partition(":"))
            is_label = bool(count_exact_meanings(name)) and (not label or (bool(colon) and not rest))
            if is_label:
                if label:
                    lines.append(FormLine(number, label, ""))
                label = name
                if rest:
                    lines.append(FormLine(number, label, rest))
                    label = ""
            elif label:
                lines.append(FormLine(number, label, cell))
                label = ""
        if label:
            lines.append(FormLine(number, label, ""))
    return lines


def collect_forms(lines: Sequence[FormLine]) -> Mapping[int, CellRow]:
    """Return the labels as a row of titles where the first of them stands, and each form in the row where it ends."""
    titles: dict[str, str] = {}
    forms: list[dict[str, FormLine]] = [{}]
    for line in lines:
        key = fold(line.label)
        titles.setdefault(key, line.label)
        if key in forms[-1]:
            forms.append({})
        forms[-1][key] = line
    filled: dict[int, CellRow] = {lines[0].number: list(titles.values())}
    for form in forms:
        number = max(line.number for line in form.values())
        while number in filled:
            number += 1
        filled[number] = [form[key].value if key in form else "" for key in titles]
    return filled
