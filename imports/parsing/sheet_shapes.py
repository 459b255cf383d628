"""Open a file as sheets of upright lists: what lies on its side is turned, what stands side by side is parted. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import NamedTuple

from imports.cells import CellType, cell_to_text
from imports.columns import LISTS_SHEET, NAMING_COLUMNS, Meaning
from imports.formats.sheet_types import CellRow, CellValue, Workbook, WorkbookSheet
from imports.layout import LayoutQuestion
from imports.parsing.cell_classification import classify_cell
from imports.parsing.column_mapping import join_names
from imports.parsing.column_titles import Title, count_exact_meanings, match_meanings
from imports.parsing.headers import find_title_meanings
from imports.parsing.joined_tables import JOINED_TABLES, ONE, PAIRS, find_joined_tables
from imports.parsing.sheet_selection import SAMPLE_ROWS, ReshapedSheet, take_columns, turn
from schools.folding import fold

#: A table has no more titles; a sheet of more rows stands upright.
MAX_ROWS = 60
#: Columns searched for the titles.
MAX_TITLE_COLUMNS = 3


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
    """Whether a title says that schools are named beside it, and most of the cells do."""
    types, meanings = [classify_cell(cell) for cell in beside if cell != ""], match_meanings(Title(title))
    if Meaning.UAI in meanings:
        return 0 < len(types) <= 2 * sum(bool(one & CellType.UAI) for one in types)
    named = sum(bool(one & CellType.SCHOOL) and not one & CellType.KIND for one in types)
    # One name alone may be the example of a notice.
    return Meaning.NAME in meanings and named > 1 and named * 2 >= len(types)


def _texts(row: CellRow) -> list[str]:
    return [text for cell in row if (text := cell_to_text(cell))]


class FormLine(NamedTuple):
    """A label and its value, with the row that holds them."""

    number: int
    label: str
    value: CellValue


def are_forms(rows: Sequence[CellRow]) -> bool:
    """Whether the first rows of a sheet are forms: labels that name schools and their numbers come again and again."""
    lines = read_lines(rows)
    labels = Counter(line.number for line in lines)
    texts = {number: _texts(row) for number, row in enumerate(rows, start=1)}
    if any(len(texts[number]) > 2 * count for number, count in labels.items()):
        return False  # more than one school beside a label
    if 2 * len(labels) < sum(map(bool, texts.values())):
        return False
    counts = Counter(fold(line.label) for line in lines)
    repeated = find_title_meanings([label for label, count in counts.items() if count > 1])
    # Titles in one row, above their values, are those of a list.
    listed = any(len(row) > 1 and find_title_meanings(row) for row in texts.values())
    return not listed and not repeated.isdisjoint(NAMING_COLUMNS)


def read_lines(rows: Iterable[CellRow]) -> list[FormLine]:
    """Return the labels of all forms that have a value, « UAI : 0301234D » or in two cells, in order."""
    lines = []
    for number, row in enumerate(rows, start=1):
        label = ""
        for cell in row:
            name, _, rest = (part.strip() for part in cell_to_text(cell).partition(":"))
            if label and name:
                lines.append(FormLine(number, label, cell))
                label = ""
            elif count_exact_meanings(name):
                label = "" if rest else name
                lines += [FormLine(number, name, rest)] if rest else []
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


@dataclass
class ReshapedWorkbook:
    """A workbook with some of its sheets replaced, and others added at its end."""

    kind: str
    sheets: list[WorkbookSheet]
    remarks: list[str]
    #: Whether tables stand side by side, by the name of the sheet in the file.
    questions: dict[str, LayoutQuestion]


def open_tables(content: bytes, answers: Mapping[str, str]) -> ReshapedWorkbook:
    """Open a file; its sheets are upright lists as far as their shape is known. Raises `UnreadableFile`.

    `answers`: those of the member, of which one says whether tables stand side by side.
    """
    from imports.formats.detection import open_workbook  # noqa: PLC0415 - the child has its libraries, not each process

    return reshape_sheets(open_workbook(content), answers)


def reshape_sheets(workbook: Workbook, answers: Mapping[str, str]) -> ReshapedWorkbook:
    """Return a workbook whose sheets are upright lists; `answers` as for `open_tables`."""
    reshaped = ReshapedWorkbook(workbook.kind, list(workbook.sheets), list(workbook.remarks), {})
    answer = answers.get(JOINED_TABLES, "")
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
            _part_columns(reshaped, index, sheet, rows, answer)
    if turned:
        reshaped.remarks.append(
            f"Tableau couché, une école par colonne : {', '.join(turned)}. Il est lu tourné : la ligne 2 est la "
            "colonne B du fichier, la ligne 3 la colonne C, et ainsi de suite."
        )
    return reshaped


def _list_forms(reshaped: ReshapedWorkbook, index: int, sheet: WorkbookSheet) -> None:
    filled = collect_forms(read_lines(sheet.rows()))
    name, numbers = f"{sheet.name} (en liste)".strip(), range(1, max(filled) + 1)
    listed = ReshapedSheet(name, sheet, lambda: (filled.get(number, []) for number in numbers), len(numbers))
    reshaped.sheets[index] = listed
    reshaped.remarks.append(
        f"{_name_place(sheet)} est faite de {len(filled) - 1} formulaires l'un sous l'autre. Chacun est lu comme une "
        "ligne de tableau, celle où il finit : vérifiez qu'aucune école ne manque."
    )


def _name_place(sheet: WorkbookSheet) -> str:
    return f"La feuille « {sheet.name} »" if sheet.name else "La feuille"


def _part_columns(
    reshaped: ReshapedWorkbook, index: int, sheet: WorkbookSheet, rows: list[CellRow], answer: str
) -> None:
    """Make a sheet of each table side by side; the first of them takes the place of the sheet.

    `answer`: to the question whether they are several.
    """
    joined = find_joined_tables(rows, sheet.merged)
    if joined is None:
        return
    if not joined.is_clear:
        reshaped.questions[sheet.name] = joined.ask()
    if answer == ONE or not (joined.is_clear or answer == PAIRS):
        return
    parts = [
        take_columns(
            sheet,
            f"{sheet.name} ({part.letters})" if sheet.name else f"Colonnes {part.letters}",
            part.columns,
            partial(joined.take_rows, part),
        )
        for part in joined.parts
    ]
    reshaped.sheets[index : index + 1] = parts[:1]
    reshaped.sheets.extend(parts[1:])
    reshaped.remarks.append(
        f"{_name_place(sheet)} porte {len(parts)} tableaux côte à côte, lus comme autant de feuilles : colonnes "
        f"{join_names([part.letters for part in joined.parts])}."
    )
