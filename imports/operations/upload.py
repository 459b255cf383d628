"""Upload a file, or the corrected file of an earlier import: the rules, and its storage."""

import datetime
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from collectivities.letters import schedule_weekly_letter
from core.calendar import date_in_paris
from core.connections import connection
from core.copy_rows import copy_file
from core.exceptions import Refusal
from core.spreadsheets import clean_sheet_name
from imports import queries
from imports.columns import ADDED_TITLES, Meaning, is_added_title
from imports.enums import ImportState, Purpose, Volume
from imports.exceptions import PoolMissing, PoolNotOpen, WrongVolume
from imports.formats import limits
from imports.layout import LayoutChoices
from imports.models import CONTENTS_KEPT, ImportFile, SpreadsheetImport
from imports.operations.import_lock import READ_TASK, queue_task, record_in_journal
from imports.parsing.spreadsheet import ParsedSheet
from imports.workbooks import provenance
from imports.workbooks.provenance import extract_properties
from jobs.retention import schedule_pruning
from licensing.pools.models import Pool
from schools.folding import fold

# Corrected files: parsed with the layout of the import they correct.
#
# Decisions about rows are carried over by `intake`.


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
        choices = build_choices(earlier, choice)
        answers = {**choices.answers, **spreadsheet_import.choices.answers}
        spreadsheet_import.choices = replace(choices, answers=answers)
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


type Content = bytes | BinaryIO

_CHUNK_BYTES = 256 * 1024


def upload(
    *,
    purpose: Purpose,
    pool_id: int | None,
    volume: str,
    units_for_all: int | None,
    answers: Mapping[str, str] | None = None,
    filename: str,
    content: Content,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Check what a person or a program sends, then store the file and queue its parsing.

    `content`: an uploaded file is read in chunks, and never whole in memory. `answers`: by code of the question; of
    those that the table does not ask, none counts. Raises `Refusal` for an empty or too large
    file, or a pool or volume passed for the portfolio; `PoolMissing`, `PoolNotOpen`, `WrongVolume` for an allocation.
    No argument is silently ignored.
    """
    check_size(_get_size(content))
    if purpose == Purpose.PORTFOLIO:
        if pool_id is not None or volume or units_for_all is not None:
            raise Refusal(
                "not_an_allocation",
                "Un tableau du périmètre ne donne pas de licence : n'indiquez ni lot, ni nombre de licences.",
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
        choices=LayoutChoices(answers=answers or {}),
        by=by,
        at=at,
    )


def upload_again(
    earlier: SpreadsheetImport, *, pool_id: int | None, by: User | None, at: datetime.datetime
) -> SpreadsheetImport:
    """Store the file of a list of schools anew, to give the licences that it asks for, read on the same sheets.

    Raises `PoolMissing`, `PoolNotOpen`; `Refusal` where the file is kept no longer.
    """
    check_pool(pool_id, date_in_paris(at))
    file = ImportFile.objects.filter(pk=earlier.pk).first()
    if file is None:
        raise Refusal("contents_deleted", "Le fichier de ce tableau n'est plus gardé : déposez-le de nouveau.")
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
    """Check the bytes of a file, before or after they are loaded. Raises `Refusal`."""
    if not size:
        raise Refusal("empty_file", "Ce fichier est vide.")
    if size > limits.MAX_BYTES:
        raise Refusal("file_too_large", "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux.")


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
    record_in_journal("import.uploaded", spreadsheet_import, f"déposé pour {target}", by=by, at=at)
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
