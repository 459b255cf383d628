"""Records of the runs: where the file came from, what became of it, and which schools it changed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from psycopg.types.json import Jsonb

from accounts.models import User
from core.copy_rows import copy_rows
from schools.directory.models import ChangeVerdict, DirectoryChange, DirectorySync, SyncOutcome

if TYPE_CHECKING:
    from schools.directory.operations import SyncReport


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
    changes = {
        ChangeVerdict.CLOSED: report.closed,
        ChangeVerdict.REOPENED: report.reopened,
        ChangeVerdict.CHANGED: report.changed,
    }
    for verdict, schools in changes.items():
        for school in schools:
            yield (sync.pk, verdict.value, school.uai, school.name, Jsonb(school.fields))
