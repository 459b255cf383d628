"""Carry decisions about rows over to the corrected file, and cancel the import that it replaces.

Rows are matched by sheet and cells, not by number, as rows may have been added or deleted.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Q

from accounts.models import User
from collectivities import audit_log
from core.workbook import clean_sheet_name
from imports.enums import APPLICABLE, ImportState, RequestAnswer
from imports.meanings import Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.recheck import change_rows
from imports.operations.request_answers import answer_request

#: States in which an import is cancelled when a corrected file replaces it.
_REPLACEABLE_STATES = (ImportState.UPLOADED, ImportState.READ, ImportState.CHECKED)
# Each row of the corrected file with the earlier row that has the same cells, apart from the choice; duplicates are
# paired in order; NULL if there is none. Then whether the choice differs, also from the school chosen on the page,
# which the annotated workbook repeats.
_PAIRS_SQL = """
WITH sheets AS (SELECT * FROM unnest(%(now)s::int[], %(was)s::int[]) AS one (now, was)),
later AS (
    SELECT id, sheet, cells, cells - 'choice' AS said,
           row_number() OVER (PARTITION BY sheet, cells - 'choice' ORDER BY number) AS nth
    FROM imports_importrow WHERE import_id = %(later)s
),
earlier AS (
    SELECT row.id, sheets.now AS sheet, row.cells, row.cells - 'choice' AS said,
           row_number() OVER (PARTITION BY row.sheet, row.cells - 'choice' ORDER BY row.number) AS nth,
           row.edits ->> 'uai' AS chosen
    FROM imports_importrow AS row JOIN sheets ON sheets.was = row.sheet WHERE row.import_id = %(earlier)s
)
SELECT later.id, earlier.id, later.cells -> 'choice' IS DISTINCT FROM earlier.cells -> 'choice'
       AND split_part(later.cells ->> 'choice', ' ', 1) IS DISTINCT FROM earlier.chosen
FROM later LEFT JOIN earlier USING (sheet, said, nth)
"""
# A tick set or removed by a member is kept if the verdict is the same. Untick first: the database allows one ticked row
# per school.
_UNTICK_SQL = """
UPDATE imports_importrow AS now SET ticked = false
FROM unnest(%(now)s::bigint[], %(was)s::bigint[]) AS pair (now, was), imports_importrow AS was
WHERE now.id = pair.now AND was.id = pair.was AND now.verdict = was.verdict AND now.ticked AND NOT was.ticked
"""
_TICK_SQL = """
UPDATE imports_importrow AS now SET ticked = true
FROM unnest(%(now)s::bigint[], %(was)s::bigint[]) AS pair (now, was), imports_importrow AS was
WHERE now.id = pair.now AND was.id = pair.was AND now.verdict = was.verdict AND was.ticked AND NOT now.ticked
  AND now.verdict = ANY(%(applicable)s) AND now.uai = was.uai AND now.recipient IS NOT DISTINCT FROM was.recipient
  AND NOT EXISTS (
      SELECT FROM imports_importrow AS other
      WHERE other.import_id = now.import_id AND other.uai = now.uai AND other.ticked
  )
"""


def carry_over_decisions(spreadsheet_import: SpreadsheetImport) -> None:
    """Copy decisions to the unchanged rows, mark the others as altered, and cancel the earlier import."""
    if spreadsheet_import.corrects_id is None:
        return
    earlier = SpreadsheetImport.objects.get(pk=spreadsheet_import.corrects_id)
    pairs = _pair_rows(spreadsheet_import, earlier)
    altered = [now for now, was, other_choice in pairs if was is None or other_choice]
    ImportRow.objects.extra(where=["id = ANY(%s)"], params=[altered]).update(altered=True)
    kept = {now: was for now, was, _ in pairs if was is not None}
    _carry_decisions(spreadsheet_import, kept, set(altered))
    ids: dict[str, list[Any]] = {
        "now": list(kept),
        "was": list(kept.values()),
        "applicable": list(map(str, APPLICABLE)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNTICK_SQL, ids)
        cursor.execute(_TICK_SQL, ids)
    _cancel_replaced(earlier, spreadsheet_import)


def _pair_rows(spreadsheet_import: SpreadsheetImport, earlier: SpreadsheetImport) -> list[tuple[int, int | None, bool]]:
    before = {clean_sheet_name(name, n): n - 1 for n, name in enumerate(earlier.layout.sheets, start=1)}
    names = [clean_sheet_name(name, number) for number, name in enumerate(spreadsheet_import.layout.sheets, start=1)]
    sheets = [(now, before[name]) for now, name in enumerate(names) if name in before]
    with connection.cursor() as cursor:
        cursor.execute(
            _PAIRS_SQL,
            {
                "now": [now for now, _ in sheets],
                "was": [was for _, was in sheets],
                "later": spreadsheet_import.pk,
                "earlier": earlier.pk,
            },
        )
        pairs: list[tuple[int, int | None, bool]] = cursor.fetchall()
    return pairs


def _carry_decisions(spreadsheet_import: SpreadsheetImport, kept: dict[int, int], altered: set[int]) -> None:
    """Copy edits, set-aside flags and conflict resolutions to the unchanged rows, and check them again."""
    decided = {
        row.pk: row
        for row in ImportRow.objects.filter(import_id=spreadsheet_import.corrects_id or 0).filter(
            ~Q(edits={}) | Q(set_aside=True) | ~Q(conflict_resolution="")
        )
    }
    # Rows ignored by the parser that a member restored.
    ignored_ids = (
        ImportRow.objects.filter(import_id=spreadsheet_import.pk)
        .exclude(ignored_reason="")
        .values_list("pk", flat=True)
    )
    restored_ids = [kept[pk] for pk in ignored_ids if pk in kept]
    for row in ImportRow.objects.filter(pk__in_array=restored_ids, ignored_reason=""):
        decided[row.pk] = row
    rows = [now for now, was in kept.items() if was in decided]
    changed = list(ImportRow.objects.filter(pk__in_array=rows))
    if not changed:
        return

    def decide(row: ImportRow) -> None:
        was = decided[kept[row.pk]]
        row.edits, row.conflict_resolution = was.edits, was.conflict_resolution
        row.set_aside, row.awaited, row.ignored_reason = was.set_aside, was.awaited, was.ignored_reason
        if row.pk in altered:
            # A school chosen in the workbook is more recent than the decision, and restores the row.
            row.set_aside = row.awaited = False
            row.edits = {meaning: text for meaning, text in was.edits.items() if meaning != Meaning.UAI}

    change_rows(spreadsheet_import, changed, decide)


def _cancel_replaced(earlier: SpreadsheetImport, spreadsheet_import: SpreadsheetImport) -> None:
    if earlier.state not in _REPLACEABLE_STATES:
        return
    by = User.objects.filter(pk=spreadsheet_import.created_by_id or 0).first()
    earlier.state = ImportState.CANCELLED
    earlier.save(update_fields=["state"])
    answer_request(earlier, RequestAnswer.REPLACED, by=by, at=spreadsheet_import.created_at)
    audit_log.record(
        action="import.replaced",
        by=by,
        at=spreadsheet_import.created_at,
        summary=f"Tableau « {earlier.filename} » remplacé par « {spreadsheet_import.filename} » : rien n'en a été "
        "appliqué.",
        object_type="import",
        object_id=earlier.pk,
    )
