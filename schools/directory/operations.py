"""Synchronise the schools with a file of the national directory."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from accounts.models import User
from core.advisory_locks import try_transaction_lock
from core.copy_rows import copy_rows
from core.foreign_values import parse_header_date
from core.formatting import join_words, long_moment, number, pluralize
from schools.directory import merge
from schools.directory.files import get_column_name
from schools.directory.models import ChangeVerdict, DirectoryChange, DirectorySync, HeldDirectoryFile, SyncOutcome
from schools.directory.reading import DirectoryFile, RefusedRow
from schools.exceptions import DirectoryRefused, SynchronisationInProgress
from schools.models import School, SchoolState

#: Share of the open schools that a file closes, and of its lines that it lacks, beyond which it is probably partial.
MAX_LOST_SHARE = 0.02


class ConfirmationNeeded(DirectoryRefused):
    """The file is readable, but changes so much, or is so unlike the one before, that somebody must agree."""

    code = "confirmation_needed"

    def __init__(self, sentence: str, report: SyncReport) -> None:
        super().__init__(sentence)
        #: What the file would change.
        self.report = report


class TooManyClosures(ConfirmationNeeded):
    """A full file would close so many schools that confirmation is required."""

    code = "too_many_closures"


def check_doubts(report: SyncReport, *, url: str, last_modified: str, accept_closures: bool) -> None:
    """Raise `ConfirmationNeeded`, with all its sentences, where somebody must agree to the file.

    A file that was downloaded is also compared with the last one that was applied from the same address.
    """
    closures = "" if accept_closures else _describe_closures(report)
    last = None
    if url:
        last = DirectorySync.objects.filter(url=url, outcome=SyncOutcome.APPLIED).order_by("-pk").first()
    others = [] if last is None else _compare(report, last_modified, last, may_shrink=accept_closures or bool(closures))
    if closures:
        raise TooManyClosures(" ".join([closures, *others]), report)
    if others:
        raise ConfirmationNeeded(" ".join(others), report)


def check_agreement(report: SyncReport, agreed_closures: Collection[str]) -> None:
    """Raise `TooManyClosures` where the file closes schools that are not in the list that was read."""
    unread = [school.uai for school in report.closed if school.uai not in agreed_closures]
    if unread:
        raise TooManyClosures(
            f"Depuis votre accord, ce fichier fermerait {pluralize(len(unread), 'établissement')} de plus que la liste"
            " que vous avez lue. Rien n'a été changé.",
            report,
        )


def _describe_closures(report: SyncReport) -> str:
    open_schools = School.objects.exclude(state=SchoolState.CLOSED).count()
    closures = len(report.closed)
    if closures <= MAX_LOST_SHARE * open_schools:
        return ""
    return (
        f"Ce fichier fermerait {number(closures)} des {pluralize(open_schools, 'établissement')} ouverts, plus de 2 % :"
        " est-il complet ?"
    )


def _compare(report: SyncReport, last_modified: str, last: DirectorySync, *, may_shrink: bool) -> list[str]:
    sentences = []
    if not may_shrink and report.rows < (1 - MAX_LOST_SHARE) * last.rows:
        sentences.append(
            f"Le fichier a {pluralize(report.rows, 'ligne')}, et le précédent en avait {number(last.rows)}."
        )
    lost = [f"« {get_column_name(field)} »" for field in last.columns if field not in report.columns]
    if lost:
        columns = "la colonne" if len(lost) == 1 else "les colonnes"
        sentences.append(f"Le fichier n'a plus {columns} {join_words(lost)}, que le précédent avait.")
    dated, dated_before = _parse_date(last_modified), _parse_date(last.last_modified)
    if dated is not None and dated_before is not None and dated < dated_before:
        sentences.append(
            f"Le fichier est plus ancien que le précédent : {_format_date(dated)}, et {_format_date(dated_before)}."
        )
    return sentences


def _parse_date(text: str) -> datetime.datetime | None:
    try:
        # A date without a zone is written in UTC.
        return parse_header_date(text, default_zone=datetime.UTC)
    except ValueError:
        return None


def _format_date(date: datetime.datetime) -> str:
    return f"le {long_moment(timezone.localtime(date))}"


_TABLE = f"public.{DirectoryChange._meta.db_table}"  # noqa: SLF001 - documented
_COLUMNS = {"sync_id": "int8", "verdict": "varchar", "uai": "varchar", "name": "varchar", "fields": "jsonb"}


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """Where a file came from, and what its server said of it; fields of `DirectorySync`."""

    file_name: str
    url: str = ""
    etag: str = ""
    last_modified: str = ""
    sha256: str = ""


@transaction.atomic
def record_run(
    *,
    outcome: SyncOutcome,
    origin: FileOrigin,
    full: bool,
    report: SyncReport | None = None,
    reason: str = "",
    by: User | None,
    at: datetime.datetime,
) -> DirectorySync:
    """Record a run, with what it changed or would have changed."""
    names = asdict(origin) | {"file_name": origin.file_name[-255:]}
    found = {} if report is None else {"columns": report.columns, **report.counts()}
    sync = DirectorySync.objects.create(at=at, by=by, outcome=outcome, reason=reason, full=full, **names, **found)
    if report is not None:
        copy_rows(_TABLE, _COLUMNS, _list_changes(sync, report))
    return sync


def _list_changes(sync: DirectorySync, report: SyncReport) -> Iterator[tuple[object, ...]]:
    for verdict in ChangeVerdict:
        for school in getattr(report, verdict):
            yield (sync.pk, verdict.value, school.uai, school.name, Jsonb(school.fields))


@dataclass(frozen=True, slots=True)
class SchoolChange:
    """A school that the file changes, and the fields that differ."""

    uai: str
    name: str
    fields: list[str]


@dataclass(slots=True)
class SyncReport:
    """Result of a synchronisation."""

    file_name: str
    full: bool
    #: Names of the fields that the file has.
    columns: list[str] = field(default_factory=list)
    rows: int = 0
    #: Rows merged into another of the same UAI.
    merged: int = 0
    unchanged: int = 0
    # By verdict: the names of `merge.list_changes`.
    added: list[SchoolChange] = field(default_factory=list)
    changed: list[SchoolChange] = field(default_factory=list)
    closed: list[SchoolChange] = field(default_factory=list)
    reopened: list[SchoolChange] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the counts, by field of `DirectorySync`."""
        return {
            "rows": self.rows,
            **{verdict: len(getattr(self, verdict)) for verdict in ("added", "changed", "closed", "reopened")},
            "unchanged": self.unchanged,
            "refused": len(self.refused),
        }


@transaction.atomic
def synchronise(
    *,
    path: Path,
    full: bool = False,
    accept_closures: bool = False,
    origin: FileOrigin | None = None,
    agreed_closures: Collection[str] | None = None,
    by: User | None,
    at: datetime.datetime,
) -> SyncReport:
    """Update the schools from the file at `path`, and return a report. Idempotent.

    `full`: the file covers the whole country, so that a school missing from it is closed; a partial file closes
    nothing. Schools are never deleted; one that reappears is reopened. `origin`: where it was downloaded.
    `agreed_closures`: the schools of the list that the operator agreed to, having read what is doubtful of this file.

    Raises, having changed nothing, `DirectoryRefused` for an unusable file, `ConfirmationNeeded` where it would close
    more than 2 % of the open schools without `accept_closures` or is unlike the one downloaded before, and
    `SynchronisationInProgress` while another one runs.
    """
    _lock()
    origin = origin or FileOrigin(path.name)
    report = SyncReport(file_name=origin.file_name, full=full)
    file = DirectoryFile(path)
    report.refused = merge.copy_rows(file)
    report.columns = file.fields
    report.merged = merge.merge_duplicates()
    merge.compare(full=full, refused=[row.uai for row in report.refused if row.uai], at=at)
    for verdict, uai, name, fields in merge.list_changes():
        getattr(report, verdict).append(SchoolChange(uai, name, fields))
    _fill_counts(report)
    if agreed_closures is None:
        check_doubts(report, url=origin.url, last_modified=origin.last_modified, accept_closures=accept_closures)
    else:
        check_agreement(report, agreed_closures)
    merge.apply_changes(at=at)
    # What waited for the operator is older than what the schools are now.
    HeldDirectoryFile.objects.all().delete()
    record_run(outcome=SyncOutcome.APPLIED, origin=origin, full=full, report=report, by=by, at=at)
    return report


def _lock() -> None:
    if not try_transaction_lock("schools/directory"):
        raise SynchronisationInProgress(
            "Une autre synchronisation de l'annuaire est en cours : attendez qu'elle finisse."
        )


def _fill_counts(report: SyncReport) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM directory_rows")
        (schools,) = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM directory_changes WHERE uai IN (SELECT uai FROM directory_rows)")
        (touched,) = cursor.fetchone()
    report.rows = schools + report.merged + len(report.refused)
    report.unchanged = schools - touched
