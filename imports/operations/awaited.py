"""Rows kept aside until the directory knows their school, and taken up again once it does."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from collectivities import audit
from imports.enums import ImportState, Purpose, Verdict, Volume
from imports.exceptions import LotEnded, NothingArrived
from imports.meanings import LABELS, Meaning
from imports.models import Import, ImportRow
from imports.operations.locking import locked
from imports.operations.reading import upload
from imports.operations.rejudging import change
from imports.workbooks.tables import Page, workbook
from licensing.catalogue.operations import day_in_france
from licensing.pools.models import Pool
from schools.models import School, SchoolState
from web import typography

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet

    from accounts.models import User

#: Where rows may still be waited for: of an import that was given up or taken back, nothing is.
_WAITING = (ImportState.CHECKED, ImportState.APPLIED)
_COLUMNS = (
    Meaning.UAI, Meaning.NAME, Meaning.COMMUNE, Meaning.UNITS, Meaning.EMAIL, Meaning.CLASSES, Meaning.CONTACT_NAME,
    Meaning.PHONE,
)  # fmt: skip
_SHEET = "Écoles"


class Arrival(NamedTuple):
    """An import, and how many of the schools that it waits for the directory now knows."""

    table: Import
    schools: int


def keep_aside(table: Import) -> int:
    """Keep the rows of an applied import whose school the directory does not know yet; return how many."""
    left_out = ImportRow.objects.filter(import_id=table.pk, verdict=Verdict.ERROR, codes__contains=["unknown_school"])
    return left_out.exclude(uai="").update(awaited=True)


def _arrived_rows() -> QuerySet[ImportRow]:
    known = School.objects.filter(pk=OuterRef("uai")).exclude(state=SchoolState.CLOSED)
    return ImportRow.objects.filter(Exists(known), awaited=True)


def arrived() -> list[Arrival]:
    """Return the imports some of whose awaited schools are now in the directory and open, the latest first."""
    counts = dict(_arrived_rows().values_list("import_id").annotate(n=Count("pk")).order_by())
    if not counts:
        return []
    tables = Import.objects.filter(pk__in=list(counts), state__in=_WAITING).select_related("pool").order_by("-pk")
    return [Arrival(table, counts[table.pk]) for table in tables]


@transaction.atomic
def take_up(*, import_id: int, pool_id: int | None = None, by: User | None, at: datetime.datetime) -> Import:
    """Offer the schools that arrived for verification: in the import itself, else in one that follows it; return it.

    `pool_id`: another lot, where the first one gives nothing any more. Raises `NothingArrived`, `LotEnded`.
    """
    table = locked(import_id, *_WAITING)
    rows = list(_arrived_rows().filter(import_id=table.pk).order_by("sheet", "number"))
    if not rows:
        raise NothingArrived("Aucune école attendue par ce tableau n'est à reprendre : un autre membre l'a déjà fait.")
    if table.state == ImportState.CHECKED:
        change(table, rows, _take_back, look_up=True)
        follow_up = table
    else:
        follow_up = upload(
            purpose=Purpose(table.purpose),
            pool_id=_pool_id(table, pool_id, at),
            filename=f"Écoles arrivées – {PurePath(table.filename).stem[:200]}.xlsx",
            content=_content(rows, table),
            units_for_all=None,
            volume=Volume.COLUMN if table.purpose == Purpose.ATTRIBUTION else "",
            choices={
                "sheets": [_SHEET],
                "header_row": 1,
                "columns": {meaning.value: index for index, meaning in enumerate(_COLUMNS)},
            },
            by=by,
            at=at,
        )
        ImportRow.objects.filter(pk__in=[row.pk for row in rows]).update(awaited=False)
    audit.record(
        action="import.taken_up",
        by=by,
        at=at,
        summary=(
            f"Tableau « {table.filename} » : {typography.plural(len(rows), 'école')} maintenant dans l'annuaire, "
            f"{'reprise' if len(rows) == 1 else 'reprises'} pour vérification."
        ),
        object_type="import",
        object_id=follow_up.pk,
    )
    return follow_up


def _take_back(row: ImportRow) -> None:
    row.awaited = row.set_aside = False


def lot_is_open(pool: Pool | None, at: datetime.datetime) -> bool:
    """Tell whether licences can still be given from a lot."""
    return pool is not None and pool.source.usable_on(day_in_france(at))


def _pool_id(table: Import, chosen: int | None, at: datetime.datetime) -> int | None:
    if table.purpose != Purpose.ATTRIBUTION:
        return None
    pool = Pool.objects.select_related("source").filter(pk=chosen or table.pool_id or 0).first()
    if pool is None or not lot_is_open(pool, at):
        name = f"« {pool.name} » " if pool else ""
        raise LotEnded(f"Le lot {name}ne donne plus de licences : choisissez-en un autre pour ces écoles.")
    return pool.pk


def _content(rows: list[ImportRow], table: Import) -> bytes:
    """Return a table of these rows, with what was corrected in them; and where they come from."""
    lines = []
    for row in rows:
        said = {
            **row.cells,
            **row.edits,
            Meaning.UAI: row.uai,
            Meaning.UNITS: row.units,
            Meaning.EMAIL: row.email,
            Meaning.CLASSES: row.classes,
        }
        lines.append([said.get(meaning, "") for meaning in _COLUMNS])
    day = typography.day(day_in_france(table.created_at))
    origin = f"Tableau « {table.filename} » du {day} : ces écoles n'étaient pas encore dans l'annuaire."
    return workbook(
        Page(_SHEET, [LABELS[meaning] for meaning in _COLUMNS], (12, 40, 24, 12, 36, 12, 24, 18), lines),
        Page("Origine", [origin], (100,), ()),
    )
