"""Rows set aside until the directory knows their school, and resumed once it does."""

from __future__ import annotations

import datetime
from pathlib import PurePath
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from accounts.models import User
from collectivities import audit_log
from core import formatting
from core.calendar import date_in_paris
from core.workbook import WorksheetContent, build_workbook
from imports.enums import ImportState, Purpose, Volume
from imports.exceptions import NothingArrived, PoolEnded
from imports.layout import LayoutChoices
from imports.meanings import LABELS, Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.import_lock import lock_import
from imports.operations.recheck import change_rows
from imports.operations.upload import store_upload
from licensing.pools.models import Pool
from schools.models import School, SchoolState

#: States of imports with awaited rows: not those of a cancelled or undone import.
_STATES = (ImportState.CHECKED, ImportState.APPLIED)
_COLUMNS = (
    Meaning.UAI, Meaning.NAME, Meaning.COMMUNE, Meaning.UNITS, Meaning.EMAIL, Meaning.CLASSES, Meaning.CONTACT_NAME,
    Meaning.PHONE,
)  # fmt: skip
_SHEET = "Écoles"


class Arrival(NamedTuple):
    """An import, and the number of its awaited schools that are now in the directory."""

    spreadsheet_import: SpreadsheetImport
    schools: int


def _arrived_rows() -> QuerySet[ImportRow]:
    known = School.objects.filter(pk=OuterRef("uai")).exclude(state=SchoolState.CLOSED)
    return ImportRow.objects.filter(Exists(known), awaited=True)


def count_arrived() -> QuerySet[ImportRow, tuple[int, int]]:
    """Return (import id, number of its awaited schools that are now in the directory and open), lazily."""
    imports = SpreadsheetImport.objects.filter(state__in=_STATES)
    rows = _arrived_rows().filter(import_id__in=imports.values("pk")).order_by()
    return rows.values_list("import_id").annotate(n=Count("pk"))


def list_arrivals() -> list[Arrival]:
    """Return imports with awaited schools that are now in the directory and open, the latest first."""
    counts = dict(_arrived_rows().values_list("import_id").annotate(n=Count("pk")).order_by())
    if not counts:
        return []
    spreadsheet_imports = (
        SpreadsheetImport.objects.filter(pk__in=list(counts), state__in=_STATES).select_related("pool").order_by("-pk")
    )
    return [Arrival(spreadsheet_import, counts[spreadsheet_import.pk]) for spreadsheet_import in spreadsheet_imports]


@transaction.atomic
def resume_arrived(
    *, import_id: int, pool_id: int | None = None, by: User | None, at: datetime.datetime
) -> SpreadsheetImport:
    """Resume the arrived schools, in the import itself or, once applied, in a follow-up; return it.

    `pool_id`: another pool, if the original one has ended. Raises `NothingArrived`, `PoolEnded`.
    """
    spreadsheet_import = lock_import(import_id, *_STATES)
    rows = list(_arrived_rows().filter(import_id=spreadsheet_import.pk).order_by("sheet", "number"))
    if not rows:
        raise NothingArrived("Aucune école attendue par ce tableau n'est à reprendre : un autre membre l'a déjà fait.")
    if spreadsheet_import.state == ImportState.CHECKED:
        change_rows(spreadsheet_import, rows, _restore, look_up=True)
        follow_up = spreadsheet_import
    else:
        follow_up = store_upload(
            purpose=Purpose(spreadsheet_import.purpose),
            pool_id=_open_pool_id(spreadsheet_import, pool_id, at),
            filename=f"Écoles arrivées – {PurePath(spreadsheet_import.filename).stem[:200]}.xlsx",
            content=_build_workbook(rows, spreadsheet_import),
            units_for_all=None,
            volume=Volume.COLUMN if spreadsheet_import.purpose == Purpose.ALLOCATION else "",
            choices=LayoutChoices(
                sheets=[_SHEET],
                header_row=1,
                columns={meaning: index for index, meaning in enumerate(_COLUMNS)},
            ),
            by=by,
            at=at,
        )
        ImportRow.objects.filter(pk__in=[row.pk for row in rows]).update(awaited=False)
    audit_log.record(
        action="import.resumed",
        by=by,
        at=at,
        summary=(
            f"Tableau « {spreadsheet_import.filename} » : {formatting.pluralize(len(rows), 'école')} maintenant dans "
            "l'annuaire, "
            f"{'reprise' if len(rows) == 1 else 'reprises'} pour vérification."
        ),
        object_type="import",
        object_id=follow_up.pk,
    )
    return follow_up


def _restore(row: ImportRow) -> None:
    row.awaited = row.set_aside = False


def is_pool_open(pool: Pool | None, at: datetime.datetime) -> bool:
    """Return whether licences can still be allocated from a pool."""
    return pool is not None and pool.entitlement.available_on(date_in_paris(at))


def _open_pool_id(spreadsheet_import: SpreadsheetImport, chosen: int | None, at: datetime.datetime) -> int | None:
    if spreadsheet_import.purpose != Purpose.ALLOCATION:
        return None
    pool = Pool.objects.prefetch_related("entitlement").filter(pk=chosen or spreadsheet_import.pool_id or 0).first()
    if pool is None or not is_pool_open(pool, at):
        name = f"« {pool.name} » " if pool else ""
        raise PoolEnded(f"Le lot {name}ne donne plus de licences : choisissez-en un autre pour ces écoles.")
    return pool.pk


def _build_workbook(rows: list[ImportRow], spreadsheet_import: SpreadsheetImport) -> bytes:
    """Return a workbook of these rows with their edits, and a sheet that names the original import."""
    rows_of_cells = []
    for row in rows:
        values = {
            **row.cells,
            **row.edits,
            Meaning.UAI: row.uai,
            Meaning.UNITS: row.units,
            Meaning.EMAIL: row.email,
            Meaning.CLASSES: row.classes,
        }
        rows_of_cells.append([values.get(meaning, "") for meaning in _COLUMNS])
    day = formatting.long_date(date_in_paris(spreadsheet_import.created_at))
    provenance_note = (
        f"Tableau « {spreadsheet_import.filename} » du {day} : ces écoles n'étaient pas encore dans l'annuaire."
    )
    return build_workbook(
        WorksheetContent(
            _SHEET, [LABELS[meaning] for meaning in _COLUMNS], (12, 40, 24, 12, 36, 12, 24, 18), rows_of_cells
        ),
        WorksheetContent("Origine", [provenance_note], (100,), ()),
    )
