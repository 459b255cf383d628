"""Rows to and from the database: COPYed once with their verdict, and read back to be judged again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import Q

from imports.meanings import Meaning
from imports.models import ImportRow
from imports.resolving import Resolved
from imports.rows import CheckedRow, check_cells
from imports.table import volume_column
from imports.verdicts import Asked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from imports.models import Import
    from imports.verdicts import JudgedRow
    from schools.recognition import Proposal

_COPY = (
    "COPY imports_importrow (import_id, sheet, number, cells, edits, uai, how, confidence, proposals, label, email, "
    "recipient, units, units_before, classes, contact_name, phone, before, verdict, problems, codes, settlement, "
    "passed_over, set_aside, awaited, altered, ticked) FROM STDIN"
)


def store(import_id: int, judged: Iterable[JudgedRow]) -> None:
    """Write the rows of an import, in place of those that a reading before may have left."""
    ImportRow.objects.filter(import_id=import_id).delete()
    dumps = json.JSONEncoder(ensure_ascii=False).encode
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for done in judged:
            asked = done.asked
            row, school = asked.row, asked.school
            copy.write_row(
                (
                    import_id,
                    row.sheet,
                    row.number,
                    dumps(row.cells),
                    "{}",
                    school.uai,
                    school.how,
                    school.confidence,
                    dumps(_proposals(school.proposals)) if school.proposals else "[]",
                    done.label,
                    row.email,
                    done.recipient,
                    done.units,
                    done.units_before,
                    row.classes,
                    row.contact_name,
                    row.phone,
                    dumps(done.before) if done.before is not None else None,
                    done.verdict.value,
                    dumps([problem._asdict() for problem in done.problems]) if done.problems else "[]",
                    [problem.code for problem in done.problems],
                    asked.settlement,
                    row.ignored[:100],
                    asked.set_aside,
                    asked.awaited,
                    False,
                    done.ticked,
                )
            )


def _proposals(proposals: Iterable[Proposal]) -> list[dict[str, Any]]:
    return [proposal._asdict() for proposal in proposals]


class ShownRow(NamedTuple):
    """A ticked row as it was shown: what it asks for, and the verdict it had."""

    asked: Asked
    verdict: str
    units: int | None
    units_before: int
    recipient: str
    before: dict[str, Any] | None


def ticked_rows(import_id: int) -> list[ShownRow]:
    """Return what is to be applied, in the order of the file. Its cells are not needed again: they were checked."""
    found = ImportRow.objects.filter(import_id=import_id, ticked=True).order_by("sheet", "number")
    return [
        ShownRow(
            Asked(
                CheckedRow(sheet, number, {}, email, units, classes, contact_name, phone, [], ""),
                Resolved(uai, how, confidence, (), ""),
                settlement=settlement,
                own_units=True,
            ),
            verdict,
            units,
            units_before,
            recipient,
            before,
        )
        for (
            sheet, number, uai, how, confidence, email, units, classes, contact_name, phone, settlement, verdict,
            units_before, recipient, before,
        ) in found.values_list(
            "sheet", "number", "uai", "how", "confidence", "email", "units", "classes", "contact_name", "phone",
            "settlement", "verdict", "units_before", "recipient", "before",
        )
    ]  # fmt: skip


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


def rewrite(row: ImportRow, done: JudgedRow, *, ticked: bool) -> None:
    """Put a new verdict into a stored row; saving it is the caller's."""
    school, checked_row = done.asked.school, done.asked.row
    row.uai, row.how, row.confidence = school.uai, school.how, school.confidence
    row.proposals = _proposals(school.proposals)
    row.label = done.label
    row.email, row.recipient = checked_row.email, done.recipient
    row.units, row.units_before = done.units, done.units_before
    row.classes, row.contact_name, row.phone = checked_row.classes, checked_row.contact_name, checked_row.phone
    row.before = done.before
    row.verdict = done.verdict
    row.problems = [problem.as_json() for problem in done.problems]
    row.codes = [problem.code for problem in done.problems]
    row.ticked = ticked


VERDICT_FIELDS = (
    "edits", "uai", "how", "confidence", "proposals", "label", "email", "recipient", "units", "units_before", "classes",
    "contact_name", "phone", "before", "verdict", "problems", "codes", "settlement", "passed_over", "set_aside",
    "awaited", "ticked",
)  # fmt: skip


def rows_of_schools(table: Import, uais: Collection[str], row_ids: Collection[int]) -> list[ImportRow]:
    """Return these rows and those of these schools: what one correction may change."""
    return list(
        ImportRow.objects.filter(import_id=table.pk)
        .filter(Q(pk__in=row_ids) | Q(uai__in=[uai for uai in uais if uai]))
        .order_by("sheet", "number")
    )
