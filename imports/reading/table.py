"""Parse a file into rows: the only entry point for pages, command and benchmarks. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from imports.enums import Purpose, Volume
from imports.meanings import Meaning
from imports.readers import limits
from imports.readers.opening import check_height, open_workbook
from imports.readers.text import too_many_rows
from imports.reading import questions as layout_questions
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
    """The member's choices; what is not chosen is detected."""

    purpose: Purpose = Purpose.ATTRIBUTION
    #: Names of the sheets to read.
    sheets: Sequence[str] | None = None
    #: From 1; 0 for « no header row ».
    header_row: int | None = None
    #: None for a meaning without a column.
    columns: Mapping[Meaning, int | None] = field(default_factory=dict)
    volume: Volume | None = None
    units_for_all: int | None = None


#: No row can be parsed while a question about one of these is open.
BLOCKING_COLUMNS = frozenset(
    {Meaning.UAI.value, Meaning.NAME.value, Meaning.COMMUNE.value, Meaning.POSTAL_CODE.value, "sheets"}
)


class Remembered(NamedTuple):
    """The mapping last confirmed for a header."""

    columns: Mapping[Meaning, int | None]
    volume: Volume | None


class Known(NamedTuple):
    """Data from the collectivity and the directory that parsing uses, loaded by the caller."""

    #: By the digest of the header.
    remembered: Mapping[str, Remembered] = {}
    #: Folded names of communes, to recognise a column of communes whatever its title.
    communes: frozenset[str] = frozenset()


class Region(NamedTuple):
    """One parsed sheet: its index in the workbook, and its header row (the last of two), from 1."""

    sheet: int
    header_row: int | None


@dataclass(frozen=True)
class Table:
    """The result of parsing. No rows while a question about the sheets or a blocking column is open."""

    kind: str
    #: Names of all sheets of the workbook.
    sheets: list[str]
    regions: list[Region]
    titles: list[str]
    #: The rows around the header: {"number", "cells"}.
    preview: list[dict[str, Any]]
    columns: dict[Meaning, int]
    #: None for a portfolio, where no licence is allocated.
    volume: Volume | None
    #: Digest of the titles, and whether the mapping is the remembered one.
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
    """Parse a file. Raises `UnreadableFile`. `progress` is called now and then with the rows read and their total."""
    known = known or Known()
    workbook = open_workbook(content)
    layout = find_layout(workbook, sheets=choices.sheets, header_row=choices.header_row)
    places = layout.places
    check_height(sum(detected.sheet.height for detected in places))
    first = places[0]
    titles = [title.text for title in first.titles]
    shape = shape_of(titles)
    same_titles = [detected for detected in places if detected.shape == first.shape]
    sample = sample_of(same_titles)
    remembered_mapping = known.remembered.get(shape) if not choices.columns else None
    outdated = unfit(remembered_mapping.columns, first.titles, sample) if remembered_mapping else []
    remembered_mapping = None if outdated else remembered_mapping
    mapping = recognise(
        first.titles,
        sample,
        remembered_mapping.columns if remembered_mapping else choices.columns,
        communes=known.communes,
        titled=bool(shape),
    )
    volume = _choose_volume(choices, remembered_mapping, mapping)
    questions = [*mapping.questions, *layout_questions.about_memory(outdated, mapping.columns, titles)]
    questions = [
        question for question in questions if layout_questions.matters(question.column, choices.purpose, volume)
    ]
    questions += layout_questions.about_volume(
        choices.purpose, volume, volume_column(volume), mapping.columns, questions
    )
    remarks = [*workbook.remarks, *layout_questions.about_sheets(layout)]
    rows: list[CheckedRow] = []
    if not any(question.column in BLOCKING_COLUMNS for question in questions):
        # While a question about quantities or e-mails is open, the schools are shown all the same.
        units_column = volume_column(volume)
        units_column = units_column if units_column in mapping.columns else None
        mappings = [
            mapping.columns if detected.shape == first.shape else _map_separately(detected, known)
            for detected in places
        ]
        bodies = _read_bodies(places, mappings, units_column, known.communes, progress)
        filled_count = towns.give_towns(places, mappings, bodies, known.communes)
        versions = layout_questions.about_versions(places, bodies)
        questions += versions
        rows = [] if versions else [row for body in bodies for row in body.rows]
        if not versions:
            remarks += layout_questions.about_carrying(bodies)
            remarks += [towns.remark(filled_count)] if filled_count else []
        if len(rows) > limits.MAX_ROWS:
            raise too_many_rows(len(rows))
    return Table(
        kind=workbook.kind,
        sheets=[sheet.name for sheet in workbook.sheets],
        regions=[Region(detected.index, detected.header_row) for detected in places],
        titles=titles,
        preview=preview(first.sheet.rows(), first.header_row),
        columns=mapping.columns,
        volume=volume,
        shape=shape,
        remembered=remembered_mapping is not None,
        questions=questions,
        remarks=remarks,
        rows=rows,
    )


def volume_column(volume: Volume | str | None) -> Meaning | None:
    """Return the meaning that gives the number of licences, None where no column does."""
    return {Volume.COLUMN: Meaning.UNITS, Volume.CLASSES: Meaning.CLASSES}.get(Volume(volume)) if volume else None


def _choose_volume(choices: Choices, remembered_mapping: Remembered | None, mapping: Recognition) -> Volume | None:
    if choices.purpose is Purpose.REMIT:
        return None
    if choices.volume is not None:
        return choices.volume
    if choices.units_for_all is not None:
        return Volume.ALL
    if (
        remembered_mapping is not None
        and remembered_mapping.volume is not None
        and remembered_mapping.volume is not Volume.ALL
    ):
        return remembered_mapping.volume
    # A column that is only in question counts as well.
    available = set(mapping.columns) | {question.column for question in mapping.questions}
    if Meaning.UNITS in available:
        return Volume.COLUMN
    return Volume.CLASSES if Meaning.CLASSES in available else None


def _map_separately(detected: Place, known: Known) -> dict[Meaning, int]:
    """Return the mapping of a chosen sheet whose titles differ from the first one's."""
    titled = any(title.text for title in detected.titles)
    return recognise(detected.titles, sample_of([detected]), communes=known.communes, titled=titled).columns


def _read_bodies(
    places: Sequence[Place],
    mappings: Sequence[Mapping[Meaning, int]],
    volume: Meaning | None,
    communes: frozenset[str],
    progress: Callable[[int, int], None] | None,
) -> list[Body]:
    total, rows_before = sum(detected.sheet.height for detected in places), 0
    bodies = []
    for detected, columns in zip(places, mappings, strict=True):

        def report_progress(number: int, rows_before: int = rows_before) -> None:
            assert progress is not None  # noqa: S101 - for the type checker
            progress(rows_before + number, total)

        bodies.append(
            read_body(
                detected,
                columns,
                volume=volume,
                communes=communes,
                progress=report_progress if progress is not None else None,
            )
        )
        rows_before += detected.sheet.height
    return bodies
