"""Progress of an import, visible outside its transaction, and requests to stop it.

The worker writes `ImportProgress` through a separate connection, so that it is visible before the work commits. A
failure to write progress does not fail the import.
"""

import datetime
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from django.db import Error
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from django_tenants.postgresql_backend.base import DatabaseWrapper

from core.connections import connection
from imports.models import ImportProgress
from licensing.pools.checks import AllocationStage
from tenants.lock_timeouts import set_transaction_lock_timeout

logger = logging.getLogger(__name__)

#: Labels of the steps; below, their share of the total time, as measured on 60,000 rows.
LABELS = {
    "waiting": "Le fichier attend son tour",
    "reading": "Lecture du fichier",
    "resolving": "Recherche des écoles dans l'annuaire",
    "checking_rows": "Vérification des lignes",
    "storing": "Enregistrement des lignes",
    AllocationStage.CHECKING.value: "Dernière vérification",
    AllocationStage.TAKING_BACK.value: "Réduction et reprise des licences",
    AllocationStage.KEYS.value: "Fabrication des clés",
    AllocationStage.ALLOCATIONS.value: "Attribution aux écoles",
    AllocationStage.JOURNAL.value: "Contrôle des attributions",
    AllocationStage.MESSAGES.value: "Préparation des e-mails",
    "portfolio": "Mise à jour du périmètre",
    AllocationStage.COMMITTING.value: "Validation de l'ensemble",
}
READING_SHARES = {"waiting": 0.0, "reading": 0.35, "resolving": 0.3, "checking_rows": 0.1, "storing": 0.25}
APPLYING_SHARES = {
    AllocationStage.CHECKING.value: 0.25,
    AllocationStage.TAKING_BACK.value: 0.05,
    AllocationStage.KEYS.value: 0.2,
    AllocationStage.ALLOCATIONS.value: 0.15,
    AllocationStage.JOURNAL.value: 0.1,
    AllocationStage.MESSAGES.value: 0.1,
    AllocationStage.COMMITTING.value: 0.15,
}
PORTFOLIO_SHARES = {AllocationStage.CHECKING.value: 0.4, "portfolio": 0.4, AllocationStage.COMMITTING.value: 0.2}
UNDOING_SHARES = {
    AllocationStage.CHECKING.value: 0.4,
    AllocationStage.TAKING_BACK.value: 0.5,
    AllocationStage.COMMITTING.value: 0.1,
}

#: Age after which progress without a job is deleted.
STALE_AFTER = datetime.timedelta(minutes=5)
#: Milliseconds that a write waits for a lock.
LOCK_TIMEOUT = 1_000
#: Minimum seconds between two writes within one step: pages poll once a second.
MIN_INTERVAL = 0.25

_BEGIN = """
INSERT INTO imports_importprogress (import_id, step, done, total, started_at, stop_requested)
VALUES (%s, '', 0, 0, %s, false)
ON CONFLICT (import_id) DO UPDATE SET step = '', done = 0, total = 0, started_at = excluded.started_at
"""
_UPDATE = (
    "UPDATE imports_importprogress SET step = %s, done = %s, total = %s WHERE import_id = %s RETURNING stop_requested"
)
_END = "DELETE FROM imports_importprogress WHERE import_id = %s"


class ImportStopped(Exception):
    """A member cancelled: the worker must roll back."""


class CurrentProgress(NamedTuple):
    """Progress of the worker, as shown on a page."""

    step: str
    label: str
    done: int
    total: int
    #: From 0 to 100; None while unknown.
    percent: int | None
    #: Estimated seconds left; None while unknown.
    left: int | None
    stopping: bool


class ProgressReporter:
    """Progress callback of an import. Called with a step, items done and total; raises `ImportStopped`."""

    def __init__(self, import_id: int, shares: Mapping[str, float], own: DatabaseWrapper | None) -> None:
        self._import_id, self._shares, self._connection = import_id, shares, own
        self._step, self._written_at = "", 0.0

    def __call__(self, step: str, done: int, total: int, /) -> None:
        """Write the progress, throttled within a step. Raises `ImportStopped` if a member cancelled."""
        now = time.monotonic()
        if self._connection is None or (step == self._step and now - self._written_at < MIN_INTERVAL):
            return
        self._step, self._written_at = str(step), now
        before = 0.0
        for name, share in self._shares.items():
            if name == step:
                before += share * (done / total if total else 0)
                break
            before += share
        try:
            with _write(self._connection) as cursor:
                cursor.execute(_UPDATE, [self._step, round(before * total), total, self._import_id])
                answer = cursor.fetchone()
        except Error:
            logger.warning("The progress of import %s could not be written", self._import_id, exc_info=True)
            return
        if answer is not None and answer[0]:
            raise ImportStopped


@contextmanager
def _write(own: DatabaseWrapper) -> Iterator[CursorWrapper]:
    """Yield a cursor whose statements are committed at the end."""
    own.ensure_connection()
    with own.wrap_database_errors, own.connection.transaction(), own.cursor() as cursor:
        # The work must not wait for a lock held by a page, nor for a WAL flush, which would include all that the work
        # itself has written so far.
        set_transaction_lock_timeout(cursor, LOCK_TIMEOUT)
        cursor.execute("SET LOCAL synchronous_commit = off")
        yield cursor


def _open_connection(import_id: int) -> DatabaseWrapper | None:
    """Open a connection for the progress alone, in the current schema, and clear it; None if that fails."""
    own = connection.copy()
    try:
        own.set_schema(connection.schema_name)
        with _write(own) as cursor:
            cursor.execute(_BEGIN, [import_id, timezone.now()])
    except Error:
        logger.warning("The progress of import %s cannot be shown", import_id, exc_info=True)
        own.close()
        return None
    return own


@contextmanager
def report_progress(import_id: int, shares: Mapping[str, float]) -> Iterator[ProgressReporter]:
    """Yield the progress callback of an import in the current schema, and clear its progress at the end.

    `shares`: the steps in order, with their share of the total time. An earlier request to stop is kept.
    """
    own = _open_connection(import_id)
    try:
        yield ProgressReporter(import_id, shares, own)
    finally:
        if own is not None:
            try:
                with _write(own) as cursor:
                    cursor.execute(_END, [import_id])
            except Error:
                logger.warning("The progress of import %s could not be cleared", import_id, exc_info=True)
            finally:
                own.close()


def clear(import_id: int) -> None:
    """Delete what an earlier run has left of an import's progress."""
    ImportProgress.objects.filter(pk=import_id).delete()


def request_stop(import_id: int) -> bool:
    """Ask the worker of an import to stop between two steps; return whether there is one."""
    return bool(ImportProgress.objects.filter(pk=import_id).update(stop_requested=True))


def get_current_progress(import_id: int, *, at: datetime.datetime) -> CurrentProgress | None:
    """Return the progress of an import, None if no worker is on it."""
    row = ImportProgress.objects.filter(pk=import_id).first()
    if row is None:
        return None
    percent = left = None
    if row.total and row.done:
        percent = min(99, 100 * row.done // row.total)
        elapsed = max(0.0, (at - row.started_at).total_seconds())
        left = max(1, round(elapsed * (row.total - row.done) / row.done))
    return CurrentProgress(
        step=row.step or "waiting",
        label=LABELS.get(row.step, LABELS["waiting"]),
        done=row.done,
        total=row.total,
        percent=percent,
        left=left,
        stopping=row.stop_requested,
    )
