"""Row store: insert checked rows by COPY, and read them back to check them again."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from core.copy_rows import ESCAPE, NULL, escape_field, write_lines
from imports.checks import CheckRequest, ComparableRow
from imports.checks.school_checks import DOUBT_CODES
from imports.checks.school_resolution import ResolvedSchool, find_valid_uai
from imports.enums import Purpose
from imports.meanings import Meaning
from imports.parsing.rows import ParsedRow, parse_cells
from imports.parsing.spreadsheet import volume_column
from schools.models import SchoolState
from schools.recognition import Proposal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from imports.checks import RowOutcome
    from imports.models import ImportRow, SpreadsheetImport

_COLUMNS = (
    "import_id, sheet, number, cells, edits, uai, how, confidence, proposals, label, email, recipient, units, "
    "units_before, classes, contact_name, phone, before, verdict, problems, codes, conflict_resolution, ignored_reason, set_aside, "
    "awaited, altered, ticked"
)


def insert_rows(import_id: int, outcomes: Iterable[RowOutcome]) -> None:
    """Insert the rows of an import, replacing those of an earlier parse."""
    with connection.cursor() as cursor:
        # Raw SQL: the ORM would load the rows first.
        cursor.execute("DELETE FROM imports_importrow WHERE import_id = %s", [import_id])
        with cursor.copy(f"COPY imports_importrow ({_COLUMNS}) FROM STDIN") as copy:
            write_lines(copy, (_copy_line(import_id, outcome) for outcome in outcomes))


def replace_rows(rows: Collection[ImportRow]) -> None:
    """Replace changed rows, by two statements whatever their number.

    All are deleted first: the database allows one ticked row per school at any moment.
    """
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM imports_importrow WHERE id = ANY(%s)", [[row.pk for row in rows]])
        with cursor.copy(f"COPY imports_importrow (id, {_COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(
                    (
                        row.pk,
                        row.import_id,
                        row.sheet,
                        row.number,
                        _json(row.cells),
                        _json(row.edits),
                        row.uai,
                        row.how,
                        row.confidence,
                        _json(row.proposals),
                        row.label,
                        row.email,
                        row.recipient,
                        row.units,
                        row.units_before,
                        row.classes,
                        row.contact_name,
                        row.phone,
                        None if row.before is None else _json(row.before),
                        str(row.verdict),
                        _json(row.problems),
                        row.codes,
                        row.conflict_resolution,
                        row.ignored_reason,
                        row.set_aside,
                        row.awaited,
                        row.altered,
                        row.ticked,
                    )
                )


def _copy_line(import_id: int, outcome: RowOutcome) -> str:
    """Return a row as a line of COPY input."""
    request, label, recipient, units, units_before, before, verdict, problems, ticked = outcome
    row, school, set_aside, awaited, conflict_resolution, _ = request
    sheet, number, cells, email, _, classes, contact_name, phone, _, ignored = row
    uai, how, confidence, proposals, _, _ = school
    texts: tuple[str, ...] = (label, email, recipient, contact_name, phone, ignored[:100])
    # Check all texts at once, as almost none needs escaping: field by field takes five times as long.
    joined = "".join(texts)
    if ESCAPE in joined or not joined.isprintable():
        texts = tuple(map(escape_field, texts))
    label, email, recipient, contact_name, phone, ignored = texts
    return (
        f"{import_id}\t{sheet}\t{number}\t{_json_object(cells)}\t{{}}\t"
        f"{uai}\t{how}\t{NULL if confidence is None else confidence}\t"
        f"{escape_field(_json(_proposals(proposals))) if proposals else '[]'}\t{label}\t"
        f"{email}\t{recipient}\t"
        f"{NULL if units is None else units}\t{units_before}\t"
        f"{NULL if classes is None else classes}\t{contact_name}\t{phone}\t"
        f"{NULL if before is None else escape_field(_json(before))}\t{verdict.value}\t"
        f"{_problem_columns(outcome) if problems else _NO_PROBLEMS}\t"
        f"{conflict_resolution}\t{ignored}\t{set_aside}\t{awaited}\tFalse\t{ticked}\n"
    )


def _json_object(cells: Mapping[str, str]) -> str:
    """Return cells as a JSON object, escaped for COPY."""
    if not cells:
        return "{}"
    inner = '", "'.join([f'{meaning}": "{text}' for meaning, text in cells.items()])
    if inner.count('"') == 4 * len(cells) - 2 and ESCAPE not in inner and inner.isprintable():
        # Nothing to escape, as in most cells of most rows.
        return f'{{"{inner}"}}'
    return escape_field(_json(cells))


_json = json.JSONEncoder(ensure_ascii=False).encode


_NO_PROBLEMS = "[]\t{}"


def _problem_columns(outcome: RowOutcome) -> str:
    """Return the columns `problems` and `codes`."""
    encoded = escape_field(_json([problem.as_json() for problem in outcome.problems]))
    return f"{encoded}\t{{{','.join(outcome.codes)}}}"


def _proposals(proposals: Iterable[Proposal]) -> list[dict[str, Any]]:
    return [proposal._asdict() for proposal in proposals]


class ConfirmedRow(NamedTuple):
    """A ticked row as it was confirmed: request, verdict, and current directory data of its school."""

    sheet: int
    number: int
    uai: str
    how: str
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
            ResolvedSchool(self.uai, self.how, self.confidence, (), ""),
            conflict_resolution=self.conflict_resolution,
            own_units=True,
        )


# A row whose data are unchanged keeps its verdict; any other is marked as doubtful and checked again.
_TICKED_SQL = """
SELECT row.sheet, row.number, row.uai, row.how, row.confidence, row.email, row.units, row.classes,
    row.contact_name, row.phone, row.conflict_resolution, row.verdict, row.units_before, row.recipient, row.before,
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
WHERE row.import_id = %(table)s AND row.ticked
"""


#: Number of rows from which the planner is steered away from nested loops.
_LARGE_IMPORT = 5_000


def list_ticked_rows(spreadsheet_import: SpreadsheetImport) -> list[ConfirmedRow]:
    """Return the rows to apply, in file order. Every row of a portfolio import is doubtful."""
    with connection.cursor() as cursor:
        if many := spreadsheet_import.layout.get("rows", 0) >= _LARGE_IMPORT:
            # Before a vacuum, the planner underestimates the rows of a new import and would choose nested loops.
            cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(
            _TICKED_SQL,
            {"table": spreadsheet_import.pk, "pool": spreadsheet_import.pool_id, "closed": SchoolState.CLOSED},
        )
        found = cursor.fetchall()
        if many:
            cursor.execute("RESET enable_nestloop")
    at = ConfirmedRow._fields.index("before")
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        found = [(*row[:at], row[at] and json.loads(row[at]), *row[at + 1 :]) for row in found]
    # Sorted here: the rows are mostly in order already, which Python's sort exploits and PostgreSQL's does not.
    return sorted(map(ConfirmedRow._make, found), key=attrgetter("sheet", "number"))


def parse_stored_row(row: ImportRow, spreadsheet_import: SpreadsheetImport) -> ParsedRow:
    """Parse the cells of a stored row again, with its edits applied."""
    cells = {Meaning(meaning): text for meaning, text in {**row.cells, **row.edits}.items()}
    return parse_cells(
        row.sheet,
        row.number,
        cells,
        {**row.cells, **row.edits},
        ignored=row.ignored_reason,
        # A number typed for this row takes precedence over the volume of the import.
        volume=Meaning.UNITS
        if Meaning.UNITS.value in row.edits
        else volume_column(spreadsheet_import.layout.get("volume")),
    )


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
    doubt = "" if row.how else next((said["code"] for said in row.problems if said["code"] in DOUBT_CODES), "")
    return ResolvedSchool(
        row.uai,
        row.how,
        row.confidence,
        tuple(Proposal(**proposal) for proposal in row.proposals),
        doubt,
        find_valid_uai({**row.cells, **row.edits}) if doubt else "",
    )


def apply_outcome(row: ImportRow, outcome: RowOutcome, *, ticked: bool) -> None:
    """Copy a new outcome into a stored row; `replace_rows` saves it."""
    school, checked_row = outcome.request.school, outcome.request.row
    row.uai, row.how, row.confidence = school.uai, school.how, school.confidence
    row.proposals = _proposals(school.proposals)
    row.label = outcome.label
    row.email, row.recipient = checked_row.email, outcome.recipient
    row.units, row.units_before = outcome.units, outcome.units_before
    row.classes, row.contact_name, row.phone = checked_row.classes, checked_row.contact_name, checked_row.phone
    row.before = outcome.before
    row.verdict = outcome.verdict.value
    row.problems = [problem.as_json() for problem in outcome.problems]
    row.codes = outcome.codes
    row.conflict_resolution = outcome.request.conflict_resolution
    row.ticked = ticked


class StoredRow(NamedTuple):
    """A stored row as needed for cross-row checks, and their previous findings about it."""

    pk: int
    line: ComparableRow
    summed: bool
    huge: bool


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
                huge,
            )
            for (
                pk, sheet, number, uai, email, units, contact, phone, classes, commune, counted, summed, huge,
            ) in cursor.fetchall()
        ]  # fmt: skip
