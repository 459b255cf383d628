"""Annotated workbook: requested by a member, built by the worker."""

import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from core.connections import connection
from imports.columns import Meaning
from imports.enums import ImportState, RowMatchMethod, Verdict
from imports.models import ANNOTATED_FILE_KEPT, AnnotatedFile, ImportFile, ImportRow, SpreadsheetImport
from imports.operations.import_lock import ANNOTATE_TASK, lock_import, queue_task
from imports.workbooks import provenance
from imports.workbooks.marks import LEFT_OUT, PageDecision, RowMarks, TableLocation, build_mark, format_school
from jobs.retention import schedule_pruning

if TYPE_CHECKING:
    from imports.workbooks.annotated_workbook import AnnotatedWorkbook

#: Time after which building the workbook counts as failed, whatever its size.
MAX_DURATION = datetime.timedelta(minutes=15)
_MARKED_FIELDS = (
    *("sheet", "number", "verdict", "problems", "proposals", "edits", "set_aside", "conflict_resolution"),
    *("uai", "label", "match_method"),
)
_DIGEST_SQL = """
SELECT encode(sha256(convert_to(coalesce(string_agg(
           concat_ws('|', sheet, number, verdict, problems, proposals, edits, set_aside, conflict_resolution),
           E'\\n' ORDER BY sheet, number), ''), 'UTF8')),
       'hex')
FROM imports_importrow
WHERE import_id = %s
  AND (verdict <> 'ignored' AND problems <> '[]' OR codes && %s::varchar[]
       OR edits <> '{}' OR set_aside OR conflict_resolution <> '')
"""


class AnnotationState(StrEnum):
    """State of an annotated workbook."""

    ABSENT = "absent"
    MAKING = "making"
    READY = "ready"
    #: Rows changed since it was built.
    OUT_OF_DATE = "out_of_date"
    FAILED = "failed"


def get_annotation_state(spreadsheet_import: SpreadsheetImport, at: datetime.datetime) -> AnnotationState:
    """Return the state of the annotated workbook of an import."""
    file = AnnotatedFile.objects.defer("content").filter(pk=spreadsheet_import.pk).first()
    if file is None:
        return AnnotationState.ABSENT
    if file.failure:
        return AnnotationState.FAILED
    if file.made_at is None:
        return AnnotationState.MAKING if at - file.asked_at < MAX_DURATION else AnnotationState.FAILED
    return (
        AnnotationState.READY
        if file.digest == compute_problem_digest(spreadsheet_import)
        else AnnotationState.OUT_OF_DATE
    )


def compute_problem_digest(spreadsheet_import: SpreadsheetImport) -> str:
    """Return the digest of the current problems of the rows, and of what was decided about them."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGEST_SQL, [spreadsheet_import.pk, list(LEFT_OUT)])
        value: str = cursor.fetchone()[0]
    return value


@transaction.atomic
def request_annotation(*, import_id: int, at: datetime.datetime) -> AnnotationState:
    """Queue the annotated workbook unless it is being built or up to date; return its state.

    Raises `Refusal` unless the import is in review.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    stage = get_annotation_state(spreadsheet_import, at)
    if stage in (AnnotationState.MAKING, AnnotationState.READY):
        return stage
    AnnotatedFile.objects.update_or_create(
        of=spreadsheet_import, defaults={"asked_at": at, "made_at": None, "digest": "", "failure": "", "content": b""}
    )
    queue_task(ANNOTATE_TASK, spreadsheet_import)
    schedule_pruning(at + ANNOTATED_FILE_KEPT)
    return AnnotationState.MAKING


def build_annotated_workbook(spreadsheet_import: SpreadsheetImport) -> tuple["AnnotatedWorkbook", str]:
    """Build the annotated workbook; return it with its digest. Slow, hence without writes or locks.

    Raises `UnreadableFile` if the file can no longer be parsed, or takes too much memory or time.
    """
    from imports.foreign_files import annotate_foreign_file  # noqa: PLC0415 - loads openpyxl, which workers alone need

    digest = compute_problem_digest(spreadsheet_import)
    content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=spreadsheet_import.pk))
    made = annotate_foreign_file(
        content,
        TableLocation.from_layout(spreadsheet_import.layout),
        build_marks(spreadsheet_import),
        provenance.sign(spreadsheet_import.pk, connection.schema_name),
    )
    return made, digest


def build_marks(spreadsheet_import: SpreadsheetImport) -> list[RowMarks]:
    """Return the marks of the rows with problems or decisions, in order."""
    layout = spreadsheet_import.layout
    problematic = ~Q(verdict=Verdict.IGNORED) & ~Q(problems=[]) | Q(codes__overlap=list(LEFT_OUT))
    decided = ~Q(edits={}) | Q(set_aside=True) | ~Q(conflict_resolution="")
    found = (
        ImportRow.objects.filter(problematic | decided, import_id=spreadsheet_import.pk)
        .order_by("sheet", "number")
        .values_list(*_MARKED_FIELDS, named=True)
    )
    marks = (
        build_mark(
            sheet=row.sheet,
            number=row.number,
            verdict=row.verdict,
            problems=row.problems,
            proposals=row.proposals,
            decision=PageDecision(row.edits, _format_chosen(row), row.set_aside, row.conflict_resolution),
            columns=layout.columns_at(row.sheet, row.number),
            volume=layout.volume,
        )
        for row in found.iterator(chunk_size=2_000)
    )
    return [made for made in marks if made is not None]


def _format_chosen(row: Any) -> str:
    """Return the school that a member chose for a row on the page, "" if none."""
    chosen = row.edits.get(Meaning.UAI) and row.match_method == RowMatchMethod.CHOSEN
    return format_school(row.uai, row.label) if chosen else ""


@transaction.atomic
def store_annotated_workbook(*, import_id: int, made: "AnnotatedWorkbook", digest: str, at: datetime.datetime) -> None:
    """Store the annotated workbook, unless its import was deleted meanwhile."""
    AnnotatedFile.objects.filter(pk=import_id).update(
        made_at=at, digest=digest, suffix=made.suffix, rebuilt=made.rebuilt, failure="", content=made.content
    )


@transaction.atomic
def mark_annotation_failed(*, import_id: int, sentence: str = "") -> None:
    """Record that the workbook could not be built, and why where it is known."""
    AnnotatedFile.objects.filter(pk=import_id).update(
        failure=sentence
        or "Le classeur annoté n'a pas pu être préparé. Corrigez les lignes sur la page, ou redemandez-le ; si "
        "cela se reproduit, écrivez-nous : le fichier d'origine nous suffira."
    )
