"""Corrected files: parsed with the layout of the import they correct.

Decisions about rows are carried over by `carried_decisions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db.models import Q

from core.tenant_connection import connection
from core.workbook import clean_sheet_name
from imports.enums import ImportState
from imports.layout import LayoutChoices
from imports.meanings import ADDED_TITLES, Meaning, is_added_title
from imports.models import SpreadsheetImport
from imports.operations.import_lock import READ_TASK, queue_task
from imports.parsing.spreadsheet import ParsedSheet
from imports.workbooks import provenance
from schools.folding import fold


def find_corrected_import(
    content: bytes, *, purpose: str, pool_id: int | None
) -> tuple[SpreadsheetImport | None, int | None]:
    """Return the import that a file corrects according to its provenance, and the choice column (from 0).

    None if it has no provenance, or one of another pool or purpose.
    """
    found = provenance.read_provenance(content, connection.schema_name)
    if found is None:
        return None, None
    earlier = SpreadsheetImport.objects.filter(Q(pool_id=pool_id), pk=found.import_id, purpose=purpose).first()
    return earlier, found.choice if earlier else None


def build_choices(earlier: SpreadsheetImport, choice: int | None) -> LayoutChoices:
    """Return layout choices that reproduce the layout of an earlier import."""
    layout = earlier.layout
    names = [clean_sheet_name(name, number) for number, name in enumerate(layout.sheets, start=1)]
    columns = {meaning: layout.columns.get(meaning) for meaning in Meaning}
    if choice is None:
        # Detected by its title.
        del columns[Meaning.CHOICE]
    else:
        columns[Meaning.CHOICE] = choice
    return LayoutChoices(
        sheets=[names[region.sheet] for region in layout.regions] or None,
        # Several sheets may have different header rows.
        header_row=(layout.header_row or 0) if len(layout.regions) == 1 else earlier.choices.header_row,
        columns=columns,
        answers=earlier.choices.answers,
        carried=True,
    )


def inherit_settings(
    spreadsheet_import: SpreadsheetImport, earlier: SpreadsheetImport, choice: int | None = None
) -> None:
    """Make an import correct an earlier one, with its layout and volume. Does not save."""
    spreadsheet_import.corrects_id = earlier.pk
    if earlier.layout.columns:
        spreadsheet_import.choices = build_choices(earlier, choice)
    spreadsheet_import.volume = spreadsheet_import.volume or earlier.volume or earlier.layout.volume or ""
    if spreadsheet_import.units_for_all is None:
        spreadsheet_import.units_for_all = earlier.units_for_all


def lock_with_corrected(import_id: int) -> SpreadsheetImport:
    """Lock an import and the one it corrects, in the order of their ids."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    earlier = _latest_correction(spreadsheet_import)
    found = {
        one.pk: one
        for one in SpreadsheetImport.objects.locked().filter(pk__in=[import_id, earlier.pk if earlier else 0])
    }
    spreadsheet_import = found[import_id]
    if earlier is not None and spreadsheet_import.state == ImportState.UPLOADED:
        spreadsheet_import.corrects_id = earlier.pk
    return spreadsheet_import


def _latest_correction(spreadsheet_import: SpreadsheetImport) -> SpreadsheetImport | None:
    """Return the latest import in the chain of corrections before this one."""
    earlier = (
        SpreadsheetImport.objects.filter(pk=spreadsheet_import.corrects_id).first()
        if spreadsheet_import.corrects_id
        else None
    )
    while earlier is not None:
        later = (
            SpreadsheetImport.objects.filter(corrects_id=earlier.pk, pk__lt=spreadsheet_import.pk)
            .exclude(state__in=[ImportState.UPLOADED, ImportState.REJECTED])
            .order_by("pk")
            .last()
        )
        if later is None:
            return earlier
        earlier = later
    return None


def requeue_if_moved(spreadsheet_import: SpreadsheetImport, parsed_sheet: ParsedSheet) -> bool:
    """Queue a corrected file again if its columns moved, or if it is recognised by its titles only.

    Return whether it was queued: then this parse must be discarded.
    """
    if spreadsheet_import.corrects_id is None:
        earlier = _find_by_titles(spreadsheet_import, parsed_sheet)
        if earlier is None:
            return False
        inherit_settings(spreadsheet_import, earlier)
    elif spreadsheet_import.choices.carried:
        earlier = SpreadsheetImport.objects.get(pk=spreadsheet_import.corrects_id)
        if _own_titles(parsed_sheet.titles) == _own_titles(earlier.layout.titles):
            return False
        spreadsheet_import.choices = _remapped_choices(earlier, parsed_sheet)
    else:
        return False
    spreadsheet_import.save(update_fields=["corrects_id", "choices", "volume", "units_for_all"])
    queue_task(READ_TASK, spreadsheet_import)
    return True


def requeue_without_choices(spreadsheet_import: SpreadsheetImport) -> bool:
    """Queue a corrected file again without inherited choices; return False if it had none."""
    if not spreadsheet_import.choices.carried:
        return False
    spreadsheet_import.choices = LayoutChoices()
    spreadsheet_import.save(update_fields=["choices"])
    queue_task(READ_TASK, spreadsheet_import)
    return True


def _find_by_titles(spreadsheet_import: SpreadsheetImport, parsed_sheet: ParsedSheet) -> SpreadsheetImport | None:
    """Return the import that this annotated workbook corrects, by its titles, as its provenance was lost."""
    if {fold(title) for title in ADDED_TITLES} - {
        fold(title) for title in parsed_sheet.titles
    } or not parsed_sheet.header_digest:
        return None
    return (
        SpreadsheetImport.objects.filter(
            Q(pool_id=spreadsheet_import.pool_id),
            purpose=spreadsheet_import.purpose,
            layout__header_digest=parsed_sheet.header_digest,
            annotated__made_at__isnull=False,
        )
        .exclude(pk__gte=spreadsheet_import.pk)
        .order_by("pk")
        .last()
    )


def _own_titles(titles: Sequence[str]) -> list[str]:
    own = [fold(title) for title in titles if not is_added_title(title)]
    while own and not own[-1]:
        own.pop()
    return own


def _remapped_choices(earlier: SpreadsheetImport, parsed_sheet: ParsedSheet) -> LayoutChoices:
    """Return choices with the columns relocated by title, none if that is ambiguous."""
    before = earlier.layout.titles
    columns: dict[Meaning, int | None] = {}
    for meaning, index in earlier.layout.columns.items():
        title = fold(before[index]) if index < len(before) else ""
        places = [place for place, now in enumerate(parsed_sheet.titles) if title and fold(now) == title]
        if meaning != Meaning.CHOICE and len(places) != 1:
            return LayoutChoices()
        if places:
            columns[meaning] = places[0]
    # Answers name columns by their letters, which have moved.
    return replace(build_choices(earlier, None), columns=columns, answers={}, carried=False)
