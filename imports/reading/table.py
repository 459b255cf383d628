"""From a file's bytes to its checked rows. Pure; the pages, the command and the bench all read through here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from imports.enums import Purpose, Volume
from imports.meanings import Meaning
from imports.readers import limits
from imports.readers.opening import check_height, open_workbook
from imports.readers.text import too_many_rows
from imports.reading import questions as asking
from imports.reading import towns
from imports.reading.body import read_body
from imports.reading.columns import recognise, unfit
from imports.reading.layout import find_layout, sample_of
from imports.reading.preview import preview
from imports.reading.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from imports.problems import Problem
    from imports.reading.body import Body
    from imports.reading.columns import Recognition
    from imports.reading.layout import Place
    from imports.reading.rows import CheckedRow


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


#: Questions without whose answer no row can be read.
HIDING = frozenset({Meaning.UAI.value, Meaning.NAME.value, Meaning.COMMUNE.value, Meaning.POSTAL_CODE.value, "sheets"})


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
    """What was read. Rows are there unless a question is about the sheet, or about what finds the schools."""

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


def read_table(
    content: bytes,
    choices: Choices,
    progress: Callable[[int, int], None] | None = None,
    known: Known | None = None,
) -> Table:
    """Read a file. Raises `Unreadable`. `progress` is told the rows read and the rows there are, now and then."""
    known = known or Known()
    workbook = open_workbook(content)
    layout = find_layout(workbook, sheets=choices.sheets, header_row=choices.header_row)
    places = layout.places
    check_height(sum(place.sheet.height for place in places))
    first = places[0]
    titles = [title.text for title in first.titles]
    shape = shape_of(titles)
    alike = [place for place in places if place.shape == first.shape]
    sample = sample_of(alike)
    memory = known.remembered.get(shape) if not choices.columns else None
    forgotten = unfit(memory.columns, first.titles, sample) if memory else []
    memory = None if forgotten else memory
    found = recognise(
        first.titles,
        sample,
        memory.columns if memory else choices.columns,
        communes=known.communes,
        titled=bool(shape),
    )
    volume = _volume(choices, memory, found)
    questions = [*found.questions, *asking.about_memory(forgotten, found.columns, titles)]
    questions = [question for question in questions if asking.matters(question.column, choices.purpose, volume)]
    questions += asking.about_volume(choices.purpose, volume, volume_column(volume), found.columns, questions)
    remarks = [*workbook.remarks, *asking.about_sheets(layout)]
    rows: list[CheckedRow] = []
    if not any(question.column in HIDING for question in questions):
        # Where only a number or an address is in question, the schools are known all the same, and shown.
        counted = volume_column(volume)
        counted = counted if counted in found.columns else None
        mappings = [
            found.columns if place.shape == first.shape else _of_another_shape(place, known) for place in places
        ]
        bodies = _bodies(places, mappings, counted, known.communes, progress)
        given = towns.give_towns(places, mappings, bodies, known.communes)
        versions = asking.about_versions(places, bodies)
        questions += versions
        rows = [] if versions else [row for body in bodies for row in body.rows]
        if not versions:
            remarks += asking.about_carrying(bodies)
            remarks += [towns.remark(given)] if given else []
        if len(rows) > limits.MAX_ROWS:
            raise too_many_rows(len(rows))
    return Table(
        kind=workbook.kind,
        sheets=[sheet.name for sheet in workbook.sheets],
        regions=[Region(place.index, place.header_row) for place in places],
        titles=titles,
        preview=preview(first.sheet.rows(), first.header_row),
        columns=found.columns,
        volume=volume,
        shape=shape,
        remembered=memory is not None,
        questions=questions,
        remarks=remarks,
        rows=rows,
    )


def volume_column(volume: Volume | str | None) -> Meaning | None:
    """Return the column that says how many licences, None where no column does."""
    return {Volume.COLUMN: Meaning.UNITS, Volume.CLASSES: Meaning.CLASSES}.get(Volume(volume)) if volume else None


def _volume(choices: Choices, memory: Remembered | None, found: Recognition) -> Volume | None:
    if choices.purpose is Purpose.REMIT:
        return None
    if choices.volume is not None:
        return choices.volume
    if choices.units_for_all is not None:
        return Volume.ALL
    if memory is not None and memory.volume is not None and memory.volume is not Volume.ALL:
        return memory.volume
    # A column that is asked about is one all the same.
    there = set(found.columns) | {question.column for question in found.questions}
    if Meaning.UNITS in there:
        return Volume.COLUMN
    return Volume.CLASSES if Meaning.CLASSES in there else None


def _of_another_shape(place: Place, known: Known) -> dict[Meaning, int]:
    """Return the mapping of a chosen sheet whose columns are not those of the first one."""
    titled = any(title.text for title in place.titles)
    return recognise(place.titles, sample_of([place]), communes=known.communes, titled=titled).columns


def _bodies(
    places: Sequence[Place],
    mappings: Sequence[Mapping[Meaning, int]],
    volume: Meaning | None,
    communes: frozenset[str],
    progress: Callable[[int, int], None] | None,
) -> list[Body]:
    total, before = sum(place.sheet.height for place in places), 0
    bodies = []
    for place, columns in zip(places, mappings, strict=True):

        def told(number: int, before: int = before) -> None:
            assert progress is not None  # noqa: S101 - for the type checker
            progress(before + number, total)

        bodies.append(
            read_body(place, columns, volume=volume, communes=communes, progress=told if progress is not None else None)
        )
        before += place.sheet.height
    return bodies
