"""The workbook given back with its faults marked: asked for by a member, made by the worker."""

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

#: Whatever its size, a workbook is made within this time, or something went wrong with the worker.
LONGEST = datetime.timedelta(minutes=15)
_DIGEST = """
SELECT encode(sha256(convert_to(coalesce(string_agg(
           concat_ws('|', sheet, number, verdict, problems, proposals), E'\\n' ORDER BY sheet, number), ''), 'UTF8')),
       'hex')
FROM imports_importrow
WHERE import_id = %s AND verdict <> 'ignored' AND problems <> '[]' AND settlement = ''
"""


class Stage(StrEnum):
    """How far an annotated workbook is."""

    ABSENT = "absent"
    MAKING = "making"
    READY = "ready"
    #: Rows were corrected since it was made.
    OUT_OF_DATE = "out_of_date"
    FAILED = "failed"


def stage_of(table: Import, at: datetime.datetime) -> Stage:
    """Return how far the annotated workbook of an import is."""
    file = AnnotatedFile.objects.defer("content").filter(pk=table.pk).first()
    if file is None:
        return Stage.ABSENT
    if file.failure:
        return Stage.FAILED
    if file.made_at is None:
        return Stage.MAKING if at - file.asked_at < LONGEST else Stage.FAILED
    return Stage.READY if file.digest == digest_of_faults(table) else Stage.OUT_OF_DATE


def digest_of_faults(table: Import) -> str:
    """Return the digest of what an annotated workbook would say now."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGEST, [table.pk])
        value: str = cursor.fetchone()[0]
    return value


@transaction.atomic
def ask(*, import_id: int, at: datetime.datetime) -> Stage:
    """Have the annotated workbook made, unless it is being made or is up to date; return how far it is.

    Raises the states' refusals: only a table that is being verified has faults to correct.
    """
    table = locked(import_id, ImportState.CHECKED)
    stage = stage_of(table, at)
    if stage in (Stage.MAKING, Stage.READY):
        return stage
    AnnotatedFile.objects.update_or_create(
        of=table, defaults={"asked_at": at, "made_at": None, "digest": "", "failure": "", "content": b""}
    )
    queue(ANNOTATE_TASK, table)
    return Stage.MAKING


def make_annotated(table: Import) -> tuple[Made, str]:
    """Return the annotated workbook, and the digest of what it says. Writes nothing, holds no lock: it takes a while.

    Raises `Unreadable` where the file cannot be read any more.
    """
    digest = digest_of_faults(table)
    content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=table.pk))
    schema: str = connection.schema_name  # type: ignore[attr-defined]

    def sign(book: Workbook, choice: int) -> None:
        provenance.put(book, provenance.signed(provenance.Provenance(table.pk, choice), schema))

    return make(content, Place.of(table.layout), marks_of(table), sign), digest


def marks_of(table: Import) -> list[Mark]:
    """Return what is to be said of the rows, in their order."""
    columns, volume = table.layout.get("columns", {}), table.layout.get("volume")
    faulty = (
        ImportRow.objects.filter(import_id=table.pk, settlement="")
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
    """Store what was made; nobody may have asked for it any more."""
    AnnotatedFile.objects.filter(pk=import_id).update(
        made_at=at, digest=digest, suffix=made.suffix, rebuilt=made.rebuilt, failure="", content=made.content
    )


@transaction.atomic
def annotation_failed(*, import_id: int) -> None:
    """Say that the workbook could not be made, so that nobody waits for it."""
    AnnotatedFile.objects.filter(pk=import_id).update(
        failure="Le classeur annoté n'a pas pu être préparé. Corrigez les lignes sur la page, ou redemandez-le ; si "
        "cela se reproduit, écrivez-nous : le fichier d'origine nous suffira."
    )
