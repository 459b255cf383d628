"""Actions on spreadsheet imports, as pages and the worker do them, for tests of imports."""

from __future__ import annotations

from imports import operations, queries, tasks
from imports.confirmation_guard import build_guard
from imports.enums import ImportState
from tests.conftest import TERM


def upload_and_parse(pool, content, *, units_for_all=None, filename="écoles.csv", by=None):
    """Upload a file and parse it, as the worker does; return the import."""
    spreadsheet_import = operations.store_upload(
        pool_id=pool.pk, filename=filename, content=content, units_for_all=units_for_all, by=by, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


def required_count(spreadsheet_import):
    """Return the number that the confirmation guard requires, None where it requires none."""
    confirmation_guard = build_guard(spreadsheet_import)
    return confirmation_guard.number if confirmation_guard else None


def confirm_and_apply(spreadsheet_import, *, at=TERM):
    """Confirm an import, with the number that the guard requires, and apply it as the worker does."""
    operations.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=at,
    )
    tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=at.isoformat())
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.APPLIED, spreadsheet_import.refusal
    return spreadsheet_import
