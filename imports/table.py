"""From a file's bytes to its checked rows. Pure; the pages, the command and the bench all read through here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from imports.columns import recognise
from imports.enums import Purpose, Volume
from imports.layout import find_layout, sheets_with_schools
from imports.meanings import Meaning, is_added
from imports.preview import preview
from imports.problems import Problem
from imports.readers import limits
from imports.readers.opening import check_height, open_workbook
from imports.readers.text import too_many_rows
from imports.rows import CheckedRow, check, is_blank
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from imports.layout import Layout


@dataclass(frozen=True)
class Choices:
    """What the member decided; where nothing was decided, it is found."""

    purpose: Purpose = Purpose.ATTRIBUTION
    #: Names of the sheets to read.
    sheets: Sequence[str] | None = None
    #: From 1; 0 for « no row of titles ».
    header_row: int | None = None
    #: None for a meaning that no column has.
    columns: Mapping[Meaning, int | None] = field(default_factory=dict)
    volume: Volume | None = None
    units_for_all: int | None = None


class Remembered(NamedTuple):
    """What the columns of a header meant the last time."""

    columns: Mapping[Meaning, int | None]
    volume: Volume | None


class Known(NamedTuple):
    """What the collectivity and the directory know that helps to read: no query is made here."""

    #: By the shape of the header.
    remembered: Mapping[str, Remembered] = {}
    #: Folded names of communes: a column of them is a column of communes whatever its title.
    communes: frozenset[str] = frozenset()


class Region(NamedTuple):
    """One sheet that is read: its index among the workbook's, and its row of titles (the last of two), from 1."""

    sheet: int
    header_row: int | None


@dataclass(frozen=True)
class Table:
    """What was read. Rows are there only where there are no questions left."""

    kind: str
    #: The names of all sheets of the workbook.
    sheets: list[str]
    regions: list[Region]
    titles: list[str]
    #: The rows around the titles as they stand in the file: {"number", "cells"}.
    preview: list[dict[str, Any]]
    columns: dict[Meaning, int]
    #: None for the remit, where nothing is given.
    volume: Volume | None
    #: Digest of the titles, and whether the mapping is the one remembered for it.
    shape: str
    remembered: bool
    questions: list[Problem]
    remarks: list[str]
    rows: list[CheckedRow]


def shape_of(titles: Sequence[str]) -> str:
    """Return what two headers of the same titles have in common, "" where there are none.

    The columns that we add to an annotated workbook count for nothing: corrected, it is of the shape that it was.
    """
    folded = ["" if is_added(title) else fold(title) for title in titles]
    while folded and not folded[-1]:
        folded.pop()
    return hashlib.sha256("\n".join(folded).encode()).hexdigest() if any(folded) else ""


def read_table(
    content: bytes,
    choices: Choices,
    progress: Callable[[int, int], None] | None = None,
    known: Known | None = None,
) -> Table:
    """Read a file. Raises `Unreadable`. `progress` is told the rows read and the rows there are, now and then."""
    known = known or Known()
    workbook = open_workbook(content)
    names = [sheet.name for sheet in workbook.sheets]
    layout = find_layout(workbook, sheet=choices.sheets[0] if choices.sheets else None, header_row=choices.header_row)
    check_height(layout.sheet.height)
    shape = shape_of(layout.titles)
    memory = known.remembered.get(shape) if not choices.columns else None
    found = recognise(layout.titles, layout.sample, memory.columns if memory else choices.columns)
    volume = _volume(choices, memory, found.columns)
    questions = [
        question
        for question in found.questions
        # Which column holds the numbers is no question where none of them says how many.
        if question.column != Meaning.UNITS or volume in (None, Volume.COLUMN)
    ]
    questions = [q for q in questions if q.column != Meaning.UNITS or choices.purpose is Purpose.ATTRIBUTION]
    asked = {question.column for question in questions}
    if choices.purpose is Purpose.ATTRIBUTION and volume is None and Meaning.UNITS not in asked:
        questions.append(
            Problem(
                Meaning.UNITS,
                "no_units",
                "Aucune colonne ne dit combien de licences donner. Indiquez un même nombre pour toutes les écoles, ou "
                "choisissez la colonne.",
            )
        )
    others = [name for name in sheets_with_schools(workbook) if name != layout.sheet.name]
    remarks = (
        [f"Seule la feuille « {layout.sheet.name} » est lue ; contiennent aussi des UAI : {', '.join(others)}."]
        if others
        else []
    )
    index = names.index(layout.sheet.name)
    return Table(
        kind=workbook.kind,
        sheets=names,
        regions=[Region(index, layout.header_row)],
        titles=layout.titles,
        preview=preview(layout.sheet.rows(), layout.header_row),
        columns=found.columns,
        volume=volume,
        shape=shape,
        remembered=memory is not None,
        questions=questions,
        remarks=remarks,
        rows=[] if questions else _rows(index, layout, found.columns, volume_column(volume), progress),
    )


def volume_column(volume: Volume | str | None) -> Meaning | None:
    """Return the column that says how many licences, None where no column does."""
    return {Volume.COLUMN: Meaning.UNITS, Volume.CLASSES: Meaning.CLASSES}.get(Volume(volume)) if volume else None


def _volume(choices: Choices, memory: Remembered | None, columns: Mapping[Meaning, int]) -> Volume | None:
    if choices.purpose is Purpose.REMIT:
        return None
    if choices.volume is not None:
        return choices.volume
    if choices.units_for_all is not None:
        return Volume.ALL
    if memory is not None and memory.volume is not None and memory.volume is not Volume.ALL:
        return memory.volume
    if Meaning.UNITS in columns:
        return Volume.COLUMN
    return Volume.CLASSES if Meaning.CLASSES in columns else None


def _rows(
    sheet: int,
    layout: Layout,
    columns: Mapping[Meaning, int],
    volume: Meaning | None,
    progress: Callable[[int, int], None] | None,
) -> list[CheckedRow]:
    first = layout.header_row or 0
    rows = []
    for number, row in enumerate(layout.sheet.rows(), start=1):
        if number > first and not is_blank(row):
            rows.append(check(sheet, number, row, columns, volume=volume))
        if progress is not None and number % 10_000 == 0:
            progress(number, layout.sheet.height)
    if len(rows) > limits.MAX_ROWS:
        raise too_many_rows(len(rows))
    return rows
