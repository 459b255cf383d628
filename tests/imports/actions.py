"""Actions on spreadsheet imports, as pages and the worker do them, for tests of imports."""

import io

import openpyxl

from imports import queries, tasks
from imports.enums import ImportState, Purpose
from imports.models import AnnotatedFile
from imports.operations import annotation, apply_rows, intake, upload
from imports.operations.apply_rows import build_guard
from tests.conftest import TERM
from tests.imports.sample_files import save_workbook, schools_csv


def upload_and_parse(pool, content, *, units_for_all=None, filename="écoles.csv", by=None):
    """Upload a file and parse it, as the worker does; return the import."""
    spreadsheet_import = upload.store_upload(
        pool_id=pool.pk, filename=filename, content=content, units_for_all=units_for_all, by=by, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


def answer_likely(spreadsheet_import):
    """Answer the question which rows to take as it is filled in, and parse the file again; return the import."""
    (question,) = [q for q in spreadsheet_import.layout.questions if q.code == "row_categories"]
    layout = spreadsheet_import.layout
    intake.choose_layout(
        import_id=spreadsheet_import.pk, sheets=[], header_row=layout.header_row, columns=layout.columns,
        answers={question.code: question.likely}, volume=layout.volume or "",
        units_for_all=None, by=None, at=TERM,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


def apply_portfolio_list(*rows, titles=("UAI", "Licences demandées")):
    """Apply a list of schools for the portfolio, as the worker does; return the import."""
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO,
        pool_id=None,
        filename="liste.csv",
        content=schools_csv(*rows, titles=titles),
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return confirm_and_apply(spreadsheet_import)


def required_count(spreadsheet_import):
    """Return the number that the confirmation guard requires, None where it requires none."""
    confirmation_guard = build_guard(spreadsheet_import)
    return confirmation_guard.number if confirmation_guard else None


def build_annotated(spreadsheet_import):
    """Return the annotated workbook of an import, opened by openpyxl."""
    annotation.request_annotation(import_id=spreadsheet_import.pk, at=TERM)
    tasks.annotate(import_id=spreadsheet_import.pk)
    return openpyxl.load_workbook(io.BytesIO(bytes(AnnotatedFile.objects.get(pk=spreadsheet_import.pk).content)))


def upload_corrected(pool, book, filename="corrigé.xlsx", **more):
    """Upload a corrected workbook and parse it, a second time where that was queued; return the import."""
    spreadsheet_import = upload_and_parse(pool, save_workbook(book), filename=filename, **more)
    if spreadsheet_import.state == ImportState.UPLOADED:
        tasks.read(import_id=spreadsheet_import.pk)
        spreadsheet_import.refresh_from_db()
    return spreadsheet_import


def confirm_and_apply(spreadsheet_import, *, only_valid=False, at=TERM):
    """Confirm an import, with the number that the guard requires, and apply it as the worker does."""
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        only_valid=only_valid,
        by=None,
        at=at,
    )
    tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=at.isoformat())
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.APPLIED, spreadsheet_import.refusal
    return spreadsheet_import
