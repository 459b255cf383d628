"""Edit, set aside, resolve and tick rows, and check them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from django.db import transaction

from imports import queries
from imports.enums import How, ImportState, Verdict
from imports.exceptions import CannotAwait, CannotSettle, RowCannotBeTicked, UnknownRow
from imports.meanings import Meaning
from imports.models import ImportRow
from imports.operations.locking import locked
from imports.operations.rejudging import can_be_ticked, change, check_all
from imports.reading.cells import text_of
from imports.verdicts.codes import SETTLED_BY
from schools import uai

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from accounts.models import User
    from imports.models import Import
    from imports.queries import Narrowing

#: Check every row again, when an import is returned to review.
check_again = check_all


@transaction.atomic
def amend(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    edits: Mapping[str, str] | None = None,
    set_aside: bool | None = None,
    awaited: bool | None = None,
    settlement: str | None = None,
    ticked: bool | None = None,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> ImportRow:
    """Edit, set aside, resolve or tick a row; return it with its new verdict.

    `edits`: new cell texts by meaning; a UAI alone is a school chosen by the member, whatever the other cells say.
    `awaited`: set aside until the directory knows the school. `settlement`: resolution of the conflict, "" to reopen
    it. All affected rows are checked again; `others_changed` of the row returned tells whether any changed. Raises
    `UnknownRow`, `RowCannotBeTicked`, `CannotAwait`, `CannotResolveConflict`, `UnknownImport`, `WrongImportState`,
    having changed nothing.
    """
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, sheet=sheet, number=number).first()
    if row is None:
        raise UnknownRow(f"La ligne {number} n'est pas dans ce tableau.")
    if awaited:
        _check_awaitable(row)
    if settlement:
        _check_resolution(row, settlement)

    def alter(row: ImportRow) -> None:
        row.edits = _merge_edits(row, edits, spreadsheet_import) if edits else row.edits
        row.settlement = row.settlement if settlement is None else settlement
        if awaited is not None:
            row.awaited = row.set_aside = awaited
        if set_aside is not None:
            row.set_aside = set_aside
            row.awaited = row.awaited and set_aside
            row.passed_over = row.passed_over if set_aside else ""

    if edits or any(decided is not None for decided in (set_aside, awaited, settlement)):
        row.others_changed = change(spreadsheet_import, [row], alter)
    if ticked is not None and ticked != row.ticked:
        _tick(row, ticked=ticked)
    row.refresh_from_db()  # reads the generated column
    return row


def _tick(row: ImportRow, *, ticked: bool) -> None:
    if ticked and not can_be_ticked(row.verdict, row.settlement):
        raise RowCannotBeTicked(f"La ligne {row.number} ne peut pas être appliquée telle quelle : corrigez-la d'abord.")
    row.ticked = ticked
    row.save(update_fields=["ticked"])


def _check_awaitable(row: ImportRow) -> None:
    if row.how or not row.uai:
        raise CannotAwait(
            f"La ligne {row.number} n'a pas d'UAI que l'annuaire ignore : il n'y a rien à attendre. Mettez-la de côté."
        )


def _check_resolution(row: ImportRow, settlement: str) -> None:
    if "lower_redeemed" in row.codes:
        raise CannotSettle(
            f"La clé de la ligne {row.number} est déjà activée : rien ne peut en être repris. Mettez-la de côté."
        )
    allowed = [resolution for code in row.codes for resolution in SETTLED_BY.get(code, ())]
    if row.verdict != Verdict.CONFLICT or not allowed:
        raise CannotSettle(f"La ligne {row.number} n'est pas en conflit : il n'y a rien à régler.")
    if settlement not in allowed:
        raise CannotSettle(f"La ligne {row.number} demande 0 licence : la clé se reprend, elle ne se réduit pas.")


def _merge_edits(row: ImportRow, edits: Mapping[str, str], spreadsheet_import: Import) -> dict[str, str]:
    """Return the edits that differ from the original cells."""
    written = row.cells | (
        {Meaning.UNITS.value: str(spreadsheet_import.units_for_all)}
        if spreadsheet_import.units_for_all is not None
        else {}
    )
    wanted = row.edits | {Meaning(meaning).value: text_of(text) for meaning, text in edits.items()}
    corrected = {meaning: text for meaning, text in wanted.items() if text != written.get(meaning, "")}
    chosen = uai.normalise(wanted.get(Meaning.UAI, ""))
    if list(edits) == [Meaning.UAI] and uai.is_valid(chosen) and row.how != How.UAI:
        # The unconfirmed UAI of the row was confirmed by a member.
        corrected[Meaning.UAI.value] = chosen
    return corrected


@transaction.atomic
def tick_all(*, import_id: int, ticked: bool, **filters: Unpack[Narrowing]) -> int:
    """Tick or untick all tickable rows of a filter; return how many changed."""
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    found = queries.rows(spreadsheet_import, **filters).filter(queries.tickable()).exclude(ticked=ticked)
    return ImportRow.objects.filter(pk__in=found.values("pk")).update(ticked=ticked)
