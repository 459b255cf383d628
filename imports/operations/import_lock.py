"""Lock an import and check its state; record what was done to it; queue tasks of the import worker."""

import datetime
from collections.abc import Sequence
from typing import Any

from accounts.models import User
from collectivities import audit_log
from core import formatting
from core.connections import connection
from core.exceptions import DomainError, Refusal
from imports.enums import ImportState
from imports.layout import LayoutQuestion
from imports.models import SpreadsheetImport
from jobs.housekeeping import count_live_jobs
from jobs.tasks import defer

READ_TASK = "imports.read"
APPLY_TASK = "imports.apply"
UNDO_TASK = "imports.undo"
RECOVER_TASK = "imports.recover"
ANNOTATE_TASK = "imports.annotate"
#: Imports of large files wait in a queue of their own, so that a small one never waits for them.
QUEUE = "imports"
LARGE_QUEUE = "imports_large"
#: Bytes from which a file is large: some 2,000 rows.
LARGE_SIZE = 200_000
#: States before an import is applied, rejected or cancelled.
OPEN_STATES = (ImportState.UPLOADED, ImportState.READ, ImportState.CHECKED, ImportState.APPLYING)


class QuestionsOpen(DomainError):
    """What was asked of an import waits for the answers to the questions about its table."""

    code = "questions_open"

    def __init__(self, questions: Sequence[LayoutQuestion]) -> None:
        count = formatting.pluralize(len(questions), "question")
        super().__init__(f"Ce tableau pose encore {count} : rien n'est fait avant d'y avoir répondu.")
        self.questions = questions


def lock_import(import_id: int, *states: ImportState) -> SpreadsheetImport:
    """Lock an import in one of `states` and return it. Raises `Refusal`; `QuestionsOpen` where answers lead there."""
    spreadsheet_import = SpreadsheetImport.objects.locked().filter(pk=import_id).first()
    if spreadsheet_import is None:
        raise Refusal("unknown_import", "Ce tableau n'existe pas dans votre collectivité.")
    if spreadsheet_import.state not in states:
        if spreadsheet_import.state == ImportState.READ and ImportState.CHECKED in states:
            raise QuestionsOpen(spreadsheet_import.layout.questions)
        state_label = ImportState(spreadsheet_import.state).label.lower()
        raise Refusal(
            "invalid_state",
            f"Ce tableau est maintenant dans l'état « {state_label} » : cette action n'est plus possible.",
        )
    return spreadsheet_import


def record_in_journal(
    action: str, spreadsheet_import: SpreadsheetImport, what: str, *, by: User | None, at: datetime.datetime
) -> None:
    """Record in the journal what was done to an import: « Tableau « ecoles.xlsx » défait : … ».

    `what` follows the file's name.
    """
    audit_log.record(
        action=action,
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » {what}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )


def queue_task(task: str, spreadsheet_import: SpreadsheetImport, **arguments: Any) -> None:
    """Queue a task on an import, to start when this transaction commits.

    The tasks of an import never run concurrently, nor do two large imports of one collectivity. The more imports of a
    collectivity wait, the later the next one comes: whoever sends a hundred files delays nobody but themselves.
    """
    schema = connection.schema_name
    is_large = spreadsheet_import.size >= LARGE_SIZE
    defer(
        task,
        schema=schema,
        queue=LARGE_QUEUE if is_large else QUEUE,
        lock=f"imports:{schema}" if is_large else f"import:{schema}:{spreadsheet_import.pk}",
        priority=-count_live_jobs(queues=(QUEUE, LARGE_QUEUE), schema=schema),
        import_id=spreadsheet_import.pk,
        **arguments,
    )
