"""Updates of the directory by URL: download, apply; or hold the file until the operator has agreed to it."""

from __future__ import annotations

import datetime
import gzip
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from django.db import transaction
from django_tenants.utils import get_public_schema_name

from accounts.models import User
from core.advisory_locks import try_session_lock
from core.calendar import date_in_paris, start_of_day
from core.copy_rows import copy_file
from core.exceptions import DomainError
from jobs.tasks import defer
from schools.directory.download import download
from schools.directory.models import ChangeVerdict, DirectoryChange, DirectorySync, HeldDirectoryFile, SyncOutcome
from schools.directory.operations import SyncReport, synchronise
from schools.directory.records import FileOrigin, record_run
from schools.exceptions import ConfirmationNeeded, DirectoryRefused, DownloadFailed, SynchronisationInProgress

#: Task that applies the file to which the operator agreed.
APPLY_HELD = "schools.apply_held_directory"
#: From this hour in Paris on, once a day: the national file changes at most daily, and few people use the site.
_FIRST_HOUR = datetime.timedelta(hours=3)
_GZIP = b"\x1f\x8b"
_TABLE = f"public.{HeldDirectoryFile._meta.db_table}"  # noqa: SLF001 - documented
_STILL_HELD = "Le fichier du site est celui qui attend votre accord."


class NothingHeld(DomainError):
    """The file no longer waits: it was agreed to, or another came."""

    code = "nothing_held"


class UpdateResult(NamedTuple):
    """What became of an update; `report` where a file was applied."""

    outcome: SyncOutcome
    reason: str = ""
    report: SyncReport | None = None


def is_update_due(url: str, *, at: datetime.datetime) -> bool:
    """Whether today's update from this URL has not been tried yet; before 3:00, none is due."""
    first = start_of_day(date_in_paris(at)) + _FIRST_HOUR
    return at >= first and not DirectorySync.objects.filter(url=url, at__gte=first).exists()


def update_from_url(
    *, url: str, full: bool = False, accept_closures: bool = False, by: User | None, at: datetime.datetime
) -> UpdateResult:
    """Download the file of a URL and synchronise the schools with it; record the run, whatever becomes of it.

    Unlike other operations it is in no transaction, as a download takes minutes. A file that needs somebody's agreement
    is kept for them. Raises `SynchronisationInProgress`, having recorded nothing, while another one runs.
    """
    with try_session_lock("schools/directory/update") as is_free:
        if not is_free:
            raise SynchronisationInProgress("Une autre mise à jour de l'annuaire est en cours : attendez sa fin.")
        with tempfile.NamedTemporaryFile(prefix="peps-directory-") as file:
            return _update(file, url=url, full=full, accept_closures=accept_closures, by=by, at=at)


def _update(
    file: IO[bytes], *, url: str, full: bool, accept_closures: bool, by: User | None, at: datetime.datetime
) -> UpdateResult:
    known = _get_known_file(url, full=full, accept_closures=accept_closures)
    origin = FileOrigin(Path(urlsplit(url).path).name or url, url)

    def record(outcome: SyncOutcome, reason: str) -> UpdateResult:
        record_run(outcome=outcome, origin=origin, full=full, reason=reason, by=by, at=at)
        return UpdateResult(outcome, reason)

    try:
        etag, last_modified = (known.etag, known.last_modified) if known else ("", "")
        downloaded = download(url, file, etag=etag, last_modified=last_modified)
    except DownloadFailed as failure:
        return record(SyncOutcome.FAILED, str(failure))
    if downloaded is not None:
        origin = replace(origin, **downloaded._asdict())
    elif known is not None:
        origin = get_origin(known)
    if downloaded is None or (known is not None and downloaded.sha256 == known.sha256):
        return record(SyncOutcome.UNCHANGED, _STILL_HELD if HeldDirectoryFile.objects.exists() else "")
    try:
        report = synchronise(
            path=Path(file.name), full=full, accept_closures=accept_closures, origin=origin, by=by, at=at
        )
    except SynchronisationInProgress:
        raise
    except ConfirmationNeeded as doubt:
        _hold(file, doubt, origin=origin, full=full, by=by, at=at)
        return UpdateResult(SyncOutcome.HELD, str(doubt))
    except DirectoryRefused as refusal:
        return record(SyncOutcome.REFUSED, str(refusal))
    return UpdateResult(SyncOutcome.APPLIED, report=report)


def _get_known_file(url: str, *, full: bool, accept_closures: bool) -> DirectorySync | None:
    """Return the run with the file that is not to be read again: the latest one's, where it was read from this URL."""
    last = DirectorySync.objects.exclude(outcome=SyncOutcome.FAILED).order_by("-pk").first()
    if last is None or (last.url, last.full) != (url, full) or last.outcome == SyncOutcome.REFUSED:
        return None
    return None if accept_closures and HeldDirectoryFile.objects.exists() else last


@transaction.atomic
def _hold(
    file: IO[bytes],
    doubt: ConfirmationNeeded,
    *,
    origin: FileOrigin,
    full: bool,
    by: User | None,
    at: datetime.datetime,
) -> None:
    """Keep the file, compressed, in place of another that waited."""
    HeldDirectoryFile.objects.all().delete()
    sync = record_run(
        outcome=SyncOutcome.HELD, origin=origin, full=full, report=doubt.report, reason=str(doubt), by=by, at=at
    )
    with tempfile.TemporaryFile(prefix="peps-directory-") as packed:
        file.seek(0)
        is_packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not is_packed:
            with gzip.GzipFile(fileobj=packed, mode="wb") as writer:
                shutil.copyfileobj(file, writer)
        source = file if is_packed else packed
        source.seek(0, 2)
        copy_file(_TABLE, ("sync_id", "content"), sync.pk, source, source.tell())


@transaction.atomic
def accept_held_file(*, sync_id: int, by: User, at: datetime.datetime) -> None:
    """Agree to the file that the run keeps, and queue its application. Raises `NothingHeld`."""
    held = HeldDirectoryFile.objects.locked().defer("content").filter(sync_id=sync_id).first()
    if held is None:
        raise NothingHeld("Ce fichier n'attend plus votre accord : un autre est venu depuis, ou l'annuaire est à jour.")
    if held.accepted_at is not None:
        raise NothingHeld("L'accord est déjà donné : l'annuaire se met à jour.")
    held.accepted_at, held.accepted_by = at, by
    held.save(update_fields=["accepted_at", "accepted_by"])
    defer(APPLY_HELD, schema=get_public_schema_name(), sync_id=sync_id)


def apply_held_file(*, sync_id: int, at: datetime.datetime) -> None:
    """Apply the file to which the operator agreed, or record why not. Once; nothing where it no longer waits.

    Raises `SynchronisationInProgress` while another one runs.
    """
    try:
        _apply(sync_id, at)
    except SynchronisationInProgress:
        raise
    except DirectoryRefused as refusal:
        _give_up(sync_id, str(refusal), at)


@transaction.atomic
def _apply(sync_id: int, at: datetime.datetime) -> None:
    held = (
        HeldDirectoryFile.objects.locked()
        .select_related("sync", "accepted_by")
        .filter(sync_id=sync_id, accepted_at__isnull=False)
        .first()
    )
    if held is None:
        return
    closures = DirectoryChange.objects.filter(sync_id=sync_id, verdict=ChangeVerdict.CLOSED)
    with tempfile.NamedTemporaryFile(prefix="peps-directory-") as file:
        file.write(held.content)
        file.flush()
        synchronise(
            path=Path(file.name),
            full=held.sync.full,
            origin=get_origin(held.sync),
            agreed_closures=frozenset(closures.values_list("uai", flat=True)),
            by=held.accepted_by,
            at=at,
        )


@transaction.atomic
def _give_up(sync_id: int, reason: str, at: datetime.datetime) -> None:
    waiting = HeldDirectoryFile.objects.locked().defer("content").select_related("sync", "accepted_by")
    held = waiting.filter(sync_id=sync_id).first()
    if held is None:
        return
    record_run(
        outcome=SyncOutcome.REFUSED,
        origin=get_origin(held.sync),
        full=held.sync.full,
        reason=reason,
        by=held.accepted_by,
        at=at,
    )
    held.delete()


def get_origin(sync: DirectorySync) -> FileOrigin:
    """Return where the file of a run came from."""
    return FileOrigin(sync.file_name, sync.url, sync.etag, sync.last_modified, sync.sha256)
