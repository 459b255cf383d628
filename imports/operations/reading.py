"""A file comes in, is read, and is read again as the member says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.db import transaction

from collectivities import audit
from imports import facts, storing
from imports.enums import ImportState, Purpose, Volume
from imports.meanings import Meaning
from imports.models import Import, ImportFile, RememberedLayout
from imports.operations import carrying, correcting
from imports.operations.locking import READ_TASK, locked, queue
from imports.reading.table import Choices, Known, Remembered
from imports.resolving import resolve_all, uais_of
from imports.verdicts import Asked, judge_each
from licensing.pools.models import Pool
from licensing.pools.operations import unwatched
from schools.queries import communes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from accounts.models import User
    from imports.reading.table import Table
    from licensing.pools.operations import Watch
    from schools.recognition import Glance


@transaction.atomic
def upload(
    *,
    purpose: Purpose = Purpose.ATTRIBUTION,
    pool_id: int | None,
    filename: str,
    content: bytes,
    units_for_all: int | None,
    volume: str = "",
    choices: Mapping[str, Any] | None = None,
    corrects: Import | None = None,
    by: User | None,
    at: datetime.datetime,
) -> Import:
    """Store a file as it came and queue its reading. `choices`: what is known of its layout beforehand.

    `corrects`: the import whose corrected file this is; where it is not said, the file may say it itself.
    """
    pool = Pool.objects.get(pk=pool_id or 0) if purpose == Purpose.ATTRIBUTION else None
    table = Import(
        purpose=purpose,
        pool=pool,
        filename=filename[-255:],
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        volume=volume,
        units_for_all=units_for_all,
        choices=dict(choices or {}),
        created_at=at,
        created_by_id=by.pk if by else None,
    )
    earlier, choice = correcting.earlier_of(content, purpose=purpose, pool_id=pool_id)
    if corrects is not None and earlier != corrects:
        earlier, choice = corrects, None
    if earlier is not None:
        correcting.take_over(table, earlier, choice)
    table.save()
    ImportFile.objects.create(of=table, content=content)
    aim = f"le lot « {pool.name} »" if pool else "le périmètre"
    audit.record(
        action="import.uploaded",
        by=by,
        at=at,
        summary=f"Tableau « {table.filename} » déposé pour {aim}.",
        object_type="import",
        object_id=table.pk,
    )
    queue(READ_TASK, table)
    return table


@transaction.atomic
def choose(
    *,
    import_id: int,
    sheets: Sequence[str] | None,
    header_row: int | None,
    columns: Mapping[str, int | None],
    volume: str = "",
    units_for_all: int | None,
    by: User | None,
    at: datetime.datetime,
) -> Import:
    """Have the file read again, as the member says.

    Rows of another sheet or column are other rows: nothing that was corrected, settled, put aside or ticked is kept.

    What the columns mean is remembered for the next file with the same titles.
    """
    table = locked(import_id, ImportState.READ, ImportState.CHECKED)
    table.choices = {"sheets": list(sheets) if sheets else None, "header_row": header_row, "columns": dict(columns)}
    table.volume, table.units_for_all = volume, units_for_all
    table.state = ImportState.UPLOADED
    table.refusal = ""
    table.save(update_fields=["choices", "volume", "units_for_all", "state", "refusal"])
    if columns:
        remember(table, columns, by=by, at=at)
    queue(READ_TASK, table)
    return table


def remember(table: Import, columns: Mapping[str, int | None], *, by: User | None, at: datetime.datetime) -> None:
    """Keep what the columns of this header mean, for the next file that has it. A table without titles has none."""
    if not table.layout.get("shape"):
        return
    RememberedLayout.objects.update_or_create(
        purpose=table.purpose,
        shape=table.layout["shape"],
        defaults={
            "titles": table.layout["titles"],
            # A column of our own in an annotated workbook is no part of the table.
            "columns": {meaning: index for meaning, index in columns.items() if meaning != Meaning.CHOICE},
            "volume": table.volume or table.layout.get("volume") or "",
            "confirmed_at": at,
            "confirmed_by_id": by.pk if by else None,
        },
    )


def remember_layout(table: Import, *, by: User | None, at: datetime.datetime) -> None:
    """Keep the layout that was found and, by whoever goes on with it, confirmed: next year it is not asked about.

    A meaning that no column was found for is left open; one that the member took away stays away.
    """
    taken_away = {meaning: index for meaning, index in table.choices.get("columns", {}).items() if index is None}
    remember(table, taken_away | table.layout.get("columns", {}), by=by, at=at)


def choices_of(table: Import) -> Choices:
    """Return what was decided about the reading of an import."""
    columns = {Meaning(meaning): index for meaning, index in table.choices.get("columns", {}).items()}
    return Choices(
        purpose=Purpose(table.purpose),
        sheets=table.choices.get("sheets"),
        header_row=table.choices.get("header_row"),
        columns=columns,
        volume=Volume(table.volume) if table.volume else None,
        units_for_all=table.units_for_all,
    )


def known(table: Import) -> Known:
    """Return what the collectivity and the directory know that helps to read the file."""
    remembered = {
        shape: Remembered(
            {Meaning(meaning): index for meaning, index in columns.items()}, Volume(volume) if volume else None
        )
        for shape, columns, volume in RememberedLayout.objects.filter(purpose=table.purpose).values_list(
            "shape", "columns", "volume"
        )
    }
    return Known(remembered, communes())


@transaction.atomic
def keep_reading(*, import_id: int, read: Table, watch: Watch = unwatched) -> Import:
    """Store what was read, each row with its verdict. Does nothing where the import was cancelled meanwhile.

    `watch` is told of each step before it begins; what it raises undoes everything.
    """
    table = correcting.lock_with_earlier(import_id)
    if table.state != ImportState.UPLOADED or correcting.read_otherwise(table, read):
        return table
    first = read.regions[0] if read.regions else None
    table.layout = {
        "kind": read.kind,
        "sheets": read.sheets,
        "read": [region._asdict() for region in read.regions],
        "sheet": read.sheets[first.sheet] if first else "",
        "header_row": first.header_row if first else None,
        "titles": read.titles,
        "preview": read.preview,
        "columns": {meaning.value: index for meaning, index in read.columns.items()},
        "volume": read.volume,
        "shape": read.shape,
        "remembered": read.remembered,
        "questions": [question.as_json() for question in read.questions],
        "remarks": read.remarks,
        "rows": len(read.rows),
    }
    watch("resolving", 0, len(read.rows))
    seen: dict[str, Glance] = {}
    schools = resolve_all(((row, {}) for row in read.rows), seen)
    watch("judging", 0, len(read.rows))
    situation = facts.situation_of(table, uais_of(schools), seen)
    asked = [Asked(row, school) for row, school in zip(read.rows, schools, strict=True)]
    watch("storing", 0, len(read.rows))
    storing.store(table.pk, judge_each(asked, situation))
    table.state = ImportState.READ if read.questions else ImportState.CHECKED
    table.save(update_fields=["layout", "state", "corrects_id"])
    carrying.carry_over(table)
    return table


@transaction.atomic
def reject(*, import_id: int, sentence: str, code: str = "") -> Import:
    """Refuse the file; the sentence stays with it, and its code for programs."""
    table = Import.objects.locked().get(pk=import_id)
    if table.state == ImportState.UPLOADED and not correcting.read_afresh(table):
        table.state, table.refusal = ImportState.REJECTED, sentence
        table.layout = {"refused": code}
        table.save(update_fields=["state", "refusal", "layout"])
    return table
