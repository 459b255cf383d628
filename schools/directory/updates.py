"""Updates of the directory by URL: download, apply; or hold the file until the operator has agreed to it."""

import asyncio
import datetime
import functools
import gzip
import hashlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.db import transaction
from django_tenants.utils import get_public_schema_name

from accounts.models import User
from core import outgoing_addresses
from core.advisory_locks import try_session_lock
from core.calendar import date_in_paris, start_of_day
from core.copy_rows import copy_file
from core.exceptions import DomainError
from jobs.tasks import defer
from schools.directory.models import ChangeVerdict, DirectoryChange, DirectorySync, HeldDirectoryFile, SyncOutcome
from schools.directory.operations import ConfirmationNeeded, FileOrigin, SyncReport, record_run, synchronise
from schools.exceptions import DirectoryRefused, DownloadFailed, SynchronisationInProgress

if TYPE_CHECKING:
    from aiohttp import ClientResponse

#: The national file has 45 MB.
MAX_BYTES = 200 * 1024 * 1024
#: Seconds of the whole download, redirections included, and of a silence in it.
TOTAL_TIMEOUT, SILENCE_TIMEOUT = 600.0, 60.0
_MAX_REDIRECTS = 5
_CHUNK_BYTES = 256 * 1024
_REDIRECTIONS = {301, 302, 303, 307, 308}
_OK, _NOT_MODIFIED = 200, 304
#: Longer values of a server are not asked for again.
_MAX_ETAG, _MAX_DATE = 255, 40


class DownloadedFile(NamedTuple):
    """What was written, and what its server said of it, to be asked for again; empty where it said nothing."""

    sha256: str
    etag: str
    last_modified: str


def check_url(url: str) -> None:
    """Check that the URL may be downloaded: https, or http outside of production. Raises `DownloadFailed`."""
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or parts.scheme not in ("http", "https") or parts.username is not None:
        raise DownloadFailed("Cette adresse n'est pas celle d'un fichier à télécharger : écrivez https://…")
    if parts.scheme == "http" and settings.PRODUCTION:
        raise DownloadFailed(
            "Le fichier ne se télécharge qu'à une adresse en https : en clair, il pourrait être changé."
        )


def download(url: str, target: IO[bytes], *, etag: str = "", last_modified: str = "") -> DownloadedFile | None:
    """Write the file to `target`; None where the server says that it is still the one of `etag` or `last_modified`.

    Raises `DownloadFailed`. Redirections are followed, to addresses that are checked in the same way.
    """
    import aiohttp  # noqa: PLC0415 - every process knows this module's task; once a day one downloads

    known = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    try:
        return asyncio.run(_download(url, target, {name: value for name, value in known.items() if value}))
    except TimeoutError as error:
        raise DownloadFailed("Le téléchargement dure trop longtemps : il a été arrêté.") from error
    except aiohttp.ClientPayloadError as error:
        raise DownloadFailed("Le téléchargement s'est arrêté avant la fin du fichier.") from error
    except aiohttp.ClientSSLError as error:
        raise DownloadFailed("Le site n'a pas de certificat valable.") from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, outgoing_addresses.AddressNotAllowed):
            raise DownloadFailed(outgoing_addresses.PRIVATE_NETWORK) from error
        raise DownloadFailed("Le site ne peut pas être joint.") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise DownloadFailed("Le site a répondu autre chose que du HTTP, ou s'est tu.") from error


async def _download(url: str, target: IO[bytes], known: dict[str, str]) -> DownloadedFile | None:
    """As `download`. `known`: the headers by which the server knows that it has nothing new."""
    import aiohttp  # noqa: PLC0415 - as above

    headers = {"Accept-Encoding": "identity", "User-Agent": "Peps-Directory/1", **known}
    socket_factory = functools.partial(
        outgoing_addresses.create_socket, private_networks=settings.DIRECTORY_PRIVATE_NETWORKS
    )
    async with (
        asyncio.timeout(TOTAL_TIMEOUT),
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=socket_factory),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_TIMEOUT, sock_read=SILENCE_TIMEOUT),
            auto_decompress=False,
            trust_env=False,
        ) as session,
    ):
        for _ in range(_MAX_REDIRECTS + 1):
            check_url(url)
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in _REDIRECTIONS:
                    if response.status == _NOT_MODIFIED and known:
                        return None
                    return await _read(response, target)
                url = urljoin(url, response.headers.get("Location", ""))
    raise DownloadFailed(f"Le site renvoie d'une adresse à l'autre plus de {_MAX_REDIRECTS} fois.")


async def _read(response: "ClientResponse", target: IO[bytes]) -> DownloadedFile:
    if response.status != _OK:
        raise DownloadFailed(f"Le site répond par une erreur ({response.status}).")
    if response.content_type == "text/html":
        raise DownloadFailed("Le site répond par une page web, non par un fichier.")
    digest, size = hashlib.sha256(), 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BYTES:
            raise DownloadFailed(f"Le fichier dépasse {MAX_BYTES // 1024 // 1024} Mo.")
        digest.update(chunk)
        target.write(chunk)
    target.flush()
    etag, last_modified = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
    return DownloadedFile(
        digest.hexdigest(),
        etag if len(etag) <= _MAX_ETAG else "",
        last_modified if len(last_modified) <= _MAX_DATE else "",
    )


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
