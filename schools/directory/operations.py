"""Synchronise the schools with a file of the national directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection, transaction

from core.advisory_locks import try_transaction_lock
from schools.directory import merge, staging
from schools.directory.files import DirectoryFile
from schools.exceptions import SynchronisationInProgress, TooManyClosures
from schools.models import DirectorySync, School, SchoolState

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

    from accounts.models import User
    from schools.directory.rows import RefusedRow


#: Maximum share of open schools that a file may close without confirmation: beyond, it is probably partial.
MAX_CLOSURE_SHARE = 0.02


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
    *, path: Path, full: bool = False, accept_closures: bool = False, by: User | None, at: datetime.datetime
) -> SyncReport:
    """Update the schools from the file at `path`, and return a report. Idempotent.

    `full`: the file covers the whole country, so that a school missing from it is closed; a partial file closes
    nothing. Schools are never deleted; one that reappears is reopened.

    Raises, having changed nothing, `DirectoryRefused` for an unusable file, `TooManyClosures` where it would close more
    than 2 % of the open schools without `accept_closures`, and `SynchronisationInProgress` while another one runs.
    """
    _lock()
    refused = staging.copy_rows(DirectoryFile(path))
    merged = staging.merge_duplicates()
    merge.compare(full=full, refused=[row.uai for row in refused if row.uai], at=at)
    report = SyncReport(file_name=path.name, full=full, merged=merged, refused=refused)
    changes_by_verdict = {
        "added": report.added,
        "changed": report.changed,
        "closed": report.closed,
        "reopened": report.reopened,
    }
    for verdict, uai, name, fields in merge.list_changes():
        changes_by_verdict[verdict].append(SchoolChange(uai, name, fields))
    _fill_counts(report)
    if not accept_closures:
        _check_closures(report)
    merge.apply_changes(at=at)
    DirectorySync.objects.create(at=at, by=by, file_name=path.name[-255:], full=full, **report.counts())
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


def _check_closures(report: SyncReport) -> None:
    open_schools = School.objects.exclude(state=SchoolState.CLOSED).count()
    closures = len(report.closed)
    if closures > MAX_CLOSURE_SHARE * open_schools:
        raise TooManyClosures(
            f"Ce fichier fermerait {closures} des {open_schools} établissements ouverts, plus de 2 % : est-il complet ?"
            " Rien n'a été changé. Si ces fermetures sont voulues, relancez avec --accept-closures."
        )
