"""Annotated workbook: requested by a member, built by the worker."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Q

from imports.enums import ImportState, Verdict
from imports.models import AnnotatedFile, ImportFile, ImportRow
from imports.operations.locking import ANNOTATE_TASK, locked, queue
from imports.workbooks import provenance
from imports.workbooks.making import Made, make
from imports.workbooks.marks import Place, mark

if TYPE_CHECKING:
    from openpyxl import Workbook

    from imports.models import Import
    from imports.workbooks.marks import Mark

#: Time after which building the workbook counts as failed, whatever its size.
LONGEST = datetime.timedelta(minutes=15)
_DIGEST_SQL = """
SELECT encode(sha256(convert_to(coalesce(string_agg(
           concat_ws('|', sheet, number, verdict, problems, proposals), E'\\n' ORDER BY sheet, number), ''), 'UTF8')),
       'hex')
FROM imports_importrow
WHERE import_id = %s AND verdict <> 'ignored' AND problems <> '[]' AND settlement = ''
"""


class Stage(StrEnum):
    """State of an annotated workbook."""

    ABSENT = "absent"
    MAKING = "making"
    READY = "ready"
    #: Rows changed since it was built.
    OUT_OF_DATE = "out_of_date"
    FAILED = "failed"


def stage_of(spreadsheet_import: Import, at: datetime.datetime) -> Stage:
    """Return the state of the annotated workbook of an import."""
    file = AnnotatedFile.objects.defer("content").filter(pk=spreadsheet_import.pk).first()
    if file is None:
        return Stage.ABSENT
    if file.failure:
        return Stage.FAILED
    if file.made_at is None:
        return Stage.MAKING if at - file.asked_at < LONGEST else Stage.FAILED
    return Stage.READY if file.digest == digest_of_faults(spreadsheet_import) else Stage.OUT_OF_DATE


def digest_of_faults(spreadsheet_import: Import) -> str:
    """Return the digest of the current problems of the rows."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGEST_SQL, [spreadsheet_import.pk])
        value: str = cursor.fetchone()[0]
    return value


@transaction.atomic
def ask(*, import_id: int, at: datetime.datetime) -> Stage:
    """Queue the annotated workbook unless it is being built or up to date; return its state.

    Raises `UnknownImport`, `WrongImportState` unless the import is in review.
    """
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    stage = stage_of(spreadsheet_import, at)
    if stage in (Stage.MAKING, Stage.READY):
        return stage
    AnnotatedFile.objects.update_or_create(
        of=spreadsheet_import, defaults={"asked_at": at, "made_at": None, "digest": "", "failure": "", "content": b""}
    )
    queue(ANNOTATE_TASK, spreadsheet_import)
    return Stage.MAKING


def make_annotated(spreadsheet_import: Import) -> tuple[Made, str]:
    """Build the annotated workbook; return it with its digest. Slow, hence without writes or locks.

    Raises `UnreadableFile` if the file can no longer be parsed.
    """
    digest = digest_of_faults(spreadsheet_import)
    content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=spreadsheet_import.pk))
    schema: str = connection.schema_name  # type: ignore[attr-defined]

    def sign(book: Workbook, choice: int) -> None:
        provenance.put(book, provenance.signed(provenance.Provenance(spreadsheet_import.pk, choice), schema))

    return make(content, Place.of(spreadsheet_import.layout), marks_of(spreadsheet_import), sign), digest


def marks_of(spreadsheet_import: Import) -> list[Mark]:
    """Return the marks of the rows with problems, in order."""
    columns, volume = spreadsheet_import.layout.get("columns", {}), spreadsheet_import.layout.get("volume")
    faulty = (
        ImportRow.objects.filter(import_id=spreadsheet_import.pk, settlement="")
        .exclude(Q(verdict=Verdict.IGNORED) | Q(problems=[]))
        .order_by("sheet", "number")
        .values_list("sheet", "number", "verdict", "problems", "proposals")
    )
    marks = (
        mark(
            sheet=sheet,
            number=number,
            verdict=verdict,
            problems=problems,
            proposals=proposals,
            columns=columns,
            volume=volume,
        )
        for sheet, number, verdict, problems, proposals in faulty.iterator(chunk_size=2_000)
    )
    return [made for made in marks if made is not None]


@transaction.atomic
def keep_annotated(*, import_id: int, made: Made, digest: str, at: datetime.datetime) -> None:
    """Store the annotated workbook, unless its import was deleted meanwhile."""
    AnnotatedFile.objects.filter(pk=import_id).update(
        made_at=at, digest=digest, suffix=made.suffix, rebuilt=made.rebuilt, failure="", content=made.content
    )


@transaction.atomic
def annotation_failed(*, import_id: int) -> None:
    """Record that the workbook could not be built."""
    AnnotatedFile.objects.filter(pk=import_id).update(
        failure="Le classeur annoté n'a pas pu être préparé. Corrigez les lignes sur la page, ou redemandez-le ; si "
        "cela se reproduit, écrivez-nous : le fichier d'origine nous suffira."
    )
