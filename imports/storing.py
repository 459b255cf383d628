"""Rows to and from the database: COPYed once with their verdict, and read back to be judged again."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from imports.enums import Purpose
from imports.meanings import Meaning
from imports.reading.rows import CheckedRow, check_cells
from imports.reading.table import volume_column
from imports.resolving import Resolved, uai_in
from imports.verdicts import Asked, Line
from imports.verdicts.finding import DOUBTS
from schools.models import SchoolState
from schools.recognition import Proposal
from web.copying import ESCAPE, NULL, field, write_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from imports.models import Import, ImportRow
    from imports.verdicts import JudgedRow

_COLUMNS = (
    "import_id, sheet, number, cells, edits, uai, how, confidence, proposals, label, email, recipient, units, "
    "units_before, classes, contact_name, phone, before, verdict, problems, codes, settlement, passed_over, set_aside, "
    "awaited, altered, ticked"
)


def store(import_id: int, judged: Iterable[JudgedRow]) -> None:
    """Write the rows of an import, in place of those that a reading before may have left."""
    with connection.cursor() as cursor:
        # The ORM would load the rows first.
        cursor.execute("DELETE FROM imports_importrow WHERE import_id = %s", [import_id])
        with cursor.copy(f"COPY imports_importrow ({_COLUMNS}) FROM STDIN") as copy:
            write_lines(copy, (_line(import_id, done) for done in judged))


def replace(rows: Collection[ImportRow]) -> None:
    """Write changed rows in place of themselves, by two statements whatever their number.

    Of the rows of one school, the database lets one at most be ticked at any moment: none is in the way of another
    when all of them go first.
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
                        row.settlement,
                        row.passed_over,
                        row.set_aside,
                        row.awaited,
                        row.altered,
                        row.ticked,
                    )
                )


def _line(import_id: int, done: JudgedRow) -> str:
    """Return a row as COPY reads it."""
    asked, label, recipient, units, units_before, before, verdict, problems, ticked = done
    row, school, set_aside, awaited, settlement, _ = asked
    sheet, number, cells, email, _, classes, contact_name, phone, _, ignored = row
    uai, how, confidence, proposals, _, _ = school
    texts: tuple[str, ...] = (label, email, recipient, contact_name, phone, ignored[:100])
    # All at once, as nearly no row has anything to escape: field by field takes five times as long.
    together = "".join(texts)
    if ESCAPE in together or not together.isprintable():
        texts = tuple(map(field, texts))
    label, email, recipient, contact_name, phone, ignored = texts
    return (
        f"{import_id}\t{sheet}\t{number}\t{_object(cells)}\t{{}}\t"
        f"{uai}\t{how}\t{NULL if confidence is None else confidence}\t"
        f"{field(_json(_proposals(proposals))) if proposals else '[]'}\t{label}\t"
        f"{email}\t{recipient}\t"
        f"{NULL if units is None else units}\t{units_before}\t"
        f"{NULL if classes is None else classes}\t{contact_name}\t{phone}\t"
        f"{NULL if before is None else field(_json(before))}\t{verdict.value}\t"
        f"{_problems(done) if problems else _NO_PROBLEMS}\t"
        f"{settlement}\t{ignored}\t{set_aside}\t{awaited}\tFalse\t{ticked}\n"
    )


def _object(cells: Mapping[str, str]) -> str:
    """Return cells as the text of a JSON object, as it stands in a line of COPY's."""
    if not cells:
        return "{}"
    inner = '", "'.join([f'{meaning}": "{text}' for meaning, text in cells.items()])
    if inner.count('"') == 4 * len(cells) - 2 and ESCAPE not in inner and inner.isprintable():
        # Nothing in them that JSON writes otherwise: most cells of most rows.
        return f'{{"{inner}"}}'
    return field(_json(cells))


_json = json.JSONEncoder(ensure_ascii=False).encode


_NO_PROBLEMS = "[]\t{}"


def _problems(done: JudgedRow) -> str:
    """Return the problems and their codes, two columns."""
    told = field(_json([problem.as_json() for problem in done.problems]))
    return f"{told}\t{{{','.join(done.codes)}}}"


def _proposals(proposals: Iterable[Proposal]) -> list[dict[str, Any]]:
    return [proposal._asdict() for proposal in proposals]


class ShownRow(NamedTuple):
    """A ticked row as it was shown: what it asks for, the verdict it had; and its school as the directory has it."""

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
    settlement: str
    verdict: str
    units_before: int
    recipient: str
    before: dict[str, Any] | None
    #: Whether it may no longer be what was shown.
    doubtful: bool
    name: str | None
    mailbox: str | None
    state: str | None

    @property
    def asked(self) -> Asked:
        """The row as it is to be judged again. Its cells are not needed: they were checked."""
        return Asked(
            CheckedRow(
                self.sheet, self.number, {}, self.email, self.units, self.classes, self.contact_name, self.phone, [], ""
            ),
            Resolved(self.uai, self.how, self.confidence, (), ""),
            settlement=self.settlement,
            own_units=True,
        )


# A row of which everything stands as it was shown gets the same verdict again. Whatever is not plainly so is looked at.
_TICKED = """
SELECT row.sheet, row.number, row.uai, row.how, row.confidence, row.email, row.units, row.classes,
    row.contact_name, row.phone, row.settlement, row.verdict, row.units_before, row.recipient, row.before,
    %(pool)s IS NULL
    OR row.before IS NOT NULL OR row.settlement <> '' OR row.units <= row.units_before
    OR row.verdict <> CASE row.units_before WHEN 0 THEN 'new' ELSE 'changed' END
    OR (school.state <> %(closed)s AND row.units_before = coalesce(allocation.units, 0)
        AND row.recipient = coalesce(nullif(row.email, ''), nullif(remit.contact_email, ''), school.email)
    ) IS NOT TRUE,
    school.name, school.email, school.state
FROM imports_importrow AS row
LEFT JOIN public.schools_school AS school ON school.uai = row.uai
LEFT JOIN collectivities_schoolinremit AS remit ON remit.school_id = row.uai
LEFT JOIN pools_allocation AS allocation
    ON allocation.pool_id = %(pool)s AND allocation.school_id = row.uai AND allocation.revoked_at IS NULL
WHERE row.import_id = %(table)s AND row.ticked
"""


#: So many rows are a good part of their table.
_MANY = 5_000


def ticked_rows(table: Import) -> list[ShownRow]:
    """Return what is to be applied, in the order of the file. Of the remit's, every row is doubtful."""
    with connection.cursor() as cursor:
        if many := table.layout.get("rows", 0) >= _MANY:
            # Until a vacuum comes by, the planner takes the rows of a new import for a few, and would look up each.
            cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(_TICKED, {"table": table.pk, "pool": table.pool_id, "closed": SchoolState.CLOSED})
        found = cursor.fetchall()
        if many:
            cursor.execute("RESET enable_nestloop")
    at = ShownRow._fields.index("before")
    if table.purpose == Purpose.REMIT:
        found = [(*row[:at], row[at] and json.loads(row[at]), *row[at + 1 :]) for row in found]
    # They mostly stand in that order already, which the database would not notice.
    return sorted(map(ShownRow._make, found), key=attrgetter("sheet", "number"))


def checked(row: ImportRow, table: Import) -> CheckedRow:
    """Check a stored row anew, with what the member corrected in it."""
    cells = {Meaning(meaning): text for meaning, text in {**row.cells, **row.edits}.items()}
    return check_cells(
        row.sheet,
        row.number,
        cells,
        {**row.cells, **row.edits},
        ignored=row.passed_over,
        # A number that the member typed counts whatever says the others'.
        volume=Meaning.UNITS if Meaning.UNITS.value in row.edits else volume_column(table.layout.get("volume")),
    )


def asked(row: ImportRow, checked_row: CheckedRow, school: Resolved) -> Asked:
    """Return the row as it is to be judged, with what the member decided about it."""
    return Asked(
        checked_row,
        school,
        set_aside=row.set_aside,
        awaited=row.awaited,
        settlement=row.settlement,
        own_units=Meaning.UNITS.value in row.edits,
    )


def found_before(row: ImportRow) -> Resolved:
    """Return which school a stored row was found to name, or why it names none."""
    doubt = "" if row.how else next((said["code"] for said in row.problems if said["code"] in DOUBTS), "")
    return Resolved(
        row.uai,
        row.how,
        row.confidence,
        tuple(Proposal(**proposal) for proposal in row.proposals),
        doubt,
        uai_in({**row.cells, **row.edits}) if doubt else "",
    )


def rewrite(row: ImportRow, done: JudgedRow, *, ticked: bool) -> None:
    """Put a new verdict into a stored row; `replace` saves it."""
    school, checked_row = done.asked.school, done.asked.row
    row.uai, row.how, row.confidence = school.uai, school.how, school.confidence
    row.proposals = _proposals(school.proposals)
    row.label = done.label
    row.email, row.recipient = checked_row.email, done.recipient
    row.units, row.units_before = done.units, done.units_before
    row.classes, row.contact_name, row.phone = checked_row.classes, checked_row.contact_name, checked_row.phone
    row.before = done.before
    row.verdict = done.verdict.value
    row.problems = [problem.as_json() for problem in done.problems]
    row.codes = done.codes
    row.settlement = done.asked.settlement
    row.ticked = ticked


class StoredLine(NamedTuple):
    """What of a stored row matters to the others, and what was said of it because of them."""

    pk: int
    line: Line
    summed: bool
    huge: bool


_LINES = """
SELECT id, sheet, number, uai, lower(email), units, contact_name, phone, classes,
       coalesce(edits ->> 'commune', cells ->> 'commune', ''), passed_over = '' AND NOT set_aside,
       'looks_like_sum' = ANY(codes), 'huge' = ANY(codes)
FROM imports_importrow WHERE import_id = %s ORDER BY sheet, number
"""


def lines(table: Import) -> list[StoredLine]:
    """Return what of each row of an import matters to the others, in the order of the file."""
    of_remit = table.purpose == Purpose.REMIT
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [table.pk])
        return [
            StoredLine(
                pk,
                Line(
                    sheet, number, uai, email, units, (contact, email, phone, classes) if of_remit else units, commune,
                    counted,
                ),
                summed,
                huge,
            )
            for (
                pk, sheet, number, uai, email, units, contact, phone, classes, commune, counted, summed, huge,
            ) in cursor.fetchall()
        ]  # fmt: skip
