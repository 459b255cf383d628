"""Open a file as sheets of upright lists: what lies on its side is turned, what stands side by side is parted. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple

from imports.cells import CellType, cell_to_text
from imports.columns import LISTS_SHEET, NAMING_COLUMNS, NUMBER_COLUMNS, Meaning
from imports.formats.detection import open_workbook
from imports.formats.sheet_types import CellRow, CellValue, MergedRange, Workbook, WorkbookSheet
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS, classify_cell
from imports.parsing.column_mapping import column_letters
from imports.parsing.column_titles import Title, count_exact_meanings, match_meanings
from imports.parsing.headers import find_header, find_title_meanings
from imports.parsing.sheet_selection import SAMPLE_ROWS, list_forms, take_columns, turn
from schools.folding import fold

#: A table has no more titles; a sheet of more rows stands upright.
MAX_ROWS = 60
#: Columns searched for the titles.
MAX_TITLE_COLUMNS = 3
#: The share of the cells beside « UAI » that are UAI, or beside « École » that name schools.
MIN_SHARE = 0.5


def lies_on_its_side(rows: Sequence[CellRow]) -> bool:
    """Whether the titles of a table stand in one of the first columns, and its schools beside them.

    `rows`: all of the sheet's, or the first `MAX_ROWS` and one more.
    """
    if len(rows) > MAX_ROWS or any(find_title_meanings(_texts(row)) for row in rows):
        return False
    return any(_holds_titles(rows, column) for column in range(MAX_TITLE_COLUMNS))


def _holds_titles(rows: Sequence[CellRow], column: int) -> bool:
    titled = [row for row in rows if column < len(row) and row[column] != ""]
    titles = [cell_to_text(row[column]) for row in titled]
    if not find_title_meanings(titles):
        return False
    naming = [
        fold(title) for title, row in zip(titles, titled, strict=True) if _is_row_of_schools(title, row[column + 1 :])
    ]
    # The same title twice is that of a second table below.
    return bool(naming) and len(set(naming)) == len(naming)


def _is_row_of_schools(title: str, beside: CellRow) -> bool:
    """Whether a title says that schools are named beside it, and they are."""
    filled = [classify_cell(cell) for cell in beside if cell != ""]
    meanings = match_meanings(Title(title))
    if Meaning.UAI in meanings:
        named = sum(bool(cell_type & CellType.UAI) for cell_type in filled)
        return named > 0 and named >= MIN_SHARE * len(filled)
    if Meaning.NAME in meanings:
        named = sum(bool(cell_type & CellType.SCHOOL and not cell_type & CellType.KIND) for cell_type in filled)
        # One name alone may be the example of a notice.
        return named > 1 and named >= MIN_SHARE * len(filled)
    return False


def _texts(row: CellRow) -> list[str]:
    return [text for cell in row if (text := cell_to_text(cell))]


#: The share of the rows that hold a label, in a sheet of forms; others are banners and signatures.
MIN_LABELLED_SHARE = 0.6
#: Cells of a row in a form: at most three labels with their values.
MAX_CELLS = 6


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
    if not find_title_meanings(list(repeated.values())) & NAMING_COLUMNS:
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


#: What a table of schools gives; without it, « UAI du collège » and « Collège » say more about the school beside them.
_GIVEN_MEANINGS = frozenset(NUMBER_COLUMNS)
#: A table has at least a name and a number.
MIN_COLUMNS = 2


class Block(NamedTuple):
    """The columns of one of several tables, from 0, ends included."""

    left: int
    right: int


def find_blocks(rows: Sequence[CellRow], merged: Sequence[MergedRange] = ()) -> list[Block]:
    """Return the columns of each table, from the left; none where there is only one table.

    `rows`: the first ones of the sheet.
    """
    width = min(max(map(len, rows), default=0), MAX_SAMPLED_COLUMNS)
    titles = find_header(rows, merged).titles[:width]
    lefts = (
        _find_repetitions([fold(title.child or title.text) for title in titles], _gives_numbers)
        # Without numbers, a banner over each of them may say that the second is about the first.
        or _find_repetitions([fold(title.text) for title in titles], _names_schools, leftmost=True)
        or _find_tables_beside(rows, width)
    )
    if len(lefts) < 2:  # noqa: PLR2004
        return []
    filled = _find_filled_columns(rows, max(map(len, rows)))
    ends = [*lefts[1:], len(filled)]
    return [
        Block(left, max(index for index in range(left, end) if filled[index]))
        for left, end in zip([0, *lefts[1:]], ends, strict=True)
    ]


def _find_repetitions(
    texts: Sequence[str], is_table: Callable[[Sequence[str]], bool], *, leftmost: bool = False
) -> list[int]:
    """Return the first column of each table, where the same titles come again: « UAI, Licences, UAI, Licences ».

    `leftmost`: only where the first title comes again.
    """
    starts = [index for index, text in enumerate(texts) if text]
    for start in starts[:1] if leftmost else starts:
        period = next((i - start for i in range(start + MIN_COLUMNS, len(texts)) if texts[i] == texts[start]), 0)
        names = list(texts[start : start + period])
        if not is_table([name for name in names if name]):
            continue
        # The last of them may lack the blank column behind.
        while names and not names[-1]:
            names.pop()
        lefts = [start]
        while texts[lefts[-1] + period : lefts[-1] + period + len(names)] == names:
            lefts.append(lefts[-1] + period)
        if len(lefts) > 1:
            return lefts
    return []


def _gives_numbers(texts: Sequence[str]) -> bool:
    return bool(find_title_meanings(texts) & _GIVEN_MEANINGS)


def _names_schools(texts: Sequence[str]) -> bool:
    return any(match_meanings(Title(text)).keys() & NAMING_COLUMNS for text in texts)


def _find_tables_beside(rows: Sequence[CellRow], width: int) -> list[int]:
    """Return the first column of each table, where blank columns part tables with titles of their own."""
    filled = _find_filled_columns(rows, width)
    groups = [[index for index, _ in group] for is_filled, group in groupby(enumerate(filled), lambda one: one[1])
              if is_filled]  # fmt: skip
    if len(groups) < 2:  # noqa: PLR2004
        return []
    return [group[0] for group in groups if _is_table([row[group[0] : group[-1] + 1] for row in rows])]


def _find_filled_columns(rows: Sequence[CellRow], width: int) -> list[bool]:
    # A text alone in its row is a banner: it may stand above a blank column.
    several = [row for row in rows if sum(1 for cell in row if cell != "") > 1]
    return [any(index < len(row) and row[index] != "" for row in several) for index in range(width)]


def _is_table(rows: Sequence[CellRow]) -> bool:
    header = find_header(rows)
    if header.row is None:
        return False
    # Their own row, as the banner above may be joined with it.
    texts = [text for cell in rows[header.row] if (text := cell_to_text(cell))]
    below = [row for row in rows[header.row + 1 :] if sum(1 for cell in row if cell != "") > 1]
    return bool(below) and _gives_numbers(texts)


@dataclass
class ReshapedWorkbook:
    """A workbook with some of its sheets replaced, and others added at its end."""

    kind: str
    sheets: list[WorkbookSheet]
    remarks: list[str]


def open_tables(content: bytes) -> Workbook:
    """Open a file; its sheets are upright lists as far as their shape is known. Raises `UnreadableFile`."""
    workbook = open_workbook(content)
    reshaped = ReshapedWorkbook(workbook.kind, list(workbook.sheets), list(workbook.remarks))
    turned: list[str] = []
    for index, sheet in enumerate(workbook.sheets):
        if sheet.name == LISTS_SHEET:
            continue
        rows = list(islice(sheet.rows(), SAMPLE_ROWS))
        if are_forms(rows):
            _list_forms(reshaped, index, sheet)
        elif lies_on_its_side(rows):
            reshaped.sheets[index] = turn(sheet, f"{sheet.name} (tournée)".strip(), rows)
            turned.append(f"« {sheet.name} »" if sheet.name else "ce fichier")
        else:
            _part_columns(reshaped, index, sheet, rows)
    if turned:
        reshaped.remarks.append(
            f"Tableau couché, une école par colonne : {', '.join(turned)}. Il est lu tourné : la ligne 2 est la "
            "colonne B du fichier, la ligne 3 la colonne C, et ainsi de suite."
        )
    return reshaped


def _list_forms(reshaped: ReshapedWorkbook, index: int, sheet: WorkbookSheet) -> None:
    filled = collect_forms(read_lines(sheet.rows()))
    reshaped.sheets[index] = list_forms(sheet, f"{sheet.name} (en liste)".strip(), filled)
    reshaped.remarks.append(
        f"{_name_place(sheet)} est faite de {len(filled) - 1} formulaires l'un sous l'autre. Chacun est lu comme une "
        "ligne de tableau, celle où il finit : vérifiez qu'aucune école ne manque."
    )


def _name_place(sheet: WorkbookSheet) -> str:
    return f"La feuille « {sheet.name} »" if sheet.name else "La feuille"


def _part_columns(reshaped: ReshapedWorkbook, index: int, sheet: WorkbookSheet, rows: list[CellRow]) -> None:
    """Make a sheet of each table side by side; the first of them takes the place of the sheet."""
    blocks = find_blocks(rows, sheet.merged)
    if not blocks:
        return
    names = [f"{column_letters(block.left)} à {column_letters(block.right)}" for block in blocks]
    parts: list[WorkbookSheet] = [
        take_columns(
            sheet,
            f"{sheet.name} ({name})" if sheet.name else f"Colonnes {name}",
            block.left,
            None if block is blocks[-1] else block.right,
        )
        for block, name in zip(blocks, names, strict=True)
    ]
    reshaped.sheets[index : index + 1] = parts[:1]
    reshaped.sheets.extend(parts[1:])
    reshaped.remarks.append(
        f"{_name_place(sheet)} porte {len(blocks)} tableaux côte à côte, lus comme autant de feuilles : colonnes "
        f"{', '.join(names[:-1])} et {names[-1]}."
    )
