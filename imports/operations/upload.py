"""Upload a file, or the corrected file of an earlier import: the rules, and its storage."""

from __future__ import annotations

import datetime
import hashlib
import io
from typing import BinaryIO

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from collectivities.letter_days import schedule_weekly_letter
from core.calendar import date_in_paris
from core.copy_rows import copy_file
from imports import queries
from imports.enums import Purpose, Volume
from imports.exceptions import (
    ContentsDeleted,
    EmptyFile,
    FileTooLarge,
    PoolMissing,
    PoolNotOpen,
    PortfolioHasNoUnits,
    WrongVolume,
)
from imports.formats import limits
from imports.layout import LayoutChoices
from imports.models import CONTENTS_KEPT, ImportFile, SpreadsheetImport
from imports.operations.corrected_file import find_corrected_import, inherit_settings
from imports.operations.import_lock import READ_TASK, queue_task
from imports.workbooks.property_archive import extract_properties
from jobs.retention import schedule_pruning
from licensing.pools.models import Pool

type Content = bytes | BinaryIO

_CHUNK_BYTES = 256 * 1024


def upload(
    *,
    purpose: Purpose,
    pool_id: int | None,
    volume: str,
    units_for_all: int | None,
    filename: str,
    content: Content,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Check what a person or a program sends, then store the file and queue its parsing.

    `content`: an uploaded file is read in chunks, and never whole in memory.
    Raises `EmptyFile`, `FileTooLarge`; `PoolMissing`, `PoolNotOpen`, `WrongVolume` for an allocation;
    `PortfolioHasNoUnits` if a pool or a volume is passed for the portfolio. No argument is silently ignored.
    """
    check_size(_get_size(content))
    if purpose == Purpose.PORTFOLIO:
        if pool_id is not None or volume or units_for_all is not None:
            raise PortfolioHasNoUnits(
                "Un tableau du périmètre ne donne pas de licence : n'indiquez ni lot, ni nombre de licences."
            )
    else:
        check_pool(pool_id, date_in_paris(at))
        check_volume(volume, units_for_all)
    return store_upload(
        purpose=purpose,
        pool_id=pool_id,
        filename=filename,
        content=content,
        # A column is the default.
        volume="" if volume == Volume.COLUMN else volume,
        units_for_all=units_for_all,
        by=by,
        at=at,
    )


def upload_again(
    earlier: SpreadsheetImport, *, pool_id: int | None, by: User | None, at: datetime.datetime
) -> SpreadsheetImport:
    """Store the file of a list of schools anew, to give the licences that it asks for, read on the same sheets.

    Raises `PoolMissing`, `PoolNotOpen`; `ContentsDeleted` where the file is kept no longer.
    """
    check_pool(pool_id, date_in_paris(at))
    file = ImportFile.objects.filter(pk=earlier.pk).first()
    if file is None:
        raise ContentsDeleted("Le fichier de ce tableau n'est plus gardé : déposez-le de nouveau.")
    return store_upload(
        purpose=Purpose.ALLOCATION,
        pool_id=pool_id,
        filename=earlier.filename,
        content=bytes(file.content),
        units_for_all=None,
        choices=LayoutChoices(sheets=earlier.choices.sheets, header_row=earlier.choices.header_row),
        by=by,
        at=at,
    )


def check_size(size: int) -> None:
    """Check the bytes of a file, before or after they are loaded. Raises `EmptyFile`, `FileTooLarge`."""
    if not size:
        raise EmptyFile("Ce fichier est vide.")
    if size > limits.MAX_BYTES:
        raise FileTooLarge("Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux.")


def check_pool(pool_id: int | None, day: datetime.date) -> None:
    """Check that an allocation takes from a valid pool with free licences. Raises `PoolMissing`, `PoolNotOpen`."""
    if pool_id is None:
        raise PoolMissing("Indiquez le lot dans lequel prendre les licences.")
    if not queries.list_open_pools(day).filter(pk=pool_id).exists():
        raise PoolNotOpen(
            f"Le lot n° {pool_id} ne donne pas de licence : il n'est pas à votre collectivité, il a pris fin, ou il "
            "n'en reste aucune."
        )


def check_volume(volume: str, units_for_all: int | None) -> None:
    """Check that one number for all schools is given where the volume says so. Raises `WrongVolume`."""
    if (volume == Volume.ALL) != (units_for_all is not None):
        raise WrongVolume("« volume » vaut « all » si « units_for_all » dit combien, et seulement alors.")


@transaction.atomic
def store_upload(
    *,
    purpose: Purpose = Purpose.ALLOCATION,
    pool_id: int | None,
    filename: str,
    content: Content,
    units_for_all: int | None,
    volume: str = "",
    choices: LayoutChoices | None = None,
    corrects: SpreadsheetImport | None = None,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Store a file for this pool and volume as they are, and queue its parsing.

    `choices`: layout choices known beforehand. `corrects`: the import that this file corrects; by default detected from
    the file's provenance.
    """
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    size = _get_size(content)
    pool = Pool.objects.get(pk=pool_id or 0) if purpose == Purpose.ALLOCATION else None
    spreadsheet_import = SpreadsheetImport(
        purpose=purpose,
        pool=pool,
        filename=filename[-255:],
        size=size,
        sha256=_hash_file(file),
        volume=volume,
        units_for_all=units_for_all,
        choices=choices or LayoutChoices(),
        created_at=at,
        created_by_id=by.pk if by else None,
    )
    earlier, choice = find_corrected_import(extract_properties(file), purpose=purpose, pool_id=pool_id)
    if corrects is not None and earlier != corrects:
        earlier, choice = corrects, None
    if earlier is not None:
        inherit_settings(spreadsheet_import, earlier, choice)
    spreadsheet_import.save()
    copy_file("imports_importfile", ("of_id", "content"), spreadsheet_import.pk, file, size)
    target = f"le lot « {pool.name} »" if pool else "le périmètre"
    audit_log.record(
        action="import.uploaded",
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » déposé pour {target}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )
    queue_task(READ_TASK, spreadsheet_import)
    schedule_weekly_letter(at)
    schedule_pruning(at + CONTENTS_KEPT)
    return spreadsheet_import


def _get_size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.seek(0, io.SEEK_END)


def _hash_file(file: BinaryIO) -> str:
    """Return the SHA-256 of a file, read in chunks."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
