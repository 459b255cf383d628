"""Rows to and from the database: COPYed once with their verdict, and read back to be judged again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.db.models import Q

from imports.meanings import Meaning
from imports.models import ImportRow
from imports.rows import CheckedRow, check_cells

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from imports.models import Import
    from imports.verdicts import JudgedRow

_COPY = (
    "COPY imports_importrow (import_id, number, cells, edits, uai, repaired, label, email, recipient, units, "
    "units_before, verdict, problems, passed_over, set_aside, ticked) FROM STDIN"
)


def store(import_id: int, judged: Iterable[JudgedRow]) -> None:
    """Write the rows of an import, in place of those that a reading before may have left."""
    ImportRow.objects.filter(import_id=import_id).delete()
    dumps = json.JSONEncoder(ensure_ascii=False).encode
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for done in judged:
            row = done.row
            copy.write_row(
                (
                    import_id,
                    row.number,
                    dumps(row.cells),
                    "{}",
                    row.uai,
                    row.repaired,
                    done.label,
                    row.email,
                    done.recipient,
                    row.units,
                    done.units_before,
                    done.verdict.value,
                    dumps([problem._asdict() for problem in done.problems]) if done.problems else "[]",
                    row.ignored[:100],
                    done.set_aside,
                    done.ticked,
                )
            )


class ShownRow(NamedTuple):
    """A ticked row as it was shown: what it asks for, and the verdict it had."""

    row: CheckedRow
    verdict: str
    units_before: int
    recipient: str


def ticked_rows(import_id: int) -> list[ShownRow]:
    """Return what is to be applied, in the order of the file. Its cells are not needed again: they were checked."""
    found = ImportRow.objects.filter(import_id=import_id, ticked=True).order_by("number")
    return [
        ShownRow(
            CheckedRow(number, {}, uai, repaired=repaired, email=email, units=units, problems=[], ignored=""),
            verdict,
            units_before,
            recipient,
        )
        for number, uai, repaired, email, units, verdict, units_before, recipient in found.values_list(
            "number", "uai", "repaired", "email", "units", "verdict", "units_before", "recipient"
        )
    ]


def checked(row: ImportRow, *, units_for_all: int | None) -> CheckedRow:
    """Check a stored row anew, with what the member corrected in it."""
    cells = {Meaning(meaning): text for meaning, text in {**row.cells, **row.edits}.items()}
    return check_cells(
        row.number,
        cells,
        row.cells,
        ignored=row.passed_over,
        units_for_all=None if Meaning.UNITS.value in row.edits else units_for_all,
    )


def rewrite(row: ImportRow, done: JudgedRow, *, ticked: bool) -> None:
    """Put a new verdict into a stored row; saving it is the caller's."""
    row.uai = done.row.uai
    row.repaired = done.row.repaired
    row.label = done.label
    row.email = done.row.email
    row.recipient = done.recipient
    row.units = done.row.units
    row.units_before = done.units_before
    row.verdict = done.verdict
    row.problems = [problem.as_json() for problem in done.problems]
    row.ticked = ticked


VERDICT_FIELDS = (
    "edits",
    "uai",
    "repaired",
    "label",
    "email",
    "recipient",
    "units",
    "units_before",
    "verdict",
    "problems",
    "passed_over",
    "set_aside",
    "ticked",
)


def rows_of_schools(table: Import, uais: Collection[str], numbers: Collection[int]) -> list[ImportRow]:
    """Return the rows with one of these numbers or of these schools: what one correction may change."""
    return list(
        ImportRow.objects.filter(import_id=table.pk)
        .filter(Q(number__in=numbers) | Q(uai__in=[uai for uai in uais if uai]))
        .order_by("number")
    )
