"""Upload a file, choose its layout, and store the parsed rows."""

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
    """Store a file and queue its parsing. `choices`: layout choices known beforehand.

    `corrects`: the import that this file corrects; by default detected from the file's provenance.
    """
    pool = Pool.objects.get(pk=pool_id or 0) if purpose == Purpose.ATTRIBUTION else None
    spreadsheet_import = Import(
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
        correcting.take_over(spreadsheet_import, earlier, choice)
    spreadsheet_import.save()
    ImportFile.objects.create(of=spreadsheet_import, content=content)
    target = f"le lot « {pool.name} »" if pool else "le périmètre"
    audit.record(
        action="import.uploaded",
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » déposé pour {target}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )
    queue(READ_TASK, spreadsheet_import)
    return spreadsheet_import


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
    """Store layout choices and queue the file to be parsed again.

    Edits, conflict resolutions, set-aside flags and ticks are lost. The meanings of the columns are remembered for the
    next file with the same titles.
    """
    spreadsheet_import = locked(import_id, ImportState.READ, ImportState.CHECKED)
    spreadsheet_import.choices = {
        "sheets": list(sheets) if sheets else None,
        "header_row": header_row,
        "columns": dict(columns),
    }
    spreadsheet_import.volume, spreadsheet_import.units_for_all = volume, units_for_all
    spreadsheet_import.state = ImportState.UPLOADED
    spreadsheet_import.refusal = ""
    spreadsheet_import.save(update_fields=["choices", "volume", "units_for_all", "state", "refusal"])
    if columns:
        remember(spreadsheet_import, columns, by=by, at=at)
    queue(READ_TASK, spreadsheet_import)
    return spreadsheet_import


def remember(
    spreadsheet_import: Import, columns: Mapping[str, int | None], *, by: User | None, at: datetime.datetime
) -> None:
    """Remember the meanings of these columns by header row; no-op without header row."""
    if not spreadsheet_import.layout.get("shape"):
        return
    RememberedLayout.objects.update_or_create(
        purpose=spreadsheet_import.purpose,
        shape=spreadsheet_import.layout["shape"],
        defaults={
            "titles": spreadsheet_import.layout["titles"],
            # The column added to an annotated workbook is not part of the data.
            "columns": {meaning: index for meaning, index in columns.items() if meaning != Meaning.CHOICE},
            "volume": spreadsheet_import.volume or spreadsheet_import.layout.get("volume") or "",
            "confirmed_at": at,
            "confirmed_by_id": by.pk if by else None,
        },
    )


def remember_layout(spreadsheet_import: Import, *, by: User | None, at: datetime.datetime) -> None:
    """Remember the detected layout, which the member confirmed by applying the import.

    A meaning without a column stays open, unless the member removed it.
    """
    taken_away = {
        meaning: index for meaning, index in spreadsheet_import.choices.get("columns", {}).items() if index is None
    }
    remember(spreadsheet_import, taken_away | spreadsheet_import.layout.get("columns", {}), by=by, at=at)


def choices_of(spreadsheet_import: Import) -> Choices:
    """Return the layout choices of an import."""
    columns = {Meaning(meaning): index for meaning, index in spreadsheet_import.choices.get("columns", {}).items()}
    return Choices(
        purpose=Purpose(spreadsheet_import.purpose),
        sheets=spreadsheet_import.choices.get("sheets"),
        header_row=spreadsheet_import.choices.get("header_row"),
        columns=columns,
        volume=Volume(spreadsheet_import.volume) if spreadsheet_import.volume else None,
        units_for_all=spreadsheet_import.units_for_all,
    )


def known(spreadsheet_import: Import) -> Known:
    """Return parsing hints: remembered layouts and names of communes."""
    remembered = {
        shape: Remembered(
            {Meaning(meaning): index for meaning, index in columns.items()}, Volume(volume) if volume else None
        )
        for shape, columns, volume in RememberedLayout.objects.filter(purpose=spreadsheet_import.purpose).values_list(
            "shape", "columns", "volume"
        )
    }
    return Known(remembered, communes())


@transaction.atomic
def keep_reading(*, import_id: int, read: Table, watch: Watch = unwatched) -> Import:
    """Store the parsed rows with their verdicts. No-op if the import was cancelled meanwhile.

    `watch`: called before each step; an exception rolls everything back.
    """
    spreadsheet_import = correcting.lock_with_earlier(import_id)
    if spreadsheet_import.state != ImportState.UPLOADED or correcting.read_otherwise(spreadsheet_import, read):
        return spreadsheet_import
    first = read.regions[0] if read.regions else None
    spreadsheet_import.layout = {
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
    glances_by_uai: dict[str, Glance] = {}
    schools = resolve_all(((row, {}) for row in read.rows), glances_by_uai)
    watch("judging", 0, len(read.rows))
    context = facts.situation_of(spreadsheet_import, uais_of(schools), glances_by_uai)
    requests = [Asked(row, school) for row, school in zip(read.rows, schools, strict=True)]
    watch("storing", 0, len(read.rows))
    storing.store(spreadsheet_import.pk, judge_each(requests, context))
    spreadsheet_import.state = ImportState.READ if read.questions else ImportState.CHECKED
    spreadsheet_import.save(update_fields=["layout", "state", "corrects_id"])
    carrying.carry_over(spreadsheet_import)
    return spreadsheet_import


@transaction.atomic
def reject(*, import_id: int, sentence: str, code: str = "") -> Import:
    """Reject the file, with a French reason and a code for programs."""
    spreadsheet_import = Import.objects.locked().get(pk=import_id)
    if spreadsheet_import.state == ImportState.UPLOADED and not correcting.read_afresh(spreadsheet_import):
        spreadsheet_import.state, spreadsheet_import.refusal = ImportState.REJECTED, sentence
        spreadsheet_import.layout = {"refused": code}
        spreadsheet_import.save(update_fields=["state", "refusal", "layout"])
    return spreadsheet_import
