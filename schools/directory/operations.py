"""Synchronise the schools with a file of the national directory."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection, transaction

from accounts.models import User
from core.advisory_locks import try_transaction_lock
from schools.directory import merge, staging
from schools.directory.doubts import check_agreement, check_doubts
from schools.directory.models import HeldDirectoryFile, SyncOutcome
from schools.directory.reading import DirectoryFile
from schools.directory.records import FileOrigin, record_run
from schools.directory.rows import RefusedRow
from schools.exceptions import SynchronisationInProgress


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
    added: list[SchoolChange] = field(default_factory=list)
    changed: list[SchoolChange] = field(default_factory=list)
    closed: list[SchoolChange] = field(default_factory=list)
    reopened: list[SchoolChange] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the counts, by field of `DirectorySync`."""
        return {
            "rows": self.rows,
            "added": len(self.added),
            "changed": len(self.changed),
            "closed": len(self.closed),
            "reopened": len(self.reopened),
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
    report.refused = staging.copy_rows(file)
    report.columns = file.fields
    report.merged = staging.merge_duplicates()
    merge.compare(full=full, refused=[row.uai for row in report.refused if row.uai], at=at)
    changes_by_verdict = {
        "added": report.added,
        "changed": report.changed,
        "closed": report.closed,
        "reopened": report.reopened,
    }
    for verdict, uai, name, fields in merge.list_changes():
        changes_by_verdict[verdict].append(SchoolChange(uai, name, fields))
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
