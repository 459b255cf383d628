"""Stored rows of an import: their columns, and how rows are written by COPY and read back to be checked again."""

import json
from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection

from core.copy_rows import copy_rows
from imports.checks.context import CheckRequest, ComparableRow, RowOutcome
from imports.checks.school_checks import DOUBT_CODES
from imports.checks.school_resolution import ResolvedSchool, find_valid_uai
from imports.columns import Meaning
from imports.enums import Purpose
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.rows import ParsedRow, add_notes, parse_cells
from imports.parsing.spreadsheet import volume_column
from imports.problems import RowNote
from schools.models import SchoolState
from schools.recognition import Proposal


class RowColumn(NamedTuple):
    """A column of `ImportRow`: its type in PostgreSQL, and the path of its value in a `RowOutcome`."""

    name: str
    type: str
    path: str
    #: Whether checking the row again replaces it.
    rechecked: bool = True


#: All columns but the primary key, the import and the generated `done`. A new column of `ImportRow` is a line here.
COLUMNS = (
    RowColumn("sheet", "int2", "request.row.sheet", rechecked=False),
    RowColumn("number", "int4", "request.row.number", rechecked=False),
    RowColumn("cells", "jsonb", "request.row.cells", rechecked=False),
    RowColumn("edits", "jsonb", "edits", rechecked=False),
    RowColumn("uai", "varchar", "request.school.uai"),
    RowColumn("match_method", "varchar", "request.school.match_method"),
    RowColumn("confidence", "float8", "request.school.confidence"),
    RowColumn("proposals", "jsonb", "request.school.proposals_as_json"),
    RowColumn("label", "varchar", "label"),
    RowColumn("email", "varchar", "request.row.email"),
    RowColumn("recipient", "varchar", "recipient"),
    RowColumn("units", "int4", "units"),
    RowColumn("units_before", "int4", "units_before"),
    RowColumn("classes", "int4", "request.row.classes"),
    RowColumn("contact_name", "varchar", "request.row.contact_name"),
    RowColumn("phone", "varchar", "request.row.phone"),
    RowColumn("before", "jsonb", "before"),
    RowColumn("verdict", "varchar", "verdict"),
    RowColumn("problems", "jsonb", "problems_as_json"),
    RowColumn("codes", "varchar[]", "codes"),
    RowColumn("conflict_resolution", "varchar", "request.conflict_resolution"),
    RowColumn("ignored_reason", "varchar", "ignored_reason", rechecked=False),
    RowColumn("notes", "jsonb", "notes_as_json", rechecked=False),
    RowColumn("set_aside", "bool", "request.set_aside", rechecked=False),
    RowColumn("awaited", "bool", "request.awaited", rechecked=False),
    RowColumn("altered", "bool", "altered", rechecked=False),
    # A member may tick otherwise than the check does by default.
    RowColumn("ticked", "bool", "ticked", rechecked=False),
)
_TYPES = {column.name: column.type for column in COLUMNS}
# Read all columns of a row in one call. With `copy_rows`, 60,000 rows cost 0.16 s more than lines formatted by
# hand, of some 3 s that the whole import takes.
_get_outcome_values = attrgetter(*(column.path for column in COLUMNS))
_get_row_values = attrgetter(*_TYPES)
_RECHECKED = [column for column in COLUMNS if column.rechecked]
_get_rechecked_values = attrgetter(*(column.path for column in _RECHECKED))
_get_stored_values = attrgetter(*(column.name for column in _RECHECKED))


def insert_rows(import_id: int, outcomes: Iterable[RowOutcome]) -> None:
    """Insert the rows of an import, replacing those of an earlier parse."""
    with connection.cursor() as cursor:
        # Raw SQL: the ORM would load the rows first.
        cursor.execute("DELETE FROM imports_importrow WHERE import_id = %s", [import_id])
    copy_rows(
        "imports_importrow",
        {"import_id": "int8", **_TYPES},
        ((import_id, *_get_outcome_values(outcome)) for outcome in outcomes),
    )


def replace_rows(rows: Collection[ImportRow]) -> None:
    """Replace changed rows, by two statements whatever their number.

    All are deleted first: the database allows one ticked row per school at any moment.
    """
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM imports_importrow WHERE id = ANY(%s)", [[row.pk for row in rows]])
    copy_rows(
        "imports_importrow",
        {"id": "int8", "import_id": "int8", **_TYPES},
        ((row.pk, row.import_id, *_get_row_values(row)) for row in rows),
    )


def apply_outcome(row: ImportRow, outcome: RowOutcome, *, ticked: bool) -> None:
    """Copy a new outcome into a stored row; `replace_rows` saves it."""
    for column, value in zip(_RECHECKED, _get_rechecked_values(outcome), strict=True):
        setattr(row, column.name, value)
    row.ticked = ticked


def is_outdated(row: ImportRow, outcome: RowOutcome) -> bool:
    """Return whether a new outcome differs from the stored row."""
    stored: tuple[Any, ...] = _get_stored_values(row)
    return stored != _get_rechecked_values(outcome)


class ConfirmedRow(NamedTuple):
    """A ticked row as it was confirmed: request, verdict, and current directory data of its school."""

    sheet: int
    number: int
    uai: str
    match_method: str
    confidence: float | None
    email: str
    units: int | None
    classes: int | None
    contact_name: str
    phone: str
    conflict_resolution: str
    verdict: str
    units_before: int
    recipient: str
    before: dict[str, Any] | None
    #: Whether it must be checked again, as its school may have changed since.
    doubtful: bool
    name: str | None
    mailbox: str | None
    state: str | None

    @property
    def check_request(self) -> CheckRequest:
        """The check request of this row. Its cells are not needed: they were checked before."""
        return CheckRequest(
            ParsedRow(
                self.sheet, self.number, {}, self.email, self.units, self.classes, self.contact_name, self.phone, [], ""
            ),
            ResolvedSchool(self.uai, self.match_method, self.confidence, (), ""),
            conflict_resolution=self.conflict_resolution,
            own_units=True,
        )


#: The fields of `ConfirmedRow` that are columns of the row; those after them are computed.
_CONFIRMED_COLUMNS = ConfirmedRow._fields[: ConfirmedRow._fields.index("doubtful")]
# A row whose data are unchanged keeps its verdict; any other is marked as doubtful and checked again.
_TICKED_SQL = f"""
SELECT {", ".join(f"row.{name}" for name in _CONFIRMED_COLUMNS)},
    %(pool)s IS NULL
    OR row.before IS NOT NULL OR row.conflict_resolution <> '' OR row.units <= row.units_before
    OR row.verdict <> CASE row.units_before WHEN 0 THEN 'new' ELSE 'changed' END
    OR (school.state <> %(closed)s AND row.units_before = coalesce(allocation.units, 0)
        AND row.recipient = coalesce(nullif(row.email, ''), nullif(portfolio.contact_email, ''), school.email)
    ) IS NOT TRUE,
    school.name, school.email, school.state
FROM imports_importrow AS row
LEFT JOIN public.schools_school AS school ON school.uai = row.uai
LEFT JOIN collectivities_portfolioschool AS portfolio ON portfolio.school_id = row.uai
LEFT JOIN pools_allocation AS allocation
    ON allocation.pool_id = %(pool)s AND allocation.school_id = row.uai AND allocation.revoked_at IS NULL
WHERE row.import_id = %(import)s AND row.ticked
"""  # noqa: S608 - names of columns


#: Number of rows from which the planner is steered away from nested loops.
_LARGE_IMPORT = 5_000


def list_ticked_rows(spreadsheet_import: SpreadsheetImport) -> list[ConfirmedRow]:
    """Return the rows to apply, in file order. Every row of a portfolio import is doubtful."""
    with connection.cursor() as cursor:
        if many := spreadsheet_import.layout.rows >= _LARGE_IMPORT:
            # Before a vacuum, the planner underestimates the rows of a new import and would choose nested loops.
            cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(
            _TICKED_SQL,
            {"import": spreadsheet_import.pk, "pool": spreadsheet_import.pool_id, "closed": SchoolState.CLOSED},
        )
        found = list(map(ConfirmedRow._make, cursor))
        if many:
            cursor.execute("RESET enable_nestloop")
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        # Raw SQL: JSON comes as a text.
        found = [row._replace(before=json.loads(str(row.before))) if row.before else row for row in found]
    # Sorted here: the rows are mostly in order already, which Python's sort exploits and PostgreSQL's does not.
    found.sort(key=attrgetter("sheet", "number"))
    return found


def parse_stored_row(row: ImportRow, spreadsheet_import: SpreadsheetImport) -> ParsedRow:
    """Parse the cells of a stored row again, with its edits applied."""
    cells = {Meaning(meaning): text for meaning, text in {**row.cells, **row.edits}.items()}
    edited = Meaning.UNITS.value in row.edits
    # A number typed for this row takes precedence over the volume of the import.
    volume = Meaning.UNITS if edited else volume_column(spreadsheet_import.layout.volume)
    parsed = parse_cells(
        row.sheet, row.number, cells, {**row.cells, **row.edits}, ignored=row.ignored_reason, volume=volume
    )
    if not row.notes:
        return parsed
    return add_notes(parsed, [RowNote(**note) for note in row.notes], volume, edited=edited)


def parse_file_units(row: ImportRow, spreadsheet_import: SpreadsheetImport) -> int | None:
    """Return the licences that a school must have without what a member typed; None where its cells give none."""
    volume = volume_column(spreadsheet_import.layout.volume)
    cells = {Meaning(meaning): text for meaning, text in row.cells.items()}
    notes = [RowNote(**note) for note in row.notes]
    units = add_notes(parse_cells(row.sheet, row.number, cells, row.cells, volume=volume), notes, volume).units
    is_noted = any(note.column == Meaning.UNITS for note in notes)
    if units is None:
        return None if is_noted else spreadsheet_import.units_for_all
    return units + row.units_before if spreadsheet_import.layout.adds_units else units


def build_check_request(row: ImportRow, checked_row: ParsedRow, school: ResolvedSchool) -> CheckRequest:
    """Return the check request of a stored row, with the decisions of the member."""
    return CheckRequest(
        checked_row,
        school,
        set_aside=row.set_aside,
        awaited=row.awaited,
        conflict_resolution=row.conflict_resolution,
        own_units=Meaning.UNITS.value in row.edits,
    )


def get_stored_resolution(row: ImportRow) -> ResolvedSchool:
    """Return the stored school resolution of a row."""
    doubt = (
        ""
        if row.match_method
        else next((problem["code"] for problem in row.problems if problem["code"] in DOUBT_CODES), "")
    )
    return ResolvedSchool(
        row.uai,
        row.match_method,
        row.confidence,
        tuple(Proposal(**proposal) for proposal in row.proposals),
        doubt,
        find_valid_uai({**row.cells, **row.edits}) if doubt else "",
    )


class StoredRow(NamedTuple):
    """A stored row as needed for cross-row checks, and their previous findings about it."""

    pk: int
    line: ComparableRow
    summed: bool
    outlier: bool


_COMPARABLE_ROWS_SQL = """
SELECT id, sheet, number, uai, lower(email), units, contact_name, phone, classes,
       coalesce(edits ->> 'commune', cells ->> 'commune', ''), ignored_reason = '' AND NOT set_aside,
       'probable_subtotal' = ANY(codes), 'outlier' = ANY(codes)
FROM imports_importrow WHERE import_id = %s ORDER BY sheet, number
"""


def list_comparable_rows(spreadsheet_import: SpreadsheetImport) -> list[StoredRow]:
    """Return the rows of an import as needed for cross-row checks, in file order."""
    is_portfolio = spreadsheet_import.purpose == Purpose.PORTFOLIO
    with connection.cursor() as cursor:
        cursor.execute(_COMPARABLE_ROWS_SQL, [spreadsheet_import.pk])
        return [
            StoredRow(
                pk,
                ComparableRow(
                    sheet, number, uai, email, units,
                    (contact, email, phone, classes) if is_portfolio else units, commune, counted,
                ),
                summed,
                outlier,
            )
            for (
                pk, sheet, number, uai, email, units, contact, phone, classes, commune, counted, summed, outlier,
            ) in cursor.fetchall()
        ]  # fmt: skip
