"""Edit, set aside, await, resolve and tick rows, one or all of a filter, and check them again."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Unpack

from django.db import transaction

from accounts.models import User
from imports import queries
from imports.checks.problem_codes import RESOLUTIONS_BY_CODE
from imports.enums import ImportState, RowMatchMethod, Verdict
from imports.exceptions import CannotAwait, CannotResolveConflict, RowCannotBeTicked, UnknownRow
from imports.meanings import Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.import_lock import lock_import
from imports.operations.recheck import change_rows, is_tickable
from imports.parsing.cells import cell_to_text
from imports.queries import BaseRowQuery
from schools import uai


@transaction.atomic
def amend_row(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    edits: Mapping[str, str] | None = None,
    set_aside: bool | None = None,
    awaited: bool | None = None,
    conflict_resolution: str | None = None,
    ticked: bool | None = None,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> ImportRow:
    """Edit, set aside, resolve or tick a row; return it with its new verdict.

    `edits`: new cell texts by meaning; a UAI alone is a school chosen by the member, whatever the other cells say.
    `awaited`: set aside until the directory knows the school. `conflict_resolution`: how the conflict is resolved, ""
    to reopen it. All affected rows are checked again; `others_changed` of the row returned tells whether any changed.
    Raises `UnknownRow`, `RowCannotBeTicked`, `CannotAwait`, `CannotResolveConflict`, `UnknownImport`,
    `WrongImportState`, having changed nothing.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, sheet=sheet, number=number).first()
    if row is None:
        raise UnknownRow(f"La ligne {number} n'est pas dans ce tableau.")
    if awaited:
        _check_awaitable(row)
    if conflict_resolution:
        _check_resolution(row, conflict_resolution)

    def alter(row: ImportRow) -> None:
        row.edits = _merge_edits(row, edits, spreadsheet_import) if edits else row.edits
        row.conflict_resolution = row.conflict_resolution if conflict_resolution is None else conflict_resolution
        if awaited is not None:
            row.awaited = row.set_aside = awaited
        if set_aside is not None:
            row.set_aside = set_aside
            row.awaited = row.awaited and set_aside
            row.ignored_reason = row.ignored_reason if set_aside else ""

    if edits or any(decided is not None for decided in (set_aside, awaited, conflict_resolution)):
        row.others_changed = change_rows(spreadsheet_import, [row], alter)
    if ticked is not None and ticked != row.ticked:
        _tick(row, ticked=ticked)
    row.refresh_from_db()  # reads the generated column
    return row


@transaction.atomic
def keep_row(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    units: int | None = None,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> int:
    """Settle a school that several rows cite: set aside those that contradict what is kept; return how many.

    `units`: the number to keep, whichever row states it; None to keep this row alone. Raises `UnknownRow`,
    `UnknownImport`, `WrongImportState`, having changed nothing.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, sheet=sheet, number=number).exclude(uai="").first()
    cited = (
        ImportRow.objects.filter(import_id=import_id, uai=row.uai, set_aside=False, ignored_reason="") if row else ()
    )
    kept = {one.pk for one in cited if (one == row if units is None else one.units == units)}
    if not kept:
        raise UnknownRow(f"Aucune ligne de cette école ne dit {units} : il n'y a rien à garder.")
    others = [one for one in cited if one.pk not in kept]

    def put_aside(row: ImportRow) -> None:
        row.set_aside = True

    change_rows(spreadsheet_import, others, put_aside)
    return len(others)


def _tick(row: ImportRow, *, ticked: bool) -> None:
    if ticked and not is_tickable(row.verdict, row.conflict_resolution):
        raise RowCannotBeTicked(f"La ligne {row.number} ne peut pas être appliquée telle quelle : corrigez-la d'abord.")
    row.ticked = ticked
    row.save(update_fields=["ticked"])


def _check_awaitable(row: ImportRow) -> None:
    if row.match_method or not row.uai:
        raise CannotAwait(
            f"La ligne {row.number} n'a pas d'UAI que l'annuaire ignore : il n'y a rien à attendre. Mettez-la de côté."
        )


def _check_resolution(row: ImportRow, conflict_resolution: str) -> None:
    if "below_redeemed_units" in row.codes:
        raise CannotResolveConflict(
            f"La clé de la ligne {row.number} est déjà activée : rien ne peut en être repris. Mettez-la de côté."
        )
    allowed = [resolution for code in row.codes for resolution in RESOLUTIONS_BY_CODE.get(code, ())]
    if row.verdict != Verdict.CONFLICT or not allowed:
        raise CannotResolveConflict(f"La ligne {row.number} n'est pas en conflit : il n'y a rien à régler.")
    if conflict_resolution not in allowed:
        raise CannotResolveConflict(
            f"La ligne {row.number} demande 0 licence : la clé se reprend, elle ne se réduit pas."
        )


def _merge_edits(row: ImportRow, edits: Mapping[str, str], spreadsheet_import: SpreadsheetImport) -> dict[str, str]:
    """Return the edits that differ from the original cells."""
    written = list_written_values(row, spreadsheet_import)
    wanted = row.edits | {Meaning(meaning).value: cell_to_text(text) for meaning, text in edits.items()}
    corrected = {meaning: text for meaning, text in wanted.items() if text != written.get(meaning, "")}
    chosen = uai.normalise(wanted.get(Meaning.UAI, ""))
    if list(edits) == [Meaning.UAI] and uai.is_valid(chosen) and row.match_method != RowMatchMethod.UAI:
        # The unconfirmed UAI of the row was confirmed by a member.
        corrected[Meaning.UAI.value] = chosen
    return corrected


def list_written_values(row: ImportRow, spreadsheet_import: SpreadsheetImport) -> dict[str, str]:
    """Return what a row says without corrections, by meaning: sent as an edit, it takes the correction away."""
    written: dict[str, str] = row.cells | (
        {Meaning.UNITS.value: str(spreadsheet_import.units_for_all)}
        if spreadsheet_import.units_for_all is not None
        else {}
    )
    combined = next((note for note in row.notes if note["column"] == Meaning.UNITS), None)
    if combined is not None:
        # The page shows the number of the note, not the one of the cell.
        written |= {Meaning.UNITS.value: "" if combined["units"] is None else str(combined["units"])}
    return written


@transaction.atomic
def tick_all(
    *, import_id: int, ticked: bool, except_codes: Collection[str] = (), **filters: Unpack[BaseRowQuery]
) -> int:
    """Tick or untick all tickable rows of a filter; return how many changed. `except_codes`: of rows to leave."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    found = queries.filter_rows(spreadsheet_import, **filters).filter(queries.is_tickable_q()).exclude(ticked=ticked)
    if except_codes:
        found = found.exclude(codes__overlap=list(except_codes))
    return ImportRow.objects.filter(pk__in=found.values("pk")).update(ticked=ticked)
